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
  void append_ids(std::string_view text, std::vector<int32_t>& ids) const override {
    const SplitRules rules{lowercase_, strip_accents_.value_or(lowercase_), /*spread_ideographs=*/true};
    std::string piece;
    while (!text.empty()) {
      const auto [at, special] = find_special(text);
      for (const std::string& word : split_words(text.substr(0, at), rules)) append_word(word, piece, ids);
      if (at == std::string_view::npos) return;
      ids.push_back(id_of(special));
      text.remove_prefix(at + special.size());
    }
  }

  /// Special tokens written out in a text are kept whole, in their own spelling only.
  std::pair<size_t, std::string_view> find_special(std::string_view text) const {
    for (size_t at = text.find('['); at != std::string_view::npos; at = text.find('[', at + 1))
      for (std::string_view name : special_names)
        if (text.substr(at).starts_with(name) && id_of(name) >= 0) return {at, name};
    return {std::string_view::npos, {}};
  }

  /// The longest known piece from the left, then the longest that continues it; a word that cannot be covered is unknown.
  void append_word(std::string_view word, std::string& piece, std::vector<int32_t>& ids) const {
    const size_t before = ids.size();
    if (word.size() > longest_word && unicode::count(word) > longest_word) {
      ids.push_back(unknown());
      return;
    }
    for (size_t start = 0; start < word.size();) {
      piece = start ? "##" : "";
      const size_t prefix = piece.size();
      piece += word.substr(start);
      int32_t id = id_of(piece);
      while (id < 0 && piece.size() > prefix) {
        do piece.pop_back();
        while (piece.size() > prefix && (uint8_t(word[start + piece.size() - prefix]) & 0xC0) == 0x80);
        if (piece.size() > prefix) id = id_of(piece);
      }
      if (id < 0) {
        ids.resize(before);
        ids.push_back(unknown());
        return;
      }
      ids.push_back(id);
      start += piece.size() - prefix;
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
