// "wordpiece": BERT's tokenizer from its vocab.txt, id for id as Hugging Face's.
// tests/golden/wordpiece.py compares the two on real text. Next: src/data/dataset.cpp.
#include <algorithm>

#include <tapedeck/base/error.h>

#include "src/data/text_file.h"
#include "src/data/text_split.h"
#include "src/data/unicode.h"
#include "src/data/vocabulary_tokenizer.h"

namespace tapedeck {
namespace {

constexpr size_t longest_word = 100;  // code points; longer words are unknown

struct WordPieceTokenizer final : VocabularyTokenizer {
  void describe(Fields& f) override {
    f("vocab", vocab_, "vocab.txt: one token per line, the line number is the id").required();
    f("lowercase", lowercase_, "capital letters become small ones (uncased models)");
    f("strip_accents", strip_accents_, "drop accents; default: as lowercase");
    describe_length(f);
  }

  void fit(const Table&) override {
    const TextFile file = load_text(vocab_.path, Encoding::utf8);
    std::vector<std::string> tokens;
    Line line;
    for (Lines lines(file.content); lines.next(line);) tokens.emplace_back(line.text);
    std::string missing;
    if (!set_tokens(std::move(tokens), missing))
      throw data_error(vocab_.path, 0, text("the vocabulary has no ", missing),
                       "this is no WordPiece vocab.txt, or not all of it");
  }

 private:
  void append_ids(std::string_view text, std::vector<int32_t>& ids, std::vector<Offset>* offsets) const override {
    const SplitRules rules{lowercase_, strip_accents_.value_or(lowercase_), /*spread_ideographs=*/true};
    std::string piece;
    Offset here;  // the part between special tokens
    while (!text.empty()) {
      const auto [at, special] = find_special(text);
      const std::string_view part = text.substr(0, at);
      std::vector<std::vector<Offset>> letters;
      const std::vector<std::string> words = split_words(part, rules, offsets ? &letters : nullptr);
      for (size_t w = 0; w < words.size(); ++w) {
        if (offsets)
          for (Offset& letter : letters[w]) letter = behind(here, letter);
        append_word(words[w], piece, ids, offsets ? &letters[w] : nullptr, offsets);
      }
      if (at == std::string_view::npos) return;
      ids.push_back(id_of(special));
      if (offsets) {
        const auto points = int32_t(unicode::count(part)), length = int32_t(special.size());
        offsets->push_back(behind(here, {points, points + length, int32_t(at), int32_t(at) + length}));
        here = {offsets->back().end, 0, offsets->back().end_byte, 0};
      }
      text.remove_prefix(at + special.size());
    }
  }
  /// A place in a part that starts at `start`, counted from the start of the text.
  static Offset behind(const Offset& start, const Offset& at) {
    return {start.begin + at.begin, start.begin + at.end, start.begin_byte + at.begin_byte, start.begin_byte + at.end_byte};
  }

  /// Special tokens written out in a text are kept whole, in their own spelling only.
  std::pair<size_t, std::string_view> find_special(std::string_view text) const {
    for (size_t at = text.find('['); at != std::string_view::npos; at = text.find('[', at + 1))
      for (std::string_view name : special_names)
        if (text.substr(at).starts_with(name) && id_of(name) >= 0) return {at, name};
    return {std::string_view::npos, {}};
  }

  /// The longest known piece from the left, then the longest that continues it; a word that cannot be covered is unknown.
  void append_word(std::string_view word, std::string& piece, std::vector<int32_t>& ids, const std::vector<Offset>* letters,
                   std::vector<Offset>* offsets) const {
    const size_t before = ids.size();
    const auto place = [&](size_t first, size_t end) {
      if (offsets) offsets->push_back(joined((*letters)[first], (*letters)[end - 1]));
    };
    const auto unknown_word = [&] {
      ids.resize(before);
      if (offsets) offsets->resize(before);
      ids.push_back(unknown());
      if (offsets) place(0, letters->size());
    };
    if (word.size() > longest_word && unicode::count(word) > longest_word) return unknown_word();
    for (size_t start = 0, letter = 0; start < word.size();) {
      piece = start ? "##" : "";
      const size_t prefix = piece.size();
      piece += word.substr(start);
      int32_t id = id_of(piece);
      while (id < 0 && piece.size() > prefix) {
        do piece.pop_back();
        while (piece.size() > prefix && (uint8_t(word[start + piece.size() - prefix]) & 0xC0) == 0x80);
        if (piece.size() > prefix) id = id_of(piece);
      }
      if (id < 0) return unknown_word();
      ids.push_back(id);
      const std::string_view letters_of = std::string_view(piece).substr(prefix);
      if (offsets) place(letter, letter + unicode::count(letters_of));
      letter += offsets ? unicode::count(letters_of) : 0;
      start += letters_of.size();
    }
  }

  Path vocab_;
  bool lowercase_ = true;
  std::optional<bool> strip_accents_;
};
TAPEDECK_PART(Tokenizer, WordPieceTokenizer, "wordpiece",
              "BERT's WordPiece with a given vocab.txt (Devlin et al. 2018), ids as in the published models.");

}  // namespace
}  // namespace tapedeck
