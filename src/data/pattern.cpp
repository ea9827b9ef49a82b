// Scanners for the patterns in use. Alternatives are tried in the order of the expression, as a regular expression does.
// Next: pattern.h.
#include "src/data/pattern.h"

#include <limits>

namespace tapedeck {
namespace scan {
namespace {

constexpr size_t any_number = std::numeric_limits<size_t>::max();
constexpr std::string_view gpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view gpt4_begin = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})";
constexpr std::string_view gpt4_end = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// A place in a text: the code point there and where the next one begins.
struct Point {
  Point(std::string_view text, size_t at) : begin(at), end(at), value(at < text.size() ? unicode::next(text, end) : 0) {}
  bool exists() const { return end > begin; }
  size_t begin, end;
  uint32_t value;
};

bool letter(const Point& p) { return p.exists() && unicode::letter(p.value); }
bool number(const Point& p) { return p.exists() && unicode::number(p.value); }
bool space(const Point& p) { return p.exists() && unicode::white_space(p.value); }
bool other(const Point& p) {
  return p.exists() && !unicode::letter(p.value) && !unicode::number(p.value) && !unicode::white_space(p.value);
}
bool line_end(const Point& p) { return p.exists() && (p.value == '\r' || p.value == '\n'); }

template <class In>
size_t run(std::string_view text, size_t at, In&& in, size_t most = any_number) {
  for (; most; --most) {
    const Point p(text, at);
    if (!in(p)) break;
    at = p.end;
  }
  return at;
}

/// 's 't 're 've 'm 'll 'd behind an apostrophe at `at`; 0 where there is none.
size_t contraction_end(std::string_view text, size_t at, bool any_case) {
  const auto is = [&](const Point& p, char c) {
    return p.exists() &&
           (p.value == uint32_t(c) || (any_case && (p.value == uint32_t(c) - 32 || (c == 's' && p.value == 0x17F))));
  };
  const Point first(text, at + 1), second(text, first.end);
  for (char c : {'s', 't', 'm', 'd'})
    if (is(first, c)) return first.end;
  for (std::string_view two : {"re", "ve", "ll"})
    if (is(first, two[0]) && is(second, two[1])) return second.end;
  return 0;
}

/// \s+(?!\S)|\s+: a run of white space, but for its last code point where a word follows.
size_t space_end(std::string_view text, size_t begin) {
  size_t end = begin, last = begin;
  for (Point p(text, begin); space(p); p = Point(text, end)) last = p.begin, end = p.end;
  return end < text.size() && last > begin ? last : end;
}

}  // namespace
}  // namespace scan

Pattern::Pattern(const JsonValue& json) {
  if (json.has("String")) {
    kind_ = Kind::literal, literal_ = json.at("String").string();
    if (literal_.empty()) throw json.at("String").error("is empty");
    return;
  }
  const JsonValue value = json.at("Regex");
  const std::string& regex = value.string();
  std::string_view rest = regex;
  if (rest == scan::gpt2) return;
  if (rest.starts_with(scan::gpt4_begin) && rest.ends_with(scan::gpt4_end)) {
    const std::string_view between =
        rest.substr(scan::gpt4_begin.size(), rest.size() - scan::gpt4_begin.size() - scan::gpt4_end.size());
    if (between.empty() || between == "+" || between == "{1,3}") {
      kind_ = Kind::gpt4, digits_ = between.empty() ? 1 : between == "+" ? scan::any_number : 3;
      return;
    }
  }
  kind_ = Kind::run;  // one class and how often
  const struct {
    std::string_view name;
    bool (*in)(uint32_t);
  } classes[] = {{R"(\s)", unicode::white_space}, {R"(\p{L})", unicode::letter}, {R"(\p{N})", unicode::number}};
  for (const auto& c : classes)
    if (!in_class_ && rest.starts_with(c.name)) in_class_ = c.in, rest.remove_prefix(c.name.size());
  bool known = in_class_ != nullptr;
  if (!known && !rest.empty()) {
    size_t at = rest[0] == '\\' ? 1 : 0;
    const bool escaped = at > 0;
    if (at < rest.size()) only_ = unicode::next(rest, at);
    if (escaped && (only_ == 'n' || only_ == 'r' || only_ == 't'))
      only_ = only_ == 'n' ? '\n' : only_ == 'r' ? '\r' : '\t', known = true;
    else
      known = escaped ? only_ < 0x80 && (unicode::classes(only_) & unicode::punctuation)
                      : std::string_view("\\^$.|?*+()[]{}").find(rest[0]) == rest.npos;
    rest.remove_prefix(at);
  }
  if (rest == "+") most_ = scan::any_number, rest = "";
  else if (rest.size() == 4 && rest[0] == '{' && unicode::number(uint8_t(rest[1])) && rest[1] != '0' && rest.substr(2) == ",}")
    least_ = size_t(rest[1] - '0'), most_ = scan::any_number, rest = "";
  if (!known || !rest.empty())
    throw value.error(
        text("is the regular expression ", regex, ", which is not read"),
        R"(read: those of GPT-2 and GPT-4, and one code point, \s, \p{L} or \p{N} with +, {2,} or nothing behind it)");
}

bool Pattern::find(std::string_view text, size_t& begin, size_t& end) const {
  if (kind_ == Kind::literal) {
    begin = text.find(literal_, begin);
    end = begin == text.npos ? 0 : begin + literal_.size();
    return begin != text.npos;
  }
  if (kind_ != Kind::run) {
    end = words_end(text, begin);  // the two expressions match everywhere
    return true;
  }
  while (begin < text.size()) {
    end = run_end(text, begin);
    if (end > begin) return true;
    const scan::Point p(text, begin);
    begin = p.end;
  }
  return false;
}

size_t Pattern::run_end(std::string_view text, size_t begin) const {
  size_t count = 0, end = begin;
  while (count < most_) {
    const scan::Point p(text, end);
    if (!p.exists() || !(in_class_ ? in_class_(p.value) : p.value == only_)) break;
    end = p.end, ++count;
  }
  return count >= least_ ? end : begin;
}

size_t Pattern::words_end(std::string_view text, size_t begin) const {
  const bool newer = kind_ == Kind::gpt4;
  const scan::Point first(text, begin), second(text, first.end);
  if (first.value == '\'')
    if (const size_t end = scan::contraction_end(text, begin, newer)) return end;
  if (scan::letter(first)) return scan::run(text, begin, scan::letter);
  if (scan::letter(second) && (newer ? !scan::number(first) && !scan::line_end(first) : first.value == ' '))
    return scan::run(text, first.end, scan::letter);
  if (scan::number(first)) return scan::run(text, begin, scan::number, newer ? digits_ : scan::any_number);
  if (!newer && first.value == ' ' && scan::number(second)) return scan::run(text, first.end, scan::number);
  if (scan::other(first) || (first.value == ' ' && scan::other(second))) {
    const size_t end = scan::run(text, first.value == ' ' ? first.end : begin, scan::other);
    return newer ? scan::run(text, end, scan::line_end) : end;
  }
  if (newer) {  // \s*[\r\n]+ up to the last line end of the run of white space
    size_t lines = begin;
    for (scan::Point p(text, begin); scan::space(p); p = scan::Point(text, p.end))
      if (scan::line_end(p)) lines = p.end;
    if (lines > begin) return lines;
  }
  return scan::space_end(text, begin);
}

}  // namespace tapedeck
