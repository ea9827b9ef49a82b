// Every user mistake is an Error with a kind, a place and a hint; our own mistakes are assertions.
// The kind decides the exit code of the tool (docs/guide/errors.md). Next: base/json.h for places in files.
#pragma once
#include <concepts>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <string>
#include <string_view>

namespace tapedeck {

enum class ErrorKind {
  internal,    // exit 1: ours, please report
  usage,       // exit 2: command line
  config,      // exit 3: experiment file
  data,        // exit 4: missing or malformed data, disk full
  checkpoint,  // exit 5: checkpoint does not fit model or version
  non_finite,  // exit 6: training left the finite numbers
  memory,      // exit 8: more memory than there is
  shape,       // the rest come from library calls; in the tool they end as exit 1
  dtype,
  stale,  // a tensor handle outlived its row on the tape
  index,
  value,
};
int exit_code(ErrorKind kind);  // 7 is several seeds, some of which failed

class Error : public std::exception {
 public:
  /// message: what is wrong, naming the op, file, key or tensor. hint: what to do about it (may be empty).
  Error(ErrorKind kind, std::string message, std::string hint = {});
  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  const std::string& where() const { return where_; }
  /// Adds a place ("encoder.layers.2.attention", "train.tsv:17"), innermost first.
  Error& at(std::string_view place);
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  void render();
  ErrorKind kind_;
  std::string message_, hint_, where_, what_;
};

/// Whatever was thrown, as an Error: exhausted memory as Error{memory}, what the file system refuses as Error{data}, other
/// exceptions as Error{internal}.
Error as_error(std::exception_ptr thrown);

/// A piece of a message: words, or a number as C++ streams write it (%g for doubles, 1 and 0 for bool), whatever the locale.
class TextPiece {
 public:
  TextPiece(std::string_view words) : words_(words) {}
  TextPiece(const char* words) : words_(words) {}
  TextPiece(const std::string& words) : words_(words) {}
  TextPiece(unsigned char) = delete;
  TextPiece(signed char) = delete;
  TextPiece(char c) : digits_{c}, words_(digits_, 1) {}
  TextPiece(double value);
  template <std::integral T>
  TextPiece(T value) : TextPiece(value < T(0), uint64_t(value)) {}
  TextPiece(const TextPiece&) = delete;
  std::string_view words() const { return words_; }

 private:
  TextPiece(bool negative, uint64_t bits);
  char digits_[24];
  std::string_view words_;
};
std::string join_pieces(std::initializer_list<TextPiece> pieces);

/// Builds a message from pieces without a formatting library: text("row ", 3, " has ", 2, " columns").
template <class... Parts>
std::string text(const Parts&... parts) {
  return join_pieces({TextPiece(parts)...});
}

}  // namespace tapedeck
