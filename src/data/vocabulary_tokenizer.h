// What all tokenizers share: a list of tokens with five special ones, cutting to length, and what is saved.
// Next: tokenizer_word.cpp, tokenizer_wordpiece.cpp.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tapedeck/data/tokenizer.h>

namespace tapedeck {

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
};
using TokenIndex = std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>>;

/// Tokens to keep of two texts so that both fit: the longer one is cut; where both must be, each keeps half and the longer one
/// (b when equal) the odd token, as Hugging Face's "longest_first" does. A single text: b = 0.
std::pair<size_t, size_t> lengths_within(size_t a, size_t b, size_t room);

struct VocabularyTokenizer : Tokenizer {
  static constexpr std::string_view special_names[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

  Encoded encode(std::string_view a, std::string_view b) const final { return encode(a, b, false); }
  Encoded encode_with_offsets(std::string_view a, std::string_view b) const final { return encode(a, b, true); }
  std::vector<int32_t> token_ids(std::string_view text) const final;
  Encoded tokens_with_offsets(std::string_view text) const final;
  int32_t id(std::string_view token) const final { return id_of(token); }
  int64_t vocabulary_size() const final { return int64_t(tokens_.size()); }
  int64_t max_length() const final { return max_length_; }
  std::string token(int32_t id) const final;
  Json state() const final;
  void restore(const Json& state) final;

 protected:
  /// Appends the ids of a text, without [CLS] and [SEP], and where its tokens stand if that is wanted.
  virtual void append_ids(std::string_view text, std::vector<int32_t>& ids, std::vector<Offset>* offsets) const = 0;
  /// Takes over the tokens; false when one of the special ones is missing, which `missing` then names.
  bool set_tokens(std::vector<std::string> tokens, std::string& missing);
  /// The special tokens, then `counts` by descending count, equal counts by text.
  void set_counted(const std::map<std::string, int64_t>& counts, int64_t min_count, int64_t max_size);
  int32_t id_of(std::string_view token) const {
    const auto it = index_.find(token);
    return it == index_.end() ? -1 : it->second;
  }
  int32_t unknown() const { return unknown_; }

  void describe_length(Fields& f);
  void describe_counts(Fields& f);
  int64_t max_length_ = 128, min_count_ = 1, max_size_ = 0;

 private:
  Encoded encode(std::string_view a, std::string_view b, bool offsets) const;
  void require_vocabulary() const;
  std::vector<std::string> tokens_;
  TokenIndex index_;
  int32_t unknown_ = -1, first_ = -1, separator_ = -1;
};

}  // namespace tapedeck
