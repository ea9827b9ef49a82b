// The patterns of tokenizer.json: {"String": "..."} and the regular expressions in use, each scanned by hand in one pass. What is
// none of them is refused, so that no text is ever cut differently from what the file says. Next: pre_tokenizer.h.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "src/data/json_value.h"
#include "src/data/unicode.h"

namespace tapedeck {

class Pattern {
 public:
  /// GPT-2's regular expression, which "ByteLevel" uses without naming it.
  Pattern() = default;
  /// {"String": text} or {"Regex": text}.
  explicit Pattern(const JsonValue& json);
  bool literal() const { return kind_ == Kind::literal; }

  /// found(begin, end) for every match, in order; none is empty.
  template <class Found>
  void find_all(std::string_view text, Found&& found) const {
    for (size_t at = 0; at < text.size();) {
      size_t begin = at, end = at;
      if (!find(text, begin, end)) return;
      found(begin, end);
      at = end;
    }
  }

 private:
  enum class Kind { gpt2, gpt4, run, literal };
  /// The first match at or behind `begin`.
  bool find(std::string_view text, size_t& begin, size_t& end) const;
  size_t words_end(std::string_view text, size_t begin) const;
  size_t run_end(std::string_view text, size_t begin) const;

  Kind kind_ = Kind::gpt2;
  std::string literal_;
  bool (*in_class_)(uint32_t) = nullptr;  // of a run; null: the code point `only_`
  uint32_t only_ = 0;
  size_t least_ = 1, most_ = 1;  // length of a run in code points
  size_t digits_ = 0;            // gpt4: digits of one match
};

}  // namespace tapedeck
