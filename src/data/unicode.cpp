// UTF-8 and the lookups in the generated tables. Next: unicode_table.h.
#include "src/data/unicode.h"

#include <algorithm>

#include "src/data/unicode_table.h"

namespace tapedeck::unicode {
namespace {

/// The row whose first..last holds `point`, or null.
template <class Row>
const Row* find(const Row* rows, int count, uint32_t point) {
  const Row* above = std::upper_bound(rows, rows + count, point, [](uint32_t p, const Row& r) { return p < r.first; });
  return above != rows && point <= above[-1].last ? above - 1 : nullptr;
}

/// Length of the valid UTF-8 sequence at text[at], 0 when there is none (Unicode standard, table 3-7).
size_t sequence_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return at + i < text.size() ? uint8_t(text[at + i]) : uint8_t(0); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xC2 && lead <= 0xDF ? 2 : (lead & 0xF0) == 0xE0 ? 3 : lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;   // shorter forms exist below
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;  // surrogates, beyond U+10FFFF
  if (length && (byte(1) < low || byte(1) > high)) return 0;
  for (size_t i = 2; i < length; ++i) if ((byte(i) & 0xC0) != 0x80) return 0;
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
  if (point - 'a' < 26 || point - '0' < 10 || point - 'A' < 26) return 0;  // most of most texts
  const Range* range = find(class_ranges, class_ranges_count, point);
  return range ? range->value : 0;
}

void append_lower(std::string& text, uint32_t point) {
  if (point < 0x80) { text += char(point - 'A' < 26 ? point + 32 : point); return; }
  if (point == 0x130) { text += "i\u0307"; return; }  // the one capital with a lower case of two code points
  const Run* run = find(lower_runs, lower_runs_count, point);
  append(text, run && (point - run->first) % run->step == 0 ? uint32_t(int64_t(point) + run->delta) : point);
}

void append_bare(std::string& text, uint32_t point) {
  if (point < 0x80) { text += char(point); return; }
  if (point - 0xAC00 < 11172) {  // Hangul syllables: Unicode standard, section 3.12
    const uint32_t s = point - 0xAC00, tail = s % 28;
    append(text, 0x1100 + s / 588);
    append(text, 0x1161 + s % 588 / 28);
    if (tail) append(text, 0x11A7 + tail);
    return;
  }
  if (find(mark_ranges, mark_ranges_count, point)) return;
  if (const Range* range = find(bare_ranges, bare_ranges_count, point)) { append(text, range->value); return; }
  const Several* end = bare_several + bare_several_count;
  const Several* row = std::lower_bound(bare_several, end, point, [](const Several& r, uint32_t p) { return r.from < p; });
  if (row == end || row->from != point) { append(text, point); return; }
  for (uint32_t to : row->to) if (to) append(text, to);
}

}  // namespace tapedeck::unicode
