// UTF-8, and libutf8proc's properties (Unicode 15) with the differences to what `tokenizers` knows.
// Why: its parts were made of Unicode 8, 9 and 16. tests/golden/unicode.py finds the differences. Next: unicode.h.
#include "src/data/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

namespace tapedeck::unicode {
namespace {

struct Range {
  uint32_t first, last;
};

template <size_t n>
bool within(const Range (&ranges)[n], uint32_t point) {
  const Range* above = std::upper_bound(ranges, ranges + n, point, [](uint32_t p, const Range& r) { return p < r.first; });
  return above != ranges && point <= above[-1].last;
}

// clang-format off
/// Punctuation, formats and nonspacing marks since Unicode 9: BERT's classes do not have them.
const Range since_9[] = {
    {0x61D, 0x61D}, {0x7FD, 0x7FD}, {0x890, 0x8E2}, {0x9FD, 0x9FE}, {0xA76, 0xA76}, {0xAFA, 0xAFF}, {0xB55, 0xB55},
    {0xC04, 0xC3C}, {0xC77, 0xC77}, {0xC84, 0xC84}, {0xD00, 0xD00}, {0xD3B, 0xD3C}, {0xD81, 0xD81}, {0xEBA, 0xEBA},
    {0xECE, 0xECE}, {0x180F, 0x1886}, {0x1ABF, 0x1ACE}, {0x1B7D, 0x1B7E}, {0x1DF6, 0x1DFB}, {0x2E43, 0x2E5D}, {0xA82C, 0xA82C},
    {0xA8C5, 0xA8C5}, {0xA8FF, 0xA8FF}, {0xA9BD, 0xA9BD}, {0x10D24, 0x10F89}, {0x11070, 0x11074}, {0x110C2, 0x110CD},
    {0x111CF, 0x111CF}, {0x1123E, 0x11241}, {0x1133B, 0x1133B}, {0x11438, 0x1145E}, {0x11660, 0x1166C}, {0x116B9, 0x116B9},
    {0x1182F, 0x11FFF}, {0x12FF1, 0x13455}, {0x16E97, 0x16F4F}, {0x16FE2, 0x16FE4}, {0x1CF00, 0x1CF46}, {0x1E000, 0x1E4EF},
    {0x1E944, 0x1E95F},
};
/// Marks and decompositions since Unicode 10: the normal forms do not have them.
const Range since_10[] = {
    {0x7FD, 0x7FD}, {0x898, 0x8D3}, {0x9FE, 0x9FE}, {0xAFA, 0xAFF}, {0xB55, 0xB55}, {0xC04, 0xC3C}, {0xCF3, 0xD00},
    {0xD3B, 0xD3C}, {0xD81, 0xD81}, {0xEBA, 0xEBA}, {0xECE, 0xECE}, {0x1715, 0x1715}, {0x180F, 0x180F}, {0x1ABF, 0x1ACE},
    {0x1CF7, 0x1CF7}, {0x1DF6, 0x1DFA}, {0x32FF, 0x32FF}, {0xA7F2, 0xA7F4}, {0xA82C, 0xA82C}, {0xA8FF, 0xA8FF},
    {0xAB69, 0xAB69}, {0x10781, 0x107BA}, {0x10D24, 0x10F85}, {0x11070, 0x11074}, {0x110C2, 0x110C2}, {0x11145, 0x11146},
    {0x111C9, 0x111C9}, {0x111CE, 0x111CF}, {0x11241, 0x11241}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x1182C, 0x11A99},
    {0x11D31, 0x13455}, {0x16F4F, 0x16F4F}, {0x16F7F, 0x16F87}, {0x16FE4, 0x16FF1}, {0x1CF00, 0x1CF46}, {0x1E030, 0x1E4EF},
    {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9},
};
/// Letters, numbers and marks of Unicode 16, which this utf8proc may not have.
const Range letters_of_16[] = {
    {0x1C89, 0x1C8A}, {0xA7CB, 0xA7CD}, {0xA7DA, 0xA7DC}, {0x105C0, 0x105F3}, {0x10D4A, 0x10D65}, {0x10D6F, 0x10D85},
    {0x10EC2, 0x10EC4}, {0x11380, 0x11389}, {0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113B7},
    {0x113D1, 0x113D1}, {0x113D3, 0x113D3}, {0x11BC0, 0x11BE0}, {0x13460, 0x143FA}, {0x16100, 0x1611D}, {0x16D40, 0x16D6C},
    {0x18CFF, 0x18CFF}, {0x1E5D0, 0x1E5ED}, {0x1E5F0, 0x1E5F0}, {0x2EBF0, 0x2EE5D},
};
const Range numbers_of_16[] = {
    {0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9}, {0x16130, 0x16139}, {0x16D70, 0x16D79}, {0x1CCF0, 0x1CCF9},
    {0x1E5F1, 0x1E5FA},
};
const Range marks_of_16[] = {
    {0x897, 0x897}, {0x10D69, 0x10D6D}, {0x10EFC, 0x10EFC}, {0x113B8, 0x113C0}, {0x113C2, 0x113C2}, {0x113C5, 0x113C5},
    {0x113C7, 0x113CA}, {0x113CC, 0x113D2}, {0x113E1, 0x113E2}, {0x11F5A, 0x11F5A}, {0x1611E, 0x1612F}, {0x1E5EE, 0x1E5EF},
};
// clang-format on

const utf8proc_property_t& property(uint32_t point) { return *utf8proc_get_property(utf8proc_int32_t(point)); }
bool is_ascii_letter_or_digit(uint32_t point) { return (point | 32) - 'a' < 26 || point - '0' < 10; }
bool is_mark(int category) { return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME; }
bool is_letter(int category) { return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO; }
bool is_number(int category) { return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO; }

/// Length of the valid UTF-8 sequence at text[at], 0 when there is none (Unicode standard, table 3-7).
size_t sequence_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return at + i < text.size() ? uint8_t(text[at + i]) : uint8_t(0); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xC2 && lead <= 0xDF ? 2 : (lead & 0xF0) == 0xE0 ? 3 : lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;   // shorter forms exist below
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;  // surrogates, beyond U+10FFFF
  if (length && (byte(1) < low || byte(1) > high)) return 0;
  for (size_t i = 2; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  return length;
}

}  // namespace

uint32_t next(std::string_view text, size_t& at) {
  const size_t length = sequence_length(text, at);
  const uint8_t lead = uint8_t(text[at++]);
  if (length <= 1) return length ? lead : replacement;
  uint32_t point = lead & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) point = point << 6 | (uint8_t(text[at++]) & 0x3F);
  return point;
}

void append(std::string& text, uint32_t point) {
  if (point < 0x80) {
    text += char(point);
  } else if (point < 0x800) {
    text += {char(0xC0 | point >> 6), char(0x80 | (point & 0x3F))};
  } else if (point < 0x10000) {
    text += {char(0xE0 | point >> 12), char(0x80 | (point >> 6 & 0x3F)), char(0x80 | (point & 0x3F))};
  } else {
    text += {char(0xF0 | point >> 18), char(0x80 | (point >> 12 & 0x3F)), char(0x80 | (point >> 6 & 0x3F)),
             char(0x80 | (point & 0x3F))};
  }
}

size_t valid_prefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t length = sequence_length(text, at);
    if (!length) return at;
    at += length;
  }
  return at;
}

size_t count(std::string_view text) {
  size_t points = 0;
  for (size_t at = 0; at < text.size(); ++points) next(text, at);
  return points;
}

uint32_t classes(uint32_t point) {
  if (is_ascii_letter_or_digit(point)) return 0;  // most of most texts
  if (point == ' ' || point == '\t' || point == '\n' || point == '\r') return space;
  if (point < ' ' || point == 0x7F) return control;
  if (point < 0x80) return punctuation;
  if ((point >= 0x4E00 && point <= 0x9FFF) || (point >= 0x3400 && point <= 0x4DBF) || (point >= 0x20000 && point <= 0x2A6DF) ||
      (point >= 0x2A700 && point <= 0x2B81F) || (point >= 0x2B920 && point <= 0x2CEAF) || (point >= 0xF900 && point <= 0xFAFF) ||
      (point >= 0x2F800 && point <= 0x2FA1F))
    return ideograph;
  if (point == 0x166D || point == 0x111C9) return punctuation;  // a symbol and a mark by now
  if (point == replacement) return control;
  const int category = property(point).category;
  if (category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP) return space;
  if (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CO) return control;
  if (category == UTF8PROC_CATEGORY_CF) return within(since_9, point) ? 0u : control;
  if (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO) return within(since_9, point) ? 0u : punctuation;
  return 0;
}

bool nonspacing_mark(uint32_t point) {
  if (point < 0x300) return false;
  if (point == 0x1734 || point == 0x111C9) return point == 0x1734;
  return property(point).category == UTF8PROC_CATEGORY_MN && !within(since_9, point);
}

bool white_space(uint32_t point) {
  if (point < 0x80) return point == ' ' || point - 9 < 5;
  if (point == 0x85) return true;
  const int category = property(point).category;
  return category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP;
}

bool letter(uint32_t point) {
  if (point < 0x80) return (point | 32) - 'a' < 26;
  return is_letter(property(point).category) || within(letters_of_16, point);
}

bool number(uint32_t point) {
  if (point < 0x80) return point - '0' < 10;
  return is_number(property(point).category) || within(numbers_of_16, point);
}

bool word(uint32_t point) {
  if (point < 0x80) return is_ascii_letter_or_digit(point) || point == '_';
  const int category = property(point).category;
  return is_letter(category) || is_mark(category) || category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL ||
         category == UTF8PROC_CATEGORY_PC || point == 0x200C || point == 0x200D || point - 0x24B6 < 52 ||  // circled letters
         point - 0x1F130 < 26 || point - 0x1F150 < 26 || point - 0x1F170 < 26 ||                           // boxed ones
         within(letters_of_16, point) || within(numbers_of_16, point) || within(marks_of_16, point);
}

void append_lower(std::string& text, uint32_t point) {
  if (point < 0x80) {
    text += char(point - 'A' < 26 ? point + 32 : point);
    return;
  }
  if (point == 0x130) {
    text += "i\u0307";
    return;
  }                 // the one capital with a lower case of two code points
  switch (point) {  // Unicode 16 and 17
    case 0x1C89:
    case 0xA7CC:
    case 0xA7CE:
    case 0xA7D2:
    case 0xA7D4:
    case 0xA7DA:
      return append(text, point + 1);
    case 0xA7CB:
      return append(text, 0x264);
    case 0xA7DC:
      return append(text, 0x19B);
    default:
      break;
  }
  if (point - 0x10D50 < 22) return append(text, point + 32);
  if (point - 0x16EA0 < 25) return append(text, point + 27);
  append(text, uint32_t(utf8proc_tolower(utf8proc_int32_t(point))));
}

void append_bare(std::string& text, uint32_t point) {
  uint32_t to[longest_decomposition];
  const int count = decompose(point, false, to);
  for (int i = 0; i < count; ++i)
    if (!nonspacing_mark(to[i])) append(text, to[i]);
}

int decompose(uint32_t point, bool compatibility, uint32_t* to) {
  to[0] = point;
  if (point < 0xA0) return 1;
  const bool hangul = point - 0xAC00 < 11172;
  if (!hangul && (property(point).decomp_seqindex == UINT16_MAX || within(since_10, point))) return 1;
  int ignored = 0;
  const auto options = utf8proc_option_t(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatibility ? UTF8PROC_COMPAT : 0));
  return int(utf8proc_decompose_char(utf8proc_int32_t(point), reinterpret_cast<utf8proc_int32_t*>(to), longest_decomposition,
                                     options, &ignored));
}

uint32_t compose(uint32_t first, uint32_t second) {
  if (second < 0x300 || within(since_10, first) || within(since_10, second)) return 0;
  utf8proc_int32_t pair[] = {utf8proc_int32_t(first), utf8proc_int32_t(second)};
  const auto length = utf8proc_normalize_utf32(pair, 2, utf8proc_option_t(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  return length == 1 && !within(since_10, uint32_t(pair[0])) ? uint32_t(pair[0]) : 0;
}

int combining_class(uint32_t point) {
  if (point < 0x300) return 0;
  const int value = property(point).combining_class;
  return value && within(since_10, point) ? 0 : value;
}

bool combining_mark(uint32_t point) {
  if (point < 0x300) return false;
  if (point == 0x1CF2 || point == 0x1CF3) return true;  // letters by now
  return is_mark(property(point).category) && !within(since_10, point);
}

bool grapheme_break(uint32_t first, uint32_t second, int32_t& state) {
  const auto known = [](uint32_t point) {  // a mark for the marks of Unicode 16 and 17
    const bool newer = point == 0x897 || point - 0x1ACF < 15 || point - 0x1AE0 < 12;
    return utf8proc_int32_t(newer ? 0x300 : point);
  };
  return utf8proc_grapheme_break_stateful(known(first), known(second), &state);
}

}  // namespace tapedeck::unicode
