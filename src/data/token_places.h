// Where the tokens of a text stand in it, for answers that are pieces of the text. Next: src/tasks/spans.cpp.
#pragma once
#include <vector>

#include <tapedeck/data/tokenizer.h>

namespace tapedeck {

/// All tokens of a row's text, none special, nothing cut; blanks at the edges of a token do not belong to it.
struct PlacedTokens {
  std::vector<int32_t> ids;
  std::vector<Offset> offsets;
  int64_t points = 0;  // code points of the text
};
/// Tokens of a blank that only joins the words of a row (Row::words) are left out. One pass over the text; a tokenizer that does
/// not know offsets is asked about the text piece by piece.
PlacedTokens place_tokens(const Row& row, const Tokenizer& tokenizer);

/// The special tokens that a tokenizer puts around a text.
struct Frame {
  std::vector<int32_t> before, behind;
  size_t size() const { return before.size() + behind.size(); }
};
Frame frame_of(const Tokenizer& tokenizer);

}  // namespace tapedeck
