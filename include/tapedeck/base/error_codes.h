// The catalogue of everything that can be wrong with an experiment file: one row per code. `tapedeck explain TD0301`
// prints a row, docs/guide/errors.md lists them, and a test keeps the table and the source in step.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace tapedeck {

struct ErrorCode {
  std::string_view code, title, explanation, hint;
};
/// Sorted by code: 01xx the text, 02xx files, variables and --set, 03xx sections and options.
std::span<const ErrorCode> error_codes();
/// Null if there is no such code; upper and lower case are the same.
const ErrorCode* find_error_code(std::string_view code);
/// The row as a paragraph for the terminal.
std::string explain(const ErrorCode& code);

}  // namespace tapedeck
