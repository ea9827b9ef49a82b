// Code points in and out of UTF-8, and what a tokenizer asks about them: class, lower case, decomposition. Answers equal those of
// the `tokenizers` package for every code point (tests/golden/unicode.py), whose parts follow different versions of Unicode.
// Next: text_split.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tapedeck::unicode {

constexpr uint32_t replacement = 0xFFFD;

/// Decodes the code point that starts at text[at] and moves `at` behind it. A byte that starts no valid sequence gives
/// `replacement` and moves by one.
uint32_t next(std::string_view text, size_t& at);
void append(std::string& text, uint32_t point);
/// Bytes before the first invalid one; text.size() when all are valid UTF-8 (no surrogates, no overlong forms).
size_t valid_prefix(std::string_view text);
size_t count(std::string_view text);

enum Class : uint32_t { space = 1, control = 2, punctuation = 4, ideograph = 8 };
/// Bits of Class as BERT has them (Unicode 8); letters, digits and symbols have none.
uint32_t classes(uint32_t point);
bool nonspacing_mark(uint32_t point);  // Mn of Unicode 8
bool white_space(uint32_t point);      // \s
bool letter(uint32_t point);           // \p{L} of Unicode 16
bool number(uint32_t point);           // \p{N} of Unicode 16
bool word(uint32_t point);             // \w
/// Appends the lower case, one code point at a time (no final sigma).
void append_lower(std::string& text, uint32_t point);
/// Appends the canonical decomposition without its nonspacing marks: e for é, nothing for a mark of its own.
void append_bare(std::string& text, uint32_t point);

// Normalisation (Unicode 9, as `tokenizers` has it)
/// The full decomposition, canonical or with compatibility, into `to`; gives the number of code points.
constexpr int longest_decomposition = 32;
int decompose(uint32_t point, bool compatibility, uint32_t* to);
/// The code point that two compose to; 0 when there is none.
uint32_t compose(uint32_t first, uint32_t second);
int combining_class(uint32_t point);
bool combining_mark(uint32_t point);  // \p{M}
/// Whether one user-perceived character ends between two code points; `state` starts at 0 and goes from pair to pair.
bool grapheme_break(uint32_t first, uint32_t second, int32_t& state);

}  // namespace tapedeck::unicode
