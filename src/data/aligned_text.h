// A text on its way to tokens: what it reads now, which bytes of the source every byte of it stands for, and the pieces it is cut
// into. Steps either rewrite every piece (normalizers) or cut pieces (pre-tokenizers), in one pass each. Next: normalizer.h.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/data/unicode.h"

namespace tapedeck {

struct Origin {
  uint32_t begin, end;
};  // bytes of the source

struct Piece {
  uint32_t begin, end;  // bytes of AlignedText::text
  int32_t token = -1;   // an added token; the other pieces are left to the model
};

struct AlignedText {
  std::string text;            // valid UTF-8
  std::vector<Origin> origin;  // one per byte of text
  std::vector<Piece> pieces;   // none is empty

  /// Invalid bytes become U+FFFD.
  explicit AlignedText(std::string_view source);
  std::string_view view(const Piece& piece) const { return std::string_view(text).substr(piece.begin, piece.end - piece.begin); }
  Origin source_of(size_t begin, size_t end) const { return {origin[begin].begin, origin[end - 1].end}; }
};

/// Writes the new reading of one piece. `change` has the meaning it has in `tokenizers`: 0 replaces the next code point of the
/// old reading, 1 inserts (and stands where the code point before stands), -n replaces one and drops n more.
class Rewriter {
 public:
  Rewriter(const AlignedText& from, const Piece& piece, AlignedText& to)
      : from_(from), to_(to), begin_(piece.begin), end_(piece.end), at_(piece.begin) {}
  std::string_view old() const { return std::string_view(from_.text).substr(begin_, end_ - begin_); }
  void put(uint32_t point, int change);
  void copy(size_t bytes);                // as they are
  void skip(size_t bytes);                // dropped before what comes next
  void prepend(std::string_view prefix);  // the prefix and the first code point, which share its origin
  void copy_rest() { copy(end_ - at_); }
  void spell_byte(std::string_view spelling);  // one byte of the old reading, written as this
  bool at_source_start() const { return from_.origin[begin_].begin == 0; }

 private:
  const AlignedText& from_;
  AlignedText& to_;
  size_t begin_, end_, at_;
};

/// `step(Rewriter&)` for every piece that is no token yet.
template <class Step>
void rewrite(AlignedText& text, Step&& step) {
  AlignedText to{std::string_view()};
  to.text.reserve(text.text.size() + text.text.size() / 2);
  to.origin.reserve(to.text.capacity());
  to.pieces.reserve(text.pieces.size());
  for (const Piece& piece : text.pieces) {
    const auto begin = uint32_t(to.text.size());
    Rewriter rewriter(text, piece, to);
    if (piece.token >= 0) rewriter.copy(piece.end - piece.begin);
    else step(rewriter);
    if (to.text.size() > begin) to.pieces.push_back({begin, uint32_t(to.text.size()), piece.token});
  }
  text = std::move(to);
}

/// `step(view, add)` for every piece that is no token yet; it calls add(begin, end, token = -1) for the parts to keep, in order.
template <class Step>
void cut(AlignedText& text, Step&& step) {
  std::vector<Piece> pieces;
  pieces.reserve(text.pieces.size() * 4);
  for (const Piece& piece : text.pieces) {
    const auto add = [&](size_t begin, size_t end, int32_t token = -1) {
      if (begin < end) pieces.push_back({uint32_t(piece.begin + begin), uint32_t(piece.begin + end), token});
    };
    if (piece.token >= 0) pieces.push_back(piece);
    else step(text.view(piece), add);
  }
  text.pieces = std::move(pieces);
}

/// Bytes of ASCII at the start of a text.
size_t ascii_prefix(std::string_view text);

}  // namespace tapedeck
