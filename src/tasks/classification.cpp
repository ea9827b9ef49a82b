// "classification": one class per text or pair of texts. Next: regression.cpp.
#include <tapedeck/base/error.h>
#include <tapedeck/tasks/task.h>

namespace tapedeck {
namespace {

struct Classification final : Task {
  void label(const Row& row, const EncodingOptions& how, Example& example) const override {
    if (!row.label.empty()) example.label = index_of(labels, row.label, row, how);
  }
  void targets(const Dataset& data, std::span<const int64_t> order, DType, Batch& batch) const override {
    batch.labels = Tensor::empty({std::ssize(order)}, DType::i32);
    for (size_t i = 0; i < order.size(); ++i) batch.labels.raw<int32_t>()[i] = data.examples[size_t(order[i])].label;
  }
  void decode(const Answered& what, Predictions& all) const override {
    all.classes = what.out.logits.shape().cols();
    for (size_t i = 0; i < what.order.size(); ++i) {
      all.predicted.push_back(read_row(what.out.logits, int64_t(i), all.probabilities.emplace_back()));
      all.label.push_back(what.data.examples[size_t(what.order[i])].label);
    }
  }
  void write(const Row&, const Predictions& all, size_t i, const Tokenizer&, Json& json) const override {
    if (all.label[i] >= 0) json.set("label", Json::of(labels[size_t(all.label[i])]));
    json.set("predicted", Json::of(labels[size_t(all.predicted[i])]));
    json.set("probabilities", probabilities_of(labels, all.probabilities[i]));
  }
  std::string summary(const Dataset&) const override { return text(labels.size(), " classes"); }
  void check(const Dataset&) const override {
    if (labels.size() < 2)
      throw Error(ErrorKind::config,
                  text("the training data have ", labels.size(), labels.size() == 1 ? " class" : " classes",
                       "; a classifier needs at least two"),
                  "check the column of the labels");
  }
};
TAPEDECK_PART(Task, Classification, "classification", "One class per text, or pair of texts: the most probable one.");

}  // namespace
}  // namespace tapedeck
