// The lexical side of reading JSON: where tokens begin and end, and what to say when they do not fit together.
// Why apart: json_parse.cpp then only builds the tree. Next: json_parse.cpp.
#pragma once
#include <string>
#include <string_view>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json.h>

namespace tapedeck {

/// First byte that is not part of well-formed UTF-8 (or is NUL, which ends the text for the parser); npos if none.
size_t invalid_utf8(std::string_view text);
/// The next byte at or after `from` that is not white space, a comma, a colon or part of a comment.
size_t skip_separators(std::string_view text, size_t from);
/// One past the token that starts at `start`; `consumed` is how far the parser has read (exact for strings).
size_t token_end(std::string_view text, size_t start, size_t consumed);

struct SyntaxError {
  std::string message, hint;
  size_t start = 0, length = 1;
};
/// Words a syntax error: `position` is one past the offending token, `problem` is the parser's own message.
SyntaxError explain_syntax(std::string_view text, size_t position, std::string_view problem);

}  // namespace tapedeck
