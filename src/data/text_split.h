// From text to words: clean, lower, strip accents, cut at spaces and around punctuation, in BERT's order of steps.
// Next: vocabulary_tokenizer.h.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tapedeck {

struct SplitRules {
  bool lowercase = false, strip_accents = false;
  bool spread_ideographs = false;  // every Chinese character is a word
};
/// Words in order; control characters vanish, each punctuation character is a word (Devlin et al. 2018, BasicTokenizer).
std::vector<std::string> split_words(std::string_view text, const SplitRules& rules);

}  // namespace tapedeck
