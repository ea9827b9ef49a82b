// "tagging": a tag for every word between blanks, spans of words as B- and I- tags. A word of several tokens is represented by
// its first. Next: models/tagger.cpp.
#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/tasks/task.h>

#include "src/data/file_reader.h"

namespace tapedeck {
namespace {

/// As the file has them, or what stands between blanks.
std::vector<std::string_view> words_of(const Row& row) {
  if (!row.words.empty()) return {row.words.begin(), row.words.end()};
  const std::string_view text = row.text;
  std::vector<std::string_view> words;
  for (size_t at = 0; (at = text.find_first_not_of(" \t\n\r", at)) != text.npos;) {
    const size_t end = std::min(text.find_first_of(" \t\n\r", at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

struct Tagging final : Task {
  bool answers(const Row& row) const override { return row.labels.has_value(); }
  /// "O" comes first, so that it is what ctc takes for a blank.
  void classes_of(const Row& row, std::set<std::string>& names) const override {
    if (row.labels) names.insert(row.labels->begin(), row.labels->end());
  }
  void fit(const Splits& splits) override {
    Task::fit(splits);
    if (splits.labels.empty())
      std::stable_partition(labels.begin(), labels.end(), [](const std::string& tag) { return tag == "O"; });
  }
  Dataset encode(const EncodingOptions& how) const override {
    Dataset data;
    data.name = how.table.name;
    encode_rows(how, data, [&](const Row& row, Example& example) { encode_row(row, how, example); });
    return data;
  }

  Answer answer() const override { return {Rows::words, Link::softmax}; }
  int64_t labelled_rows(const Dataset& data, int64_t index) const override {
    const Example& example = data.examples[size_t(index)];
    return example.label >= 0 ? std::ssize(example.words) : 0;
  }
  double weight(const Loss& loss, const Dataset& data, int64_t index) const override {
    const Example& example = data.examples[size_t(index)];
    double sum = 0;
    for (size_t w = 0; w < example.words.size() && example.label >= 0; ++w) sum += loss.weight(example.classes[w]);
    return sum;
  }
  void targets(const Dataset& data, std::span<const int64_t> order, DType, Batch& batch) const override {
    batch.token_labels = Tensor::full({batch.words.size()}, -1, DType::i32);
    int32_t* at = batch.token_labels.raw<int32_t>();
    for (const int64_t index : order) {
      const Example& example = data.examples[size_t(index)];
      if (example.label >= 0) std::copy_n(example.classes.begin(), example.words.size(), at);
      at += example.words.size();
    }
  }

  bool gives(Form form) const override { return form == Form::spans || form == Form::tokens; }
  void decode(const Answered& what, Predictions& all) const override {
    all.classes = what.out.logits.shape().cols();
    const Tensor tags = what.loss.decode(what.out, what.batch);
    const int32_t* tag = tags.raw<int32_t>();
    for (const int64_t index : what.order) {
      const Example& example = what.data.examples[size_t(index)];
      const auto n = std::ssize(example.words);
      std::vector<int32_t>& chosen = all.chosen.emplace_back(tag, tag + n);
      tag += n;
      all.predicted.insert(all.predicted.end(), chosen.begin(), chosen.end());
      for (int64_t w = 0; w < n; ++w) all.label.push_back(example.label >= 0 ? example.classes[size_t(w)] : -1);
      all.given.push_back(example.label >= 0 ? std::optional(example.classes) : std::nullopt);
      all.found.push_back(spans_of(chosen));
      all.marked.push_back(example.label >= 0 ? std::optional(spans_of(example.classes)) : std::nullopt);
    }
  }
  void write(const Row&, const Predictions& all, size_t i, const Tokenizer&, Json& json) const override {
    if (all.given[i]) json.set("tags", names_of(*all.given[i]));
    json.set("predicted", names_of(all.chosen[i]));
  }

  TaskDefaults defaults() const override { return {"cross_entropy", "span_f1", "tagger", "data \"slots\" or \"bio\""}; }
  std::string summary(const Dataset&) const override { return text(labels.size(), " tags of words"); }
  std::string_view noun() const override { return "tags"; }
  std::string span_name(int32_t type) const override {
    const std::string& tag = labels[size_t(type)];
    return tag.substr(std::min<size_t>(2, tag.size()));
  }
  void check(const Dataset& train) const override {
    if (labels.empty() || !train.labelled)
      throw Error(ErrorKind::config, "no word of the training data has a tag", text("use ", defaults().data));
  }

 private:
  /// [CLS], the tokens of the words, [SEP]; words beyond max_length have no logits and their spans count as missed.
  void encode_row(const Row& row, const EncodingOptions& how, Example& example) const {
    const std::vector<std::string_view> words = words_of(row);
    if (row.labels && row.labels->size() != words.size())
      throw data_error(how.table.name, row.line, text(row.labels->size(), " tags for ", words.size(), " words"),
                       "words are what is between blanks");
    const auto room = size_t(std::max<int64_t>(2, how.tokenizer.max_length()));
    const auto special = [&](const char* name, std::vector<int32_t>& ids) {
      if (const int32_t id = how.tokenizer.id(name); id >= 0) ids.push_back(id);
    };
    special("[CLS]", example.ids);
    for (const std::string_view word : words) {
      std::vector<int32_t> ids = how.tokenizer.token_ids(word);
      if (ids.empty()) special("[UNK]", ids);
      if (ids.empty())
        throw data_error(how.table.name, row.line, text("the word ", in_quotes(word), " holds no token"), "correct the line");
      if (example.cut || example.ids.size() + ids.size() + 1 > room) {
        example.cut += int32_t(ids.size());
        continue;
      }
      example.words.push_back(int32_t(example.ids.size()));
      example.ids.insert(example.ids.end(), ids.begin(), ids.end());
    }
    special("[SEP]", example.ids);
    if (!row.labels) return;
    for (const std::string& tag : *row.labels) example.classes.push_back(index_of(labels, tag, row, how));
    if (std::ranges::count(example.classes, -1) == 0) example.label = 0;
  }

  /// Spans of words by strict BIO, as seqeval's: one begins at B- (S-) and goes on with I- (E-) of the same name; an I- that goes
  /// on with nothing is none.
  std::vector<Span> spans_of(const std::vector<int32_t>& tags) const {
    std::vector<Span> spans;
    std::string_view open;
    for (int32_t w = 0; w < int32_t(tags.size()); ++w) {
      const std::string_view tag = labels[size_t(tags[size_t(w)])];
      const bool named = tag.size() > 2 && tag[1] == '-';
      const std::string_view name = named ? tag.substr(2) : std::string_view();
      const bool begins = named && (tag[0] == 'B' || tag[0] == 'S'), goes_on = named && !begins && !open.empty() && name == open;
      if (goes_on) spans.back().last = w;
      else if (open = begins ? name : std::string_view(); begins) spans.push_back({w, w, type_of(name)});
    }
    return spans;
  }
  /// The first tag of that name stands for the type.
  int32_t type_of(std::string_view name) const {
    return int32_t(std::ranges::find_if(labels,
                                        [&](const std::string& tag) {
                                          return std::string_view(tag).substr(std::min<size_t>(2, tag.size())) == name;
                                        }) -
                   labels.begin());
  }
  Json names_of(const std::vector<int32_t>& tags) const {
    Json list = Json::list();
    for (const int32_t tag : tags) list.items.push_back(Json::of(labels[size_t(tag)]));
    return list;
  }
};
TAPEDECK_PART(Task, Tagging, "tagging", "A tag for every word: slots and names as B- and I- tags.");

}  // namespace
}  // namespace tapedeck
