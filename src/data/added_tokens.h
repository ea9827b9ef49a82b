// Tokens that are cut out of a text before anything else is done to it: [MASK], </s>, and words added later.
// Next: post_processor.h.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "src/data/normalizer.h"
#include "src/data/subword_models.h"

namespace tapedeck {

class AddedTokens {
 public:
  AddedTokens() = default;
  /// The list "added_tokens". Its ids must be those of the model's table, or new ones.
  AddedTokens(const JsonValue& json, const SubwordModel& model, const Normalizer* normalizer);
  /// Cuts what is to be found in the text as it was written, then rewrites the rest, then cuts what is to be found in that.
  void apply(AlignedText& text, const Normalizer* normalizer) const;
  int32_t find(std::string_view token) const;  // -1: none
  const std::map<int32_t, std::string>& by_id() const { return by_id_; }

 private:
  struct Rules {
    int32_t id;
    bool single_word, strip_left, strip_right;
  };
  struct Set {
    Trie trie;  // of places in rules
    std::vector<Rules> rules;
    void cut_out(AlignedText& text) const;
  };
  Set raw_, normalized_;
  std::map<int32_t, std::string> by_id_;
};

}  // namespace tapedeck
