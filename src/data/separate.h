// Rows whose texts become sequences of their own, plain or inside templates (PromptBERT). Next: separate.cpp, dataset.cpp.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/data/dataset.h>

namespace tapedeck {

/// "[CLS] This sentence of {} means [MASK] . [SEP]" as ids, and where text and [MASK] belong.
struct Template {
  std::vector<int32_t> ids;   // without the text
  size_t text = 0, mask = 0;  // places in ids: the text goes before ids[text]
};

class SeparateEncoder {
 public:
  /// Throws Error{config} for a template that cannot work.
  SeparateEncoder(const Table& table, const Tokenizer& tokenizer, const TextForm& form, bool training);
  int64_t sequences() const { return texts_ * copies_; }
  /// Throws Error{data} for a row with fewer texts than the others.
  void encode(const Row& row, Example& example) const;

 private:
  void append(std::string_view text, const Template* in, Example& example) const;
  const Table& table_;
  const Tokenizer& tokenizer_;
  std::vector<Template> templates_;
  int64_t texts_ = 1, copies_ = 1;  // texts of a row; templates that each goes into
};

}  // namespace tapedeck
