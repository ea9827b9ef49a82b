// What went wrong in a JSON text, in words for people who write it by hand: trailing commas, missing commas, True.
// Why: the parser's own message names its states, not the mistake. Next: json_parse.cpp.
#include "json_syntax.h"

#include <algorithm>
#include <array>
#include <utility>

#include "utf8.h"

namespace tapedeck {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '+' || c == '-' ||
         c == '.';
}
bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// One past the comment that starts at `from`, or `from` if none does.
size_t skip_comment(std::string_view text, size_t from) {
  if (text.substr(from, 2) == "//") return std::min(text.find('\n', from), text.size());
  if (text.substr(from, 2) == "/*") {
    const size_t end = text.find("*/", from + 2);
    return end == std::string_view::npos ? text.size() : end + 2;
  }
  return from;
}

// Where the token that ends at `end` begins.
size_t token_start(std::string_view text, size_t end) {
  size_t start = end - 1;
  if (is_word(text[start])) {
    while (start > 0 && is_word(text[start - 1])) --start;
  } else if (text[start] == '"') {
    const size_t open = start == 0 ? std::string_view::npos : text.find_last_of("\"\n", start - 1);
    if (open != std::string_view::npos && text[open] == '"') start = open;
  }
  return start;
}

// The last byte before `end` that is neither white space nor inside a comment; npos if there is none.
size_t last_before(std::string_view text, size_t end) {
  size_t last = std::string_view::npos;
  bool quoted = false;
  for (size_t i = 0; i < end; ++i) {
    if (!quoted) {
      if (const size_t past = skip_comment(text, i); past > i) {
        i = past - 1;
        continue;
      }
    } else if (text[i] == '\\') {
      ++i;
      continue;
    }
    if (text[i] == '"') quoted = !quoted;
    if (!is_space(text[i])) last = i;
  }
  return last;
}

// Words of other languages that people write where JSON wants its own.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> foreign_words = {{
    {"True", "true"},
    {"TRUE", "true"},
    {"yes", "true"},
    {"on", "true"},
    {"False", "false"},
    {"FALSE", "false"},
    {"no", "false"},
    {"off", "false"},
    {"None", "null"},
    {"nil", "null"},
    {"NULL", "null"},
    {"undefined", "null"},
    {"Null", "null"},
    {"nan", "null"},
}};

std::string whole_word(std::string_view text, size_t start) {
  size_t end = start;
  while (end < text.size() && is_word(text[end])) ++end;
  return std::string(text.substr(start, end - start));
}

// The parser's message without its own prefix and position.
std::string plain(std::string_view problem) {
  if (const size_t at = problem.find("invalid "); at != std::string_view::npos)
    return std::string(problem.substr(at, problem.find("; last read") - at));
  const size_t at = problem.find("unexpected ");
  return at == std::string_view::npos ? "not valid JSON" : std::string(problem.substr(at));
}

// The parser stops at the first character that does not fit, which may be one past the word.
SyntaxError wrong_word(std::string_view text, size_t start) {
  if (!is_word(text[start]) && start > 0) start = token_start(text, start);
  const std::string word = whole_word(text, start);
  if (word.empty()) return {"this is not a JSON value", "", start, 1};
  SyntaxError error{"", "", start, word.size()};
  const auto known =
      std::find_if(foreign_words.begin(), foreign_words.end(), [&](const auto& pair) { return pair.first == word; });
  const bool numeric = word.find_first_not_of("0123456789.+-eE") == std::string::npos;
  error.message = numeric ? word + " is not a JSON number" : word + " is not a JSON value";
  error.hint = known != foreign_words.end() ? "write " + std::string(known->second)
               : numeric                    ? "like 5, 0.5 or 5e-1"
                                            : "text needs double quotes: \"" + word + "\"";
  return error;
}

}  // namespace

size_t invalid_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text.substr(i, 4));
    if (length == 0 || text[i] == '\0') return i;
    i += length;
  }
  return std::string_view::npos;
}

size_t skip_separators(std::string_view text, size_t from) {
  while (from < text.size()) {
    if (is_space(text[from]) || text[from] == ',' || text[from] == ':') ++from;
    else if (const size_t past = skip_comment(text, from); past > from) from = past;
    else break;
  }
  return from;
}

size_t token_end(std::string_view text, size_t start, size_t consumed) {
  if (start < text.size() && text[start] == '"') return consumed;
  size_t end = start;
  while (end < text.size() && is_word(text[end])) ++end;
  return std::max(end, start + 1);
}

SyntaxError explain_syntax(std::string_view text, size_t position, std::string_view problem) {
  const size_t last = last_before(text, text.size());
  if (last == std::string_view::npos) return {"the file is empty", "an experiment is an object: { \"name\": ... }", 0, 1};
  if (contains(problem, "unexpected end of input"))
    return {"the file ends too early", "a closing } or ] is missing after this", last, 1};
  const size_t end = std::clamp<size_t>(position, 1, text.size());
  size_t start = token_start(text, end);
  const char c = text[start];
  const size_t before = last_before(text, start);
  const char previous = before == std::string_view::npos ? '\0' : text[before];

  if (previous == ',' && (c == '}' || c == ']')) return {std::string("a comma before ") + c, "remove this comma", before, 1};
  if (previous == ',' && c == ',') return {"two commas in a row", "remove this comma", start, 1};
  if (c == '\'') return {"a string in single quotes", "use double quotes", start, 1};
  if (contains(problem, "U+000A") || contains(problem, "missing closing quote")) {
    const size_t line_end = std::min(text.find('\n', start == 0 ? 0 : start - (c == '\n')), text.size());
    const size_t open = line_end == 0 ? std::string_view::npos : text.find_last_of("\"\n", line_end - 1);
    if (open != std::string_view::npos && text[open] == '"') start = open;
    return {"a string is not closed on its line", "a closing \" is missing", start, std::max<size_t>(line_end - start, 1)};
  }
  if (contains(problem, "number overflow")) return {"a number too large for 64-bit floating point", "", start, end - start};
  if (contains(problem, "expected end of input"))
    return {"more text after the end of the experiment", "remove it", start, end - start};
  if (contains(problem, "invalid literal") || contains(problem, "invalid number")) return wrong_word(text, start);
  const bool value = c == '"' || c == '{' || c == '[' || is_word(c);
  if (value && (contains(problem, "expected '}'") || contains(problem, "expected ']'"))) {
    return {"a comma is missing before this", "put a comma before it", start, end - start};
  }
  if (contains(problem, "expected ':'")) return {"a key without a colon", "write \"key\": value", start, end - start};
  if (contains(problem, "object key")) return {"a key must be text in double quotes", "write \"key\": value", start, end - start};
  return {plain(problem), "", start, end - start};
}

}  // namespace tapedeck
