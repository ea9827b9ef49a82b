// Every user mistake is an Error with a kind, a place and a hint; our own mistakes are assertions.
// The kind decides the exit code of the tool (docs/guide/errors.md). Next: base/json.h for places in files.
#pragma once
#include <exception>
#include <string>
#include <string_view>

namespace tapedeck {

enum class ErrorKind {
  internal,     // exit 1: ours, please report
  usage,        // exit 2: command line
  config,       // exit 3: experiment file
  data,         // exit 4: missing or malformed data, disk full
  checkpoint,   // exit 5: checkpoint does not fit model or version
  non_finite,   // exit 6: training left the finite numbers
  shape,        // the rest come from library calls; in the tool they end as exit 1
  dtype,
  stale,        // a tensor handle outlived its row on the tape
  index,
  value,
};
int exit_code(ErrorKind kind);

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

/// Builds a message from pieces without a formatting library: text("row ", 3, " has ", 2, " columns").
template <class... Parts>
std::string text(const Parts&... parts);

}  // namespace tapedeck

#include <sstream>
template <class... Parts>
std::string tapedeck::text(const Parts&... parts) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  (out << ... << parts);
  return out.str();
}
