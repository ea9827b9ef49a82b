// What the parts for class labels have in common: weights per class, a class that does not count, the labels of a batch.
// Next: classification.cpp.
#pragma once
#include <tapedeck/base/error.h>
#include <tapedeck/losses/classification.h>
#include <tapedeck/losses/loss.h>

namespace tapedeck {

struct ClassLoss : Loss {
  std::vector<double> class_weights;
  int64_t ignore_index = -1;

  virtual void options(Fields&) {}
  virtual Tensor value(const Tensor& logits, const Tensor& labels, const RowWeights& average) const = 0;
  virtual const std::vector<double>& weights() const { return class_weights; }

  void describe(Fields& f) override {
    options(f);
    f("class_weights", class_weights, "weight of each class in the mean, in label order").at_least(0);
    f("ignore_index", ignore_index, "class index that does not count (default: unlabelled examples only)").at_least(-1);
  }
  Tensor operator()(const Tensor& logits, const Batch& batch) const override {
    average_.class_weights = weights();
    average_.total = batch.total_weight;
    return value(logits, counted(class_labels(batch)), average_);
  }
  double weight(int32_t label) const override {
    if (label < 0 || label == ignore_index) return 0;
    const std::vector<double>& all = weights();
    return size_t(label) < all.size() ? all[size_t(label)] : 1;
  }
  void check(int64_t outputs) const override {
    if (!class_weights.empty() && int64_t(class_weights.size()) != outputs)
      throw Error(ErrorKind::config, text("the loss has ", class_weights.size(), " class_weights for ", outputs, " classes"),
                  "give one weight per class, in label order");
    if (ignore_index >= outputs)
      throw Error(ErrorKind::config,
                  text("the loss has ignore_index ", ignore_index, ", which is not one of the ", outputs, " classes"));
  }

  /// i32, one per row of logits; throws Error{config} when the data are numbers.
  static const Tensor& class_labels(const Batch& batch) {
    const Tensor& labels = batch.row_labels();
    if (!labels)
      throw Error(ErrorKind::config, "the loss needs class labels, but the data have none",
                  "use loss \"mse\" for numbers, or name the label column");
    return labels;
  }

 protected:
  /// Labels with the ignored class turned into "no label".
  Tensor counted(const Tensor& labels) const {
    if (ignore_index < 0) return labels;
    const Tensor copy = labels.clone();
    for (auto& label : copy.data<int32_t>())
      if (label == ignore_index) label = -1;
    return copy;
  }

 private:
  mutable RowWeights average_;  // kept, so that a warm step takes nothing from the heap
};

}  // namespace tapedeck
