// Offsets as the tokenizer gives them, or found by cutting: a text can be cut where the tokens of both sides together are those
// of the whole. Next: token_places.h.
#include "src/data/token_places.h"

#include <algorithm>

#include "src/data/unicode.h"

namespace tapedeck {
namespace {

constexpr int32_t longest_piece = 100;  // code points; the tokens of a longer piece are not told apart

/// A piece of a text that grows to the right.
struct Reach {
  std::string_view text;
  Offset at{};
  std::string_view str() const { return text.substr(size_t(at.begin_byte), size_t(at.end_byte - at.begin_byte)); }
  bool more() const { return size_t(at.end_byte) < text.size(); }
  bool blank_ahead() const {
    size_t here = size_t(at.end_byte);
    return unicode::white_space(unicode::next(text, here));
  }
  void grow() {
    size_t here = size_t(at.end_byte);
    unicode::next(text, here);
    at.end_byte = int32_t(here), ++at.end;
  }
  /// What lies behind.
  Reach rest() const { return {text, {at.end, at.end, at.end_byte, at.end_byte}}; }
};

/// The places of the tokens of one piece, cut wherever it can be.
void place_in_piece(const Reach& piece, const Tokenizer& tokenizer, const std::vector<int32_t>& ids,
                    std::vector<Offset>& offsets) {
  Reach part{piece.text, {piece.at.begin, piece.at.begin, piece.at.begin_byte, piece.at.begin_byte}};
  size_t placed = 0;
  const bool cut = ids.size() > 1 && piece.at.end - piece.at.begin <= longest_piece;
  for (Reach left = part; cut && left.at.end < piece.at.end;) {
    left.grow(), part.grow();
    std::vector<int32_t> both = tokenizer.token_ids(left.str());
    const size_t count = both.size();
    const size_t behind = size_t(piece.at.end_byte - left.at.end_byte);
    for (const int32_t id : tokenizer.token_ids(piece.text.substr(size_t(left.at.end_byte), behind))) both.push_back(id);
    if (both != ids || count <= placed) continue;
    offsets.insert(offsets.end(), count - placed, part.at);
    placed = count;
    part = part.rest();
  }
  part.at.end = piece.at.end, part.at.end_byte = piece.at.end_byte;
  offsets.insert(offsets.end(), ids.size() - placed, part.at);
}

/// Pieces between blanks; the blanks stand alone or are left out. Empty where the tokens of the pieces are not those of the text.
std::vector<Offset> places_by_pieces(std::string_view text, const Tokenizer& tokenizer, const std::vector<int32_t>& ids,
                                     bool blanks) {
  std::vector<Offset> offsets;
  size_t done = 0;
  for (Reach piece{text}; piece.more(); piece = piece.rest()) {
    const bool blank = piece.blank_ahead();
    do piece.grow();
    while (!blank && piece.more() && !piece.blank_ahead());
    if (blank && !blanks) continue;
    const std::vector<int32_t> mine = tokenizer.token_ids(piece.str());
    if (done + mine.size() > ids.size() || !std::equal(mine.begin(), mine.end(), ids.begin() + std::ptrdiff_t(done))) return {};
    place_in_piece(piece, tokenizer, mine, offsets);
    done += mine.size();
  }
  return done == ids.size() ? offsets : std::vector<Offset>();
}

std::vector<Offset> places_by_cutting(std::string_view text, const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  for (const bool blanks : {false, true})
    if (std::vector<Offset> found = places_by_pieces(text, tokenizer, ids, blanks); !found.empty()) return found;
  return std::vector<Offset>(ids.size(), {0, int32_t(unicode::count(text)), 0, int32_t(text.size())});
}

/// Without blanks at its edges; empty where it is nothing else.
Offset without_blanks(Offset at, std::string_view text) {
  const auto some = [&] { return at.begin < at.end && at.begin_byte < at.end_byte; };
  while (some()) {
    size_t behind = size_t(at.begin_byte);
    if (!unicode::white_space(unicode::next(text, behind))) break;
    at.begin_byte = int32_t(behind), ++at.begin;
  }
  while (some()) {
    size_t last = size_t(at.end_byte) - 1;
    while (last > size_t(at.begin_byte) && (uint8_t(text[last]) & 0xC0) == 0x80) --last;
    if (size_t behind = last; !unicode::white_space(unicode::next(text, behind))) break;
    at.end_byte = int32_t(last), --at.end;
  }
  return at;
}

}  // namespace

PlacedTokens place_tokens(const Row& row, const Tokenizer& tokenizer) {
  Encoded all = tokenizer.tokens_with_offsets(row.text);
  if (all.offsets.size() != all.ids.size()) all.offsets = places_by_cutting(row.text, tokenizer, all.ids);
  PlacedTokens tokens;
  tokens.points = int64_t(unicode::count(row.text));
  for (size_t i = 0; i < all.ids.size(); ++i) {
    const Offset bare = without_blanks(all.offsets[i], row.text);
    const bool blank = bare.begin == bare.end;
    if (blank && !row.words.empty()) continue;
    tokens.ids.push_back(all.ids[i]);
    tokens.offsets.push_back(blank ? all.offsets[i] : bare);
  }
  return tokens;
}

Frame frame_of(const Tokenizer& tokenizer) {
  constexpr std::string_view probe = "a";
  const std::vector<int32_t> all = tokenizer.encode(probe).ids, text = tokenizer.token_ids(probe);
  const auto at = std::search(all.begin(), all.end(), text.begin(), text.end());
  if (text.empty())
    return {{all.begin(), all.empty() ? all.end() : all.begin() + 1}, {all.empty() ? all.end() : all.begin() + 1, all.end()}};
  return {{all.begin(), at}, {at + std::ssize(text), all.end()}};
}

}  // namespace tapedeck
