// One pass over the code points. Punctuation is judged after the mappings: a Greek question mark becomes a semicolon.
#include "src/data/text_split.h"

#include "src/data/unicode.h"

namespace tapedeck {
namespace {

class Splitter {
 public:
  explicit Splitter(const SplitRules& rules) : rules_(rules) {}

  void add(uint32_t point) {
    const uint32_t classes = unicode::classes(point);
    if (classes & unicode::control) return;
    const bool alone = rules_.spread_ideographs && (classes & unicode::ideograph);
    if (alone || (classes & unicode::space)) end_word();
    if (!(classes & unicode::space)) map(point);
    if (alone) end_word();
  }
  void end_word() {
    if (!word_.empty()) words.push_back(std::move(word_));
    word_.clear();
  }
  std::vector<std::string> words;

 private:
  void map(uint32_t point) {
    if (!rules_.strip_accents) return lower(point);
    bare_.clear();
    unicode::append_bare(bare_, point);
    for (size_t at = 0; at < bare_.size();) lower(unicode::next(bare_, at));
  }
  void lower(uint32_t point) {
    const bool punctuation = unicode::classes(point) & unicode::punctuation;
    if (punctuation) end_word();
    if (rules_.lowercase) unicode::append_lower(word_, point);
    else unicode::append(word_, point);
    if (punctuation) end_word();
  }

  const SplitRules& rules_;
  std::string word_, bare_;
};

}  // namespace

std::vector<std::string> split_words(std::string_view text, const SplitRules& rules) {
  Splitter splitter(rules);
  for (size_t at = 0; at < text.size();) splitter.add(unicode::next(text, at));
  splitter.end_word();
  return std::move(splitter.words);
}

}  // namespace tapedeck
