// From a word to tokens: WordPiece, byte-pair encoding and Unigram, each read from the "model" of tokenizer.json.
// Next: tokenizer_pretrained.cpp.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/data/json_value.h"
#include "src/data/trie.h"

namespace tapedeck {

struct Token {
  int32_t id;
  uint32_t begin, end;
};  // bytes of the word

/// Tokens by id and ids by token. Ids may have holes; the file decides how large the table is, so they may not be far apart.
class TokenTable {
 public:
  void add(std::string token, int64_t id, const JsonValue& where);
  /// To be called after the last add() and before find().
  void index();
  int32_t find(std::string_view token) const { return trie_.find(token); }
  const Trie& trie() const { return trie_; }
  int64_t size() const { return std::ssize(tokens_); }
  const std::string& token(int32_t id) const { return tokens_[size_t(id)]; }

 private:
  std::vector<std::string> tokens_;
  std::vector<bool> taken_;
  int64_t count_ = 0;
  Trie trie_;
};

struct SubwordModel {
  virtual ~SubwordModel() = default;
  virtual void encode(std::string_view word, std::vector<Token>& tokens) const = 0;
  TokenTable table;
  int32_t unknown = -1;  // -1: none
};
std::unique_ptr<SubwordModel> make_subword_model(const JsonValue& json);
std::unique_ptr<SubwordModel> make_wordpiece(const JsonValue& json);
std::unique_ptr<SubwordModel> make_bpe(const JsonValue& json);
std::unique_ptr<SubwordModel> make_unigram(const JsonValue& json);

/// {"token": id, ...} into the table, and its index.
void read_vocabulary(const JsonValue& json, TokenTable& table);
/// The id of model.unk_token; throws when the vocabulary lacks it.
int32_t read_unknown(const JsonValue& json, const TokenTable& table);

}  // namespace tapedeck
