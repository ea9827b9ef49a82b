// From text to words: clean, lower, strip accents, cut at spaces and around punctuation, in BERT's order of steps.
// Next: vocabulary_tokenizer.h.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/data/tokenizer.h>

namespace tapedeck {

struct SplitRules {
  bool lowercase = false, strip_accents = false;
  bool spread_ideographs = false;  // every Chinese character is a word
};
/// From the first to the last.
inline Offset joined(const Offset& first, const Offset& last) { return {first.begin, last.end, first.begin_byte, last.end_byte}; }
/// Words in order; control characters vanish, each punctuation character is a word (Devlin et al. 2018, BasicTokenizer).
/// letters: where every code point of every word stands in the text, if that is wanted.
std::vector<std::string> split_words(std::string_view text, const SplitRules& rules,
                                     std::vector<std::vector<Offset>>* letters = nullptr);

}  // namespace tapedeck
