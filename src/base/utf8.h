// One character of UTF-8 at a time, for what is written before there is a text library. Next: printable.cpp.
#pragma once
#include <cstdint>
#include <string_view>

namespace tapedeck {

/// Length of the well-formed UTF-8 sequence at the start of `s`, 0 if there is none (RFC 3629, table 3-7 of Unicode).
size_t utf8_length(std::string_view s);
/// The character of a well-formed sequence of that length.
uint32_t utf8_character(std::string_view s, size_t length);

}  // namespace tapedeck
