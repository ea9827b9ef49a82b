// A text file in memory as valid UTF-8, whatever it was on disk (gzip, Latin-1, byte-order mark), and its lines.
// Every reader and the vocabulary start here, so every message about a file looks the same. Next: file_reader.h.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include <tapedeck/base/error.h>

namespace tapedeck {

enum class Encoding { utf8, latin1 };

struct TextFile {
  std::string name;     // path, for messages
  std::string content;  // valid UTF-8 without a byte-order mark or NUL bytes
};
/// 2 GiB: a text is held in memory whole, and a few kilobytes of gzip can unfold to more than any machine has.
constexpr int64_t most_text_bytes = int64_t{2} << 30;
/// Throws Error{data} for a file that is missing, not a file, larger than `most` (before or after it unfolds), a damaged gzip,
/// not text, or not in this encoding; the latter name line and byte offset.
TextFile load_text(const std::string& path, Encoding encoding, int64_t most = most_text_bytes);

/// Error{data} "train.tsv:17: ..."; line 0 leaves the number out.
Error data_error(std::string_view file, int64_t line, std::string_view message, std::string hint);

struct Line {
  std::string_view text;  // without "\n" or "\r\n"
  int64_t number = 0;     // 1-based
};
/// Walks over the lines of a text; the last one may lack its line break.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  bool next(Line& line);

 private:
  std::string_view rest_;
  int64_t number_ = 0;
};

}  // namespace tapedeck
