// The two losses that most experiments name, and the plain losses of numbers. Each divides by the weight of the whole step
// (Batch::total_weight). Next: parts_classes.cpp.
#include "class_loss.h"

namespace tapedeck {
namespace {

struct CrossEntropyLoss final : ClassLoss {
  enum class Convention { uniform, others };
  double label_smoothing = 0;
  Convention convention = Convention::uniform;

  void options(Fields& f) override {
    f("label_smoothing", label_smoothing, "probability mass moved away from the label").at_least(0).below(1);
    f.names("smoothing", convention, {{"uniform", Convention::uniform}, {"others", Convention::others}},
            "uniform: spread over all classes (Szegedy et al. 2016, PyTorch); others: over the other classes only (fairseq)");
  }
  Tensor value(const Tensor& logits, const Tensor& labels, const Average& average) const override {
    const double classes = double(logits.shape().cols()), e = label_smoothing;
    Smoothing smoothing{e, e / classes};
    if (convention == Convention::others && classes > 1) smoothing = {e + e / (classes - 1), e / (classes - 1)};
    return cross_entropy(logits, labels, smoothing, average.class_weights, -1, average.total);
  }
};
TAPEDECK_PART(Loss, CrossEntropyLoss, "cross_entropy",
              "-sum_c q_c log softmax(logits)_c, mean over labelled examples or tokens; q is the label, smoothed.");

/// One number per example against the target of the data.
struct NumberLoss : Loss {
  virtual Tensor value(const Tensor& prediction, const Tensor& target, double total) const = 0;
  Tensor operator()(const Tensor& logits, const Batch& batch) const final {
    if (!batch.targets)
      throw Error(ErrorKind::config, "the loss needs numbers as labels, but the data have classes",
                  "set data.label_type to \"number\", or use loss \"cross_entropy\"");
    const double total = batch.total_weight > 0 ? batch.total_weight : double(batch.examples());
    return value(reshape(logits, {batch.examples()}), batch.targets, total);
  }
  bool regression() const final { return true; }
};

struct MseLoss final : NumberLoss {
  Tensor value(const Tensor& prediction, const Tensor& target, double total) const override {
    return mse(prediction, target, total);
  }
};
TAPEDECK_PART(Loss, MseLoss, "mse", "(prediction - target)^2, mean over examples.");

struct HuberLoss final : NumberLoss {
  double delta = 1;
  void describe(Fields& f) override { f("delta", delta, "where the square turns into a line").above(0); }
  Tensor value(const Tensor& prediction, const Tensor& target, double total) const override {
    return huber(prediction, target, delta, total);
  }
};
TAPEDECK_PART(Loss, HuberLoss, "huber",
              "d^2 / 2 up to |d| = delta, then delta (|d| - delta / 2), d = prediction - target (Huber 1964).");

struct LogCoshLoss final : NumberLoss {
  Tensor value(const Tensor& prediction, const Tensor& target, double total) const override {
    return log_cosh(prediction, target, total);
  }
};
TAPEDECK_PART(Loss, LogCoshLoss, "log_cosh",
              "log cosh(prediction - target): a square near 0, a line far away, smooth throughout.");

struct PinballLoss final : NumberLoss {
  double quantile = 0.5;
  void describe(Fields& f) override { f("quantile", quantile, "the quantile that the prediction estimates").above(0).below(1); }
  Tensor value(const Tensor& prediction, const Tensor& target, double total) const override {
    return pinball(prediction, target, quantile, total);
  }
};
TAPEDECK_PART(Loss, PinballLoss, "pinball",
              "max(quantile e, (quantile - 1) e), e = target - prediction: predicts a quantile (Koenker and Bassett 1978).");

}  // namespace
}  // namespace tapedeck
