// Templates to ids, and rows to examples of several sequences. A template is never cut, only the text inside it.
#include "src/data/separate.h"

#include <algorithm>

#include <tapedeck/base/words.h>

#include "src/data/file_reader.h"

namespace tapedeck {
namespace {

constexpr std::string_view place_of_text = "{}", place_of_mask = "[MASK]";

std::vector<std::string_view> texts_of(const Row& row) {
  std::vector<std::string_view> texts{row.text};
  if (!row.text_b.empty() || !row.text_c.empty()) texts.push_back(row.text_b);
  if (!row.text_c.empty()) texts.push_back(row.text_c);
  return texts;
}

void append_ids(const Tokenizer& tokenizer, std::string_view text, std::vector<int32_t>& ids) {
  const std::vector<int32_t> more = tokenizer.token_ids(text);
  ids.insert(ids.end(), more.begin(), more.end());
}

Template parse(const std::string& source, const Tokenizer& tokenizer) {
  const auto refuse = [&](std::string_view why, std::string_view hint) {
    return Error(ErrorKind::config, text("model.templates: ", in_quotes(source), " ", why), std::string(hint));
  };
  const size_t text_at = source.find(place_of_text), mask_at = source.find(place_of_mask);
  if (text_at == source.npos || mask_at == source.npos || source.find(place_of_text, text_at + 1) != source.npos ||
      source.find(place_of_mask, mask_at + 1) != source.npos)
    throw refuse("needs {} once, for the text, and [MASK] once, for the token that stands for it",
                 "write it like \"This sentence : {} means [MASK] .\"");
  const int32_t mask = tokenizer.id(place_of_mask);
  if (mask < 0) throw refuse("asks for [MASK], which the vocabulary does not have", "use a vocabulary with the token [MASK]");
  Template made;
  made.ids.push_back(tokenizer.id("[CLS]"));
  std::string_view rest = source;
  while (!rest.empty()) {
    const size_t text_here = rest.find(place_of_text), mask_here = rest.find(place_of_mask),
                 next = std::min(text_here, mask_here);
    append_ids(tokenizer, rest.substr(0, next), made.ids);
    if (next == rest.npos) break;
    if (next == text_here) made.text = made.ids.size();
    else made.mask = made.ids.size(), made.ids.push_back(mask);
    rest.remove_prefix(next + (next == text_here ? place_of_text : place_of_mask).size());
  }
  made.ids.push_back(tokenizer.id("[SEP]"));
  if (std::ssize(made.ids) >= tokenizer.max_length())
    throw refuse(text("has ", made.ids.size(), " tokens, so that tokenizer.max_length ", tokenizer.max_length(),
                      " leaves no room for a text"),
                 "raise tokenizer.max_length");
  return made;
}

}  // namespace

SeparateEncoder::SeparateEncoder(const Table& table, const Tokenizer& tokenizer, const TextForm& form, bool training)
    : table_(table), tokenizer_(tokenizer) {
  for (const std::string& source : form.templates) templates_.push_back(parse(source, tokenizer));
  for (const Row& row : table.rows) texts_ = std::max(texts_, std::ssize(texts_of(row)));
  if (training && texts_ == 1) copies_ = std::max<int64_t>(1, std::ssize(templates_));
}

void SeparateEncoder::encode(const Row& row, Example& example) const {
  const auto texts = texts_of(row);
  if (std::ssize(texts) < texts_)
    throw data_error(table_.name, row.line, text("the row has ", texts.size(), " texts where others have ", texts_),
                     "give every row the same number of texts, none of them empty");
  for (std::string_view one : texts)
    for (int64_t copy = 0; copy < copies_; ++copy) append(one, templates_.empty() ? nullptr : &templates_[size_t(copy)], example);
  if (sequences() == 1) example.ends.clear();
}

void SeparateEncoder::append(std::string_view one, const Template* in, Example& example) const {
  const auto start = int32_t(example.ids.size());
  std::vector<int32_t> ids;
  if (!in) {
    Encoded encoded = tokenizer_.encode(one);
    ids = std::move(encoded.ids);
    example.cut += int32_t(encoded.cut);
  } else {
    std::vector<int32_t> words = tokenizer_.token_ids(one);
    const size_t kept = std::min(words.size(), size_t(tokenizer_.max_length()) - in->ids.size());
    example.cut += int32_t(words.size() - kept);
    words.resize(kept);
    ids = in->ids;
    ids.insert(ids.begin() + std::ptrdiff_t(in->text), words.begin(), words.end());
    const auto length = int32_t(words.size()), begin = start + int32_t(in->text);
    example.masks.push_back({start + int32_t(in->mask) + (in->mask >= in->text ? length : 0), begin, begin + length});
  }
  example.ids.insert(example.ids.end(), ids.begin(), ids.end());
  example.ends.push_back(int32_t(example.ids.size()));
}

}  // namespace tapedeck
