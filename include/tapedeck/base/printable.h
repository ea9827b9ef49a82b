// What may reach a terminal, a log or the line of an error: text that only says something. Bytes of a file can hold commands
// to the terminal, marks that turn a line around, or no characters at all. Next: error.h, whose messages all go through here.
#pragma once
#include <string>
#include <string_view>

namespace tapedeck {

/// The text with every control character (C0, DEL, C1), mark of direction and separator of lines or paragraphs written as
/// \u001B, as JSON would, and what is not UTF-8 as U+FFFD. Line breaks and tabs stay. JSON stays the same JSON.
std::string printable(std::string_view text);
/// The same for a message: lines after the first begin with two blanks, so that no name can pass for a line of its own, and a
/// line longer than `longest` bytes is cut, with a word about how much is left out.
std::string printable_message(std::string_view text, size_t longest = 2000);
/// The first `longest` bytes at most, never half a character.
std::string_view shortened(std::string_view text, size_t longest);

}  // namespace tapedeck
