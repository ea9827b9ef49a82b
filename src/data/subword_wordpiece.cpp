// The table of tokens, and WordPiece: the longest token that begins a word, then the longest that continues it. Next:
// subword_bpe.cpp.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/data/subword_models.h"
#include "src/data/unicode.h"

namespace tapedeck {
namespace {

struct WordPiece final : SubwordModel {
  explicit WordPiece(const JsonValue& json)
      : longest(size_t(json.has("max_input_chars_per_word") ? json.at("max_input_chars_per_word").integer() : 100)) {
    read_vocabulary(json.at("vocab"), table);
    unknown = read_unknown(json.at("unk_token"), table);
    continued = table.trie().walk(json.string("continuing_subword_prefix", "##"));
  }

  void encode(std::string_view word, std::vector<Token>& tokens) const override {
    const size_t before = tokens.size();
    const Trie& trie = table.trie();
    bool known = word.size() <= longest || unicode::count(word) <= longest;
    for (size_t start = 0; known && start < word.size();) {
      int32_t node = start ? continued : Trie::root, id = -1;
      size_t end = start;
      for (size_t at = start; node != Trie::none && at < word.size();) {
        node = trie.step(node, uint8_t(word[at++]));
        if (node != Trie::none && trie.id(node) >= 0) id = trie.id(node), end = at;
      }
      known = id >= 0;
      tokens.push_back({id, uint32_t(start), uint32_t(end)});
      start = end;
    }
    if (known) return;
    tokens.resize(before);
    tokens.push_back({unknown, 0, uint32_t(word.size())});
  }

  size_t longest;
  int32_t continued;
};

}  // namespace

void TokenTable::add(std::string token, int64_t id, const JsonValue& where) {
  const int64_t room = 2 * ++count_ + 100000;
  if (id >= room) throw where.error(text("gives the id ", id, ", far beyond its ", count_, " tokens"), "the file is damaged");
  if (id >= size()) tokens_.resize(size_t(id) + 1), taken_.resize(tokens_.size());
  if (taken_[size_t(id)])
    throw where.error(text("gives the id ", id, " to \"", tokens_[size_t(id)], "\" and to \"", token, "\""),
                      "the file is damaged");
  tokens_[size_t(id)] = std::move(token);
  taken_[size_t(id)] = true;
}

void TokenTable::index() {
  std::vector<std::pair<std::string_view, int32_t>> words;
  words.reserve(tokens_.size());
  for (size_t id = 0; id < tokens_.size(); ++id)
    if (!tokens_[id].empty()) words.emplace_back(tokens_[id], int32_t(id));
  trie_ = Trie(std::move(words));
}

void read_vocabulary(const JsonValue& json, TokenTable& table) {
  std::vector<std::pair<int64_t, const std::string*>> ids;  // by id, so that a hole shows against the count before it
  for (const auto& [token, id] : json.object().items())
    ids.emplace_back(JsonValue(id, json.file(), "model.vocab[\"" + token.substr(0, 40) + "\"]").integer(), &token);
  std::sort(ids.begin(), ids.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [id, token] : ids) table.add(*token, id, json);
  if (ids.empty()) throw json.error("is empty");
  table.index();
}

int32_t read_unknown(const JsonValue& json, const TokenTable& table) {
  const int32_t id = table.find(json.string());
  if (id < 0) throw json.error(text("is \"", json.string(), "\", which model.vocab does not have"));
  return id;
}

std::unique_ptr<SubwordModel> make_wordpiece(const JsonValue& json) { return std::make_unique<WordPiece>(json); }

std::unique_ptr<SubwordModel> make_subword_model(const JsonValue& json) {
  if (!json.has("type")) {  // files of 2020 do not name it
    if (json.has("merges")) return make_bpe(json);
    return json.has("unk_id") ? make_unigram(json) : make_wordpiece(json);
  }
  const JsonValue type = json.at("type");
  const std::string& name = type.string();
  if (name == "WordPiece") return make_wordpiece(json);
  if (name == "BPE") return make_bpe(json);
  if (name == "Unigram") return make_unigram(json);
  throw type.unknown_type("WordPiece, BPE, Unigram");
}

}  // namespace tapedeck
