// JSON that remembers where it came from: every value and key knows its source, line and column, so that any
// later diagnostic can point at it. Comments (// and /* */) are allowed; duplicate keys are errors.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tapedeck {

/// A file, a `--set k=v` or the embedded default: something text came from.
struct Source {
  std::string name;       // path as the user typed it, or "--set optimizer.lr=-1"
  std::string text;       // whole content; empty for the command line
  std::string directory;  // relative paths inside this source start here
  bool command_line = false;
  std::string_view line(int number) const;  // 1-based, without the line break
};

struct Location {
  std::shared_ptr<const Source> source;  // null: a default
  int line = 0, column = 0, length = 0;  // 1-based; column and length in bytes
};

struct Json {
  enum class Kind { null, boolean, integer, number, string, array, object };
  struct Member;
  Kind kind = Kind::null;
  bool boolean = false;
  int64_t integer = 0;  // also set for kind number when integral and in range
  double number = 0;    // set for integer and number
  std::string string;
  std::vector<Json> items;      // array
  std::vector<Member> members;  // object, in file order
  Location where;

  bool is(Kind k) const { return kind == k; }
  const Member* find(std::string_view key) const;
  Member* find(std::string_view key);
  /// Replaces or appends.
  Json& set(std::string key, Json value);

  static Json of(bool v);
  static Json of(int64_t v);
  static Json of(double v);
  static Json of(std::string v);
  static Json of(const char* v);
  static Json of(int v);
  static Json list();
  static Json dict();
  std::string dump(int indent = 2) const;  // numbers round-trip; inf and nan as null; indent < 0: one line
};
struct Json::Member {
  std::string key;
  Location where;
  Json value;
};
inline Json Json::of(const char* v) { return of(std::string(v)); }
inline Json Json::of(int v) { return of(int64_t{v}); }

/// One diagnostic about the experiment file, rendered as in docs/guide/errors.md.
struct Diagnostic {
  std::string code;     // "TD0301"
  std::string message;  // schedule "linear" has no option "warm_up"
  Location where;
  std::string hint;  // printed beside the caret: did you mean "warmup"?
  std::string note;  // printed below: options: warmup, end_lr
};
class Diagnostics {
 public:
  void add(Diagnostic diagnostic);
  bool empty() const { return list_.empty(); }
  const std::vector<Diagnostic>& list() const { return list_; }
  std::string render() const;       // all of them, then the summary line
  [[noreturn]] void raise() const;  // throws Error{config} whose message is render()
 private:
  std::vector<Diagnostic> list_;
};

/// Syntax errors and duplicate keys go to `diagnostics` (parsing goes on after a duplicate). Depth limit 64, size 16 MiB.
Json parse_json(std::shared_ptr<const Source> source, Diagnostics& diagnostics);
/// Plain parse for machine-written files (checkpoint state, metrics); throws Error{data} naming `name`, line and column.
Json parse_json(std::string_view text, const std::string& name);

/// The candidate with the smallest edit distance if it is close enough to be a typo, else "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);
/// `*` matches any run of characters, `?` one character.
bool glob_match(std::string_view pattern, std::string_view name);

}  // namespace tapedeck
