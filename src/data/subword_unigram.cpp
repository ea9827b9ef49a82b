// Unigram (Kudo 2018): the tokens with the largest sum of log probabilities, found by one walk from left to right.
// Next: tokenizer_pretrained.cpp.
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "src/data/subword_models.h"
#include "src/data/unicode.h"

namespace tapedeck {
namespace {

class Unigram final : public SubwordModel {
 public:
  explicit Unigram(const JsonValue& json) {
    const JsonValue vocab = json.at("vocab");
    double least = std::numeric_limits<double>::infinity();
    scores_.reserve(vocab.size());
    for (size_t id = 0; id < vocab.size(); ++id) {
      const nlohmann::json& piece = vocab.raw()[id];
      if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number())
        throw vocab.at(id).error("is not [token, score]");
      table.add(piece[0].get<std::string>(), int64_t(id), vocab);
      scores_.push_back(piece[1].get<double>());
      least = std::min(least, scores_.back());
    }
    table.index();
    if (!json.has("unk_id")) throw json.at("unk_id").error("is null: a text with an unknown character would have no tokens");
    const int64_t id = json.at("unk_id").integer();
    if (id >= table.size()) throw json.at("unk_id").error(text("is ", id, ", model.vocab has ", table.size(), " tokens"));
    unknown = int32_t(id);
    unknown_score_ = least - 10;
    if (json.boolean("byte_fallback", false)) throw json.at("byte_fallback").error("is true, which is not read");
  }

  void encode(std::string_view word, std::vector<Token>& tokens) const override {
    struct Best {
      double score = 0;
      int32_t id = -1;
      uint32_t start = 0;
    };  // of the paths that end here
    thread_local std::vector<Best> best;
    best.assign(word.size() + 1, {});
    const Trie& trie = table.trie();
    const auto offer = [&](size_t start, size_t end, int32_t id, double score) {
      Best& at = best[end];
      if (at.id < 0 || score > at.score) at = {score, id, uint32_t(start)};
    };
    for (size_t start = 0, next = 0; start < word.size(); start = next) {
      unicode::next(word, next);
      const double here = best[start].score;
      bool single = false;
      int32_t node = Trie::root;
      for (size_t end = start; end < word.size();) {
        node = trie.step(node, uint8_t(word[end++]));
        if (node == Trie::none) break;
        const int32_t id = trie.id(node);
        if (id < 0) continue;
        offer(start, end, id, scores_[size_t(id)] + here);
        single = single || end == next;
      }
      if (!single) offer(start, next, unknown, unknown_score_ + here);
    }
    const size_t before = tokens.size();
    for (size_t end = word.size(); end > 0;) {
      const Best& last = best[end];
      if (last.id == unknown && tokens.size() > before && tokens.back().id == unknown) tokens.back().begin = last.start;
      else tokens.push_back({last.id, last.start, uint32_t(end)});
      end = last.start;
    }
    std::reverse(tokens.begin() + std::ptrdiff_t(before), tokens.end());
  }

 private:
  std::vector<double> scores_;
  double unknown_score_ = 0;
};

}  // namespace

std::unique_ptr<SubwordModel> make_unigram(const JsonValue& json) { return std::make_unique<Unigram>(json); }

}  // namespace tapedeck
