// Rewriting a text while remembering where every byte came from. Next: aligned_text.h.
#include "src/data/aligned_text.h"

#include <algorithm>
#include <limits>

#include <tapedeck/base/error.h>

namespace tapedeck {

AlignedText::AlignedText(std::string_view source) {
  if (source.empty()) return;
  if (source.size() > std::numeric_limits<uint32_t>::max() / 4)
    throw Error(ErrorKind::data, tapedeck::text("a text of ", source.size(), " bytes is too long for a tokenizer"),
                "cut the text into lines or documents");
  text.reserve(source.size());
  origin.reserve(source.size());
  for (size_t at = 0; at < source.size();) {
    const auto begin = uint32_t(at);
    const uint32_t point = unicode::next(source, at);
    const size_t before = text.size();
    unicode::append(text, point);
    origin.insert(origin.end(), text.size() - before, {begin, uint32_t(at)});
  }
  pieces.push_back({0, uint32_t(text.size())});
}

void Rewriter::put(uint32_t point, int change) {
  const std::string_view text = from_.text;
  Origin origin{};
  if (change > 0) {
    if (at_ > begin_) origin = from_.origin[at_ - 1];
    else origin = {from_.origin[begin_].begin, from_.origin[begin_].begin};
  } else {
    origin = from_.origin[std::min(at_, end_ - 1)];
    for (; change <= 0 && at_ < end_; ++change) unicode::next(text, at_);
  }
  const size_t before = to_.text.size();
  unicode::append(to_.text, point);
  to_.origin.insert(to_.origin.end(), to_.text.size() - before, origin);
}

void Rewriter::copy(size_t bytes) {
  to_.text.append(from_.text, at_, bytes);
  to_.origin.insert(to_.origin.end(), from_.origin.begin() + std::ptrdiff_t(at_),
                    from_.origin.begin() + std::ptrdiff_t(at_ + bytes));
  at_ += bytes;
}

void Rewriter::skip(size_t bytes) { at_ += bytes; }

void Rewriter::spell_byte(std::string_view spelling) {
  to_.text += spelling;
  to_.origin.insert(to_.origin.end(), spelling.size(), from_.origin[at_++]);
}

void Rewriter::prepend(std::string_view prefix) {
  size_t first_end = begin_;
  const uint32_t first = unicode::next(from_.text, first_end);
  int change = 0;
  for (size_t at = 0; at < prefix.size(); change = 1) put(unicode::next(prefix, at), change);
  put(first, change);
}

size_t ascii_prefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size() && uint8_t(text[at]) < 0x80) ++at;
  return at;
}

}  // namespace tapedeck
