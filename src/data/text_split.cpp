// One pass over the code points. Punctuation is judged after the mappings: a Greek question mark becomes a semicolon.
#include "src/data/text_split.h"

#include "src/data/unicode.h"

namespace tapedeck {
namespace {

class Splitter {
 public:
  Splitter(const SplitRules& rules, std::vector<std::vector<Offset>>* letters) : rules_(rules), letters_(letters) {}

  /// A code point and where it stands.
  void add(uint32_t point, const Offset& at) {
    at_ = at;
    const uint32_t classes = unicode::classes(point);
    if (classes & unicode::control) return;
    const bool alone = rules_.spread_ideographs && (classes & unicode::ideograph);
    if (alone || (classes & unicode::space)) end_word();
    if (!(classes & unicode::space)) map(point);
    if (alone) end_word();
  }
  void end_word() {
    if (!word_.empty()) {
      words.push_back(std::move(word_));
      if (letters_) letters_->push_back(std::move(places_));
    }
    word_.clear();
    places_.clear();
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
    const size_t before = word_.size();
    if (rules_.lowercase) unicode::append_lower(word_, point);
    else unicode::append(word_, point);
    if (letters_) places_.resize(places_.size() + unicode::count(std::string_view(word_).substr(before)), at_);
    if (punctuation) end_word();
  }

  const SplitRules& rules_;
  std::vector<std::vector<Offset>>* letters_;
  Offset at_;
  std::string word_, bare_;
  std::vector<Offset> places_;  // of the letters of word_
};

}  // namespace

std::vector<std::string> split_words(std::string_view text, const SplitRules& rules, std::vector<std::vector<Offset>>* letters) {
  Splitter splitter(rules, letters);
  Offset here;
  for (size_t at = 0; at < text.size();) {
    const uint32_t point = unicode::next(text, at);
    here.begin = here.end++, here.begin_byte = here.end_byte, here.end_byte = int32_t(at);
    splitter.add(point, here);
  }
  splitter.end_word();
  return std::move(splitter.words);
}

}  // namespace tapedeck
