// Bytes from disk to checked UTF-8. Whole files are held in memory: they are read once, before training.
#include "src/data/text_file.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include <tapedeck/base/words.h>

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

void check_readable(const std::string& path) {
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (status.type() == fs::file_type::not_found) throw data_error(path, 0, "there is no such file", missing_remedy(path));
  if (status.type() == fs::file_type::none)
    throw data_error(path, 0, text("cannot be opened: ", failed.message()), "check the path");
  if (fs::is_directory(status)) throw data_error(path, 0, "is a directory, not a file", "name a file inside it");
  if (!fs::is_regular_file(status) && !fs::is_fifo(status))
    throw data_error(path, 0, "is neither a file nor a pipe", "name a text file");
}

/// The bytes of the file, inflated if they are gzip.
std::string read_bytes(const std::string& path) {
  check_readable(path);
  errno = 0;
  std::unique_ptr<gzFile_s, decltype(&gzclose)> file(gzopen(path.c_str(), "rb"), &gzclose);
  if (!file) throw data_error(path, 0, text("cannot be opened: ", std::strerror(errno)), "check the path and its permissions");
  std::string bytes;
  constexpr unsigned chunk = 1u << 20;
  for (int got = 1; got > 0;) {
    const size_t had = bytes.size();
    bytes.resize(had + chunk);
    got = gzread(file.get(), bytes.data() + had, chunk);
    bytes.resize(had + size_t(std::max(got, 0)));
  }
  int code = Z_OK;
  const char* reason = gzerror(file.get(), &code);  // a file cut short reports only here
  if (code != Z_OK && code != Z_STREAM_END)
    throw data_error(path, 0, text("cannot be read to its end: ", code == Z_ERRNO ? std::strerror(errno) : reason),
                     "the compressed file is damaged or was cut short; copy it again");
  if (path.ends_with(".gz") && !bytes.empty() && gzdirect(file.get()))
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

TextFile load_text(const std::string& path, Encoding encoding) {
  std::string bytes = read_bytes(path);
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
