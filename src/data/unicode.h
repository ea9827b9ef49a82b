// Code points in and out of UTF-8, and what a tokenizer asks about them: the class, the lower case, the letter without
// its accents. Answers equal those of Hugging Face's BERT tokenizer for every code point. Next: text_split.h.
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
/// Bits of Class; letters, digits and symbols have none.
uint32_t classes(uint32_t point);
/// Appends the lower case, one code point at a time (no final sigma).
void append_lower(std::string& text, uint32_t point);
/// Appends the canonical decomposition without its nonspacing marks: e for é, nothing for a mark of its own.
void append_bare(std::string& text, uint32_t point);

}  // namespace tapedeck::unicode
