// ordinal: classes in an order, such as stars: logit k says whether the class lies above class k. Niu et al. 2016, "Ordinal
// regression with multiple output CNN", section 3.2.
#include <algorithm>
#include <cmath>

#include <tapedeck/tasks/task.h>

namespace tapedeck {
namespace {

struct Ordinal final : Task {
  void label(const Row& row, const EncodingOptions& how, Example& example) const override {
    if (!row.label.empty()) example.label = index_of(labels, row.label, row, how);
  }

  Answer answer() const override { return {Rows::sequences, Link::sigmoid}; }  // a yes or no for every logit of a text
  int64_t outputs(int64_t) const override { return std::ssize(labels) - 1; }
  void targets(const Dataset& data, std::span<const int64_t> order, DType, Batch& batch) const override {
    const auto n = std::ssize(order), steps = std::ssize(labels) - 1;
    batch.cells = Tensor::zeros({n, steps}, DType::u8);
    batch.known = Tensor::zeros({n}, DType::u8);
    for (int64_t i = 0; i < n; ++i) {
      const int32_t label = data.examples[size_t(order[size_t(i)])].label;  // -1: none
      batch.known.raw<uint8_t>()[i] = label >= 0;
      for (int32_t k = 0; k < label; ++k) batch.cells.raw<uint8_t>()[i * steps + k] = 1;
    }
  }

  /// As many classes up as logits are positive: Form::classes, so that accuracy and f1 measure it.
  void decode(const Answered& what, Predictions& all) const override {
    const auto steps = what.out.logits.shape().cols();
    all.classes = steps + 1;
    for (int64_t i = 0; i < std::ssize(what.order); ++i) {
      std::vector<double> above{1};  // P(class > k - 1)
      for (int64_t k = 0; k < steps; ++k) above.push_back(1 / (1 + std::exp(-what.out.logits.item(i * steps + k))));
      all.predicted.push_back(int32_t(std::count_if(above.begin() + 1, above.end(), [](double p) { return p > 0.5; })));
      all.label.push_back(what.data.examples[size_t(what.order[size_t(i)])].label);
      for (size_t k = 0; k + 1 < above.size(); ++k) above[k] = std::max(0.0, above[k] - above[k + 1]);
      all.probabilities.push_back(std::move(above));
    }
  }
  void write(const Row&, const Predictions& all, size_t i, const Tokenizer&, Json& json) const override {
    if (all.label[i] >= 0) json.set("label", Json::of(labels[size_t(all.label[i])]));
    json.set("predicted", Json::of(labels[size_t(all.predicted[i])]));
    json.set("probabilities", probabilities_of(labels, all.probabilities[i]));
  }

  TaskDefaults defaults() const override { return {.loss = "bce"}; }
  std::string_view noun() const override { return "ordered classes"; }
  std::string summary(const Dataset&) const override { return text(labels.size(), " classes in order"); }
};
TAPEDECK_PART(Task, Ordinal, "ordinal",
              "Classes in an order: each logit says whether the class lies above one of them (Niu et al. 2016).");

}  // namespace
}  // namespace tapedeck
