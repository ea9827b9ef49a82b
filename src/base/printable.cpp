// The one place that decides which bytes people get to see. Next: error.cpp.
#include <tapedeck/base/printable.h>

#include <algorithm>

#include "utf8.h"

namespace tapedeck {
namespace {

/// Controls, and what changes the order or the number of lines on a screen (Unicode categories Cc, Zl, Zp, most of Cf).
bool commands(uint32_t c) {
  if (c == '\n' || c == '\t') return false;
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x61C || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE007F);
}

void append_escape(std::string& out, uint32_t c) {
  constexpr char hex[] = "0123456789ABCDEF";
  if (c > 0xFFFF) {  // as JSON writes it: two halves
    append_escape(out, 0xD800 + ((c - 0x10000) >> 10));
    c = 0xDC00 + ((c - 0x10000) & 0x3FF);
  }
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += hex[(c >> shift) & 15];
}

}  // namespace

size_t utf8_length(std::string_view s) {
  const auto byte = [&](size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned lead = byte(0), next = byte(1);
  if (lead < 0x80) return s.empty() ? 0 : 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const bool fits = (lead != 0xE0 || next >= 0xA0) && (lead != 0xED || next <= 0x9F);
    return tail(1) && tail(2) && fits ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const bool fits = (lead != 0xF0 || next >= 0x90) && (lead != 0xF4 || next <= 0x8F);
    return tail(1) && tail(2) && tail(3) && fits ? 4 : 0;
  }
  return 0;
}

uint32_t utf8_character(std::string_view s, size_t length) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  if (length < 2) return byte(0);
  uint32_t c = byte(0) & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) c = c << 6 | (byte(i) & 0x3Fu);
  return c;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte < 0x7F) {
      out += text[i++];
      continue;
    }
    const size_t length = utf8_length(text.substr(i, 4));
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++i;
      continue;
    }
    const std::string_view character = text.substr(i, length);
    if (const uint32_t c = utf8_character(character, length); commands(c)) append_escape(out, c);
    else out += character;
    i += length;
  }
  return out;
}

std::string_view shortened(std::string_view text, size_t longest) {
  if (text.size() <= longest) return text;
  size_t end = longest;
  while (end > 0 && longest - end < 3 && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;
  return text.substr(0, end);
}

std::string printable_message(std::string_view text, size_t longest) {
  std::string out;
  for (bool first = true;; first = false) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (!first && !line.empty() && !line.starts_with("  ")) out += "  ";
    const std::string_view shown = shortened(line, longest);
    out += printable(shown);
    if (shown.size() < line.size()) out += "... (" + std::to_string(line.size() - shown.size()) + " bytes more)";
    if (end == std::string_view::npos) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

}  // namespace tapedeck
