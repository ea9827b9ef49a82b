// "language_model": at every token of a stream the next one, seen in windows of tokenizer.max_length tokens. Next: tagging.cpp.
#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/tasks/task.h>

#include "src/data/file_reader.h"
#include "src/data/unicode.h"

namespace tapedeck {
namespace {

struct LanguageModeling final : Task {
  bool answers(const Row&) const override { return true; }
  void classes_of(const Row&, std::set<std::string>&) const override {}
  void fit(const Splits&) override {}

  /// The rows one after another. stride: default max_length, so that every token is seen once.
  Dataset encode(const EncodingOptions& how) const override {
    Dataset data;
    data.name = how.table.name;
    TokenStream& stream = data.stream;
    stream.context = how.tokenizer.max_length();
    stream.stride = how.stride.value_or(stream.context);
    if (stream.stride > stream.context)
      throw Error(ErrorKind::config,
                  text("data.stride ", stream.stride, " is longer than a window (tokenizer.max_length ", stream.context,
                       "): the tokens between would never be seen"),
                  "lower stride, or leave it out");
    for (const Row& row : how.table.rows) {
      const std::vector<int32_t> ids = how.tokenizer.token_ids(row.text);
      stream.ids.insert(stream.ids.end(), ids.begin(), ids.end());
      stream.characters += int64_t(unicode::count(row.text));
    }
    if (stream.ids.size() < 2 && !how.table.rows.empty())
      throw data_error(how.table.name, 0, "holds no two tokens, so that nothing follows anything",
                       "check that this is the right file");
    return data;
  }

  Answer answer() const override { return {Rows::tokens, Link::softmax}; }
  int64_t outputs(int64_t vocabulary) const override { return vocabulary; }
  int64_t labelled_rows(const Dataset& data, int64_t window) const override { return std::ssize(data.next_ids(window)); }
  double weight(const Loss& loss, const Dataset& data, int64_t window) const override {
    double sum = 0;
    for (int32_t next : data.next_ids(window)) sum += loss.weight(next);
    return sum;
  }
  void targets(const Dataset& data, std::span<const int64_t> order, DType, Batch& batch) const override {
    batch.token_labels = Tensor::empty({batch.token_count()}, DType::i32);
    int32_t* at = batch.token_labels.raw<int32_t>();
    for (int64_t window : order) at = std::ranges::copy(data.next_ids(window), at).out;
  }

  bool gives(Form form) const override { return form == Form::tokens || form == Form::likelihood; }
  void decode(const Answered& what, Predictions& all) const override {
    const Tensor best = argmax(what.out.logits, 1);
    const auto predicted = best.data<int32_t>(), label = what.batch.token_labels.data<int32_t>();
    all.predicted.insert(all.predicted.end(), predicted.begin(), predicted.end());
    all.label.insert(all.label.end(), label.begin(), label.end());
    all.nll += sum(cross_entropy_rows(what.out.logits, what.batch.token_labels)).item();
    all.characters = double(what.data.stream.characters) / double(what.data.stream.ids.size());
    all.classes = what.out.logits.shape().cols();
  }
  bool writes() const override { return false; }  // an answer for every token would be as long as the text
  void write(const Row&, const Predictions&, size_t, const Tokenizer&, Json&) const override {}

  TaskDefaults defaults() const override {
    return {"cross_entropy", "perplexity", "language_model", "\"data\": { \"type\": \"running_text\", ... }"};
  }
  std::string summary(const Dataset& data) const override { return text("windows of ", data.stream.context, " tokens"); }
};
TAPEDECK_PART(Task, LanguageModeling, "language_model", "The next token at every token of a stream of text.");

}  // namespace
}  // namespace tapedeck
