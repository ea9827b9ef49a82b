// Bytes from disk to checked UTF-8. Whole files are held in memory: they are read once, before training.
#include "src/data/text_file.h"

#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <new>
#include <vector>

#include <tapedeck/base/words.h>

#include "src/base/open_file.h"
#include "src/data/unicode.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

/// Finds a neighbour whose name could have been meant, or says which folder is missing.
std::string missing_remedy(const fs::path& path) {
  std::error_code ignored;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (!fs::is_directory(folder, ignored)) return text("the folder ", folder.string(), " does not exist either; check the path");
  std::vector<std::string> names;
  for (fs::directory_iterator at(folder, ignored), end; !ignored && at != end; at.increment(ignored))
    names.push_back(at->path().filename().string());
  const std::string close = suggest(path.filename().string(), names);
  return close.empty() ? "check the path" : close;
}

Error too_large(const std::string& path, std::string_view what, int64_t most) {
  return data_error(path, 0, text(what, " more than ", most >> 20, " MiB"),
                    "if that is right and there is memory for it, raise \"max_file_mib\" of the data");
}

std::string stored_bytes(const std::string& path, int64_t most) {
  OpenFile file(path);
  const auto refuse = [&] {
    if (!file.problem().empty()) throw data_error(path, 0, file.problem(), file.missing() ? missing_remedy(path) : file.remedy());
  };
  refuse();
  if (file.size() > most) throw too_large(path, "has", most);
  std::string bytes;
  bytes.reserve(size_t(std::max<int64_t>(file.size(), 0)));
  file.read(bytes, size_t(most) + 1);
  refuse();
  if (int64_t(bytes.size()) > most) throw too_large(path, "has", most);
  return bytes;
}

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

/// What gzip members hold, one after the other; what follows the last one is ignored, as gzip does.
std::string unfolded(std::string_view folded, const std::string& path, int64_t most) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> end(&stream, &inflateEnd);
  std::string bytes;
  while (is_gzip(folded)) {
    inflateReset(&stream);
    for (int code = Z_OK; code != Z_STREAM_END;) {
      constexpr size_t piece = size_t{1} << 20, mouthful = size_t{1} << 30;
      const size_t had = bytes.size(), given = std::min(folded.size(), mouthful);
      if (bytes.capacity() < had + piece) bytes.reserve(std::min(std::max(2 * had, had + piece), size_t(most) + piece));
      bytes.resize(had + piece);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(folded.data()));
      stream.avail_in = unsigned(given);
      stream.next_out = reinterpret_cast<Bytef*>(bytes.data() + had);
      stream.avail_out = unsigned(piece);
      code = inflate(&stream, Z_NO_FLUSH);
      bytes.resize(had + piece - stream.avail_out);
      folded.remove_prefix(given - stream.avail_in);
      if (code != Z_OK && code != Z_STREAM_END)
        throw data_error(path, 0, text("cannot be read to its end: ", stream.msg ? stream.msg : "unexpected end of file"),
                         "the compressed file is damaged or was cut short; copy it again");
      if (int64_t(bytes.size()) > most) throw too_large(path, "unfolds to", most);
    }
  }
  return bytes;
}

/// The bytes of the file, inflated if they are gzip.
std::string read_bytes(const std::string& path, int64_t most) {
  std::string bytes = stored_bytes(path, most);
  if (is_gzip(bytes)) return unfolded(bytes, path, most);
  if (path.ends_with(".gz") && !bytes.empty())
    throw data_error(path, 0, "is not a gzip file although its name ends in .gz", "rename it or compress it");
  return bytes;
}

std::string latin1_to_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (char c : bytes) unicode::append(out, uint8_t(c));
  return out;
}

int64_t line_of(std::string_view content, size_t offset) {
  return 1 + std::count(content.begin(), content.begin() + std::ptrdiff_t(offset), '\n');
}

}  // namespace

Error data_error(std::string_view file, int64_t line, std::string_view message, std::string hint) {
  return Error(ErrorKind::data, line ? text(file, ":", line, ": ", message) : text(file, ": ", message), std::move(hint));
}

TextFile load_text(const std::string& path, Encoding encoding, int64_t most) {
  std::string bytes = read_bytes(path, most);
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF"))
    throw data_error(path, 1, "starts with the byte-order mark of UTF-16", "convert the file to UTF-8");
  if (const size_t nul = bytes.find('\0'); nul != std::string::npos)
    throw data_error(path, line_of(bytes, nul), text("byte ", nul, " of the file is NUL"),
                     "this is no text file, or its encoding is UTF-16; convert it to UTF-8");
  const bool marked = bytes.starts_with("\xEF\xBB\xBF");
  if (encoding == Encoding::latin1 && !marked) return {path, latin1_to_utf8(bytes)};
  if (const size_t bad = unicode::valid_prefix(bytes); bad < bytes.size()) {
    char hex[8];
    std::snprintf(hex, sizeof hex, "0x%02X", uint8_t(bytes[bad]));
    throw data_error(path, line_of(bytes, bad), text("byte ", bad, " of the file (", hex, ") is not valid UTF-8"),
                     "set \"encoding\": \"latin-1\", or convert the file to UTF-8");
  }
  if (marked) bytes.erase(0, 3);
  return {path, std::move(bytes)};
}

bool Lines::next(Line& line) {
  if (rest_.empty()) return false;
  const size_t end = rest_.find('\n');
  line = {rest_.substr(0, end), ++number_};
  if (line.text.ends_with('\r')) line.text.remove_suffix(1);
  rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
  return true;
}

}  // namespace tapedeck
