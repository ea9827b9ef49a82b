// The losses an experiment can name. Each divides by the weight of the whole step (Batch::total_weight).
#include <tapedeck/base/error.h>
#include <tapedeck/losses/loss.h>

namespace tapedeck {
namespace {

struct CrossEntropyLoss final : Loss {
  enum class Convention { uniform, others };
  double label_smoothing = 0;
  Convention convention = Convention::uniform;
  std::vector<double> class_weights;
  int64_t ignore_index = -1;

  void describe(Fields& f) override {
    f("label_smoothing", label_smoothing, "probability mass moved away from the label").at_least(0).below(1);
    f.names("smoothing", convention, {{"uniform", Convention::uniform}, {"others", Convention::others}},
            "uniform: spread over all classes (Szegedy et al. 2016, PyTorch); others: over the other classes only (fairseq)");
    f("class_weights", class_weights, "weight of each class in the mean, in label order").at_least(0);
    f("ignore_index", ignore_index, "class index that does not count (default: unlabelled examples only)").at_least(-1);
  }

  Tensor operator()(const Tensor& logits, const Batch& batch) const override {
    const Tensor& labels = batch.row_labels();
    if (!labels) throw Error(ErrorKind::config, "cross_entropy needs class labels, but the data have none", "use loss \"mse\" for numbers, or name the label column");
    const double classes = double(logits.shape().cols());
    Smoothing smoothing{label_smoothing, label_smoothing / classes};
    if (convention == Convention::others && classes > 1) smoothing = {label_smoothing + label_smoothing / (classes - 1), label_smoothing / (classes - 1)};
    return cross_entropy(logits, counted(labels), smoothing, class_weights, -1, batch.total_weight);
  }

  double weight(int32_t label) const override {
    if (label < 0 || label == ignore_index) return 0;
    return size_t(label) < class_weights.size() ? class_weights[size_t(label)] : 1;
  }

  void check(int64_t outputs) const override {
    if (!class_weights.empty() && int64_t(class_weights.size()) != outputs)
      throw Error(ErrorKind::config, text("cross_entropy has ", class_weights.size(), " class_weights for ", outputs, " classes"), "give one weight per class, in label order");
    if (ignore_index >= outputs)
      throw Error(ErrorKind::config, text("cross_entropy: ignore_index ", ignore_index, " is not one of the ", outputs, " classes"));
  }

 private:
  /// Labels with the ignored class turned into "no label".
  Tensor counted(const Tensor& labels) const {
    if (ignore_index < 0) return labels;
    const Tensor copy = labels.clone();
    for (auto& label : copy.data<int32_t>()) if (label == ignore_index) label = -1;
    return copy;
  }
};
TAPEDECK_PART(Loss, CrossEntropyLoss, "cross_entropy", "-sum_c q_c log softmax(logits)_c, mean over labelled examples or tokens; q is the label, smoothed.");

struct MseLoss final : Loss {
  Tensor operator()(const Tensor& logits, const Batch& batch) const override {
    if (!batch.targets) throw Error(ErrorKind::config, "mse needs numbers as labels, but the data have classes", "set data.label_type to \"number\", or use loss \"cross_entropy\"");
    const double total = batch.total_weight > 0 ? batch.total_weight : double(batch.examples());
    return sum(square(reshape(logits, {batch.examples()}) - batch.targets)) / total;
  }
  bool regression() const override { return true; }
};
TAPEDECK_PART(Loss, MseLoss, "mse", "(prediction - target)^2, mean over examples.");

}  // namespace
}  // namespace tapedeck
