// "word" and "character": vocabularies counted on the training texts. Next: tokenizer_wordpiece.cpp.
#include "src/data/text_split.h"
#include "src/data/unicode.h"
#include "src/data/vocabulary_tokenizer.h"

namespace tapedeck {
namespace {

/// Both differ only in how they cut a text.
struct CountingTokenizer : VocabularyTokenizer {
  void fit(const Table& train) final {
    std::map<std::string, int64_t> counts;
    for (const Row& row : train.rows)
      for (const std::string* text : {&row.text, &row.text_b, &row.text_c})
        for (std::string& token : cut(*text)) ++counts[std::move(token)];
    set_counted(counts, min_count_, max_size_);
  }

 protected:
  /// places: where each token stands, if that is wanted.
  virtual std::vector<std::string> cut(std::string_view text, std::vector<Offset>* places = nullptr) const = 0;

 private:
  void append_ids(std::string_view text, std::vector<int32_t>& ids, std::vector<Offset>* offsets) const final {
    for (const std::string& token : cut(text, offsets)) {
      const int32_t id = id_of(token);
      ids.push_back(id < 0 ? unknown() : id);
    }
  }
};

struct WordTokenizer final : CountingTokenizer {
  void describe(Fields& f) override {
    f("lowercase", lowercase_, "capital letters become small ones");
    describe_counts(f);
    describe_length(f);
  }

 private:
  std::vector<std::string> cut(std::string_view text, std::vector<Offset>* places) const override {
    std::vector<std::vector<Offset>> letters;
    std::vector<std::string> words = split_words(text, {.lowercase = lowercase_}, places ? &letters : nullptr);
    for (const std::vector<Offset>& word : letters) places->push_back(joined(word.front(), word.back()));
    return words;
  }
  bool lowercase_ = true;
};
TAPEDECK_PART(Tokenizer, WordTokenizer, "word",
              "Words between spaces, each punctuation mark a word; the vocabulary is counted on train.");

struct CharacterTokenizer final : CountingTokenizer {
  CharacterTokenizer() { max_length_ = 512; }
  void describe(Fields& f) override {
    f("lowercase", lowercase_, "capital letters become small ones");
    describe_counts(f);
    describe_length(f);
  }

 private:
  std::vector<std::string> cut(std::string_view text, std::vector<Offset>* places) const override {
    std::vector<std::string> characters;
    for (size_t at = 0; at < text.size();) {
      std::string& c = characters.emplace_back();
      const auto begin = int32_t(at), number = int32_t(characters.size());
      const uint32_t point = unicode::next(text, at);
      if (places) places->push_back({number - 1, number, begin, int32_t(at)});
      if (lowercase_) unicode::append_lower(c, point);
      else unicode::append(c, point);
    }
    return characters;
  }
  bool lowercase_ = false;
};
TAPEDECK_PART(Tokenizer, CharacterTokenizer, "character",
              "Every Unicode code point is a token; the vocabulary is counted on train.");

}  // namespace
}  // namespace tapedeck
