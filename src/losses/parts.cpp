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
  Tensor value(const Tensor& logits, const Tensor& labels, const RowWeights& average) const override {
    const double classes = double(logits.shape().cols()), e = label_smoothing;
    Smoothing smoothing{e, e / classes};
    if (convention == Convention::others && classes > 1) smoothing = {e + e / (classes - 1), e / (classes - 1)};
    return cross_entropy(logits, labels, smoothing, average.class_weights, -1, average.total);
  }
};
TAPEDECK_PART(Loss, CrossEntropyLoss, "cross_entropy",
              "-sum_c q_c log softmax(logits)_c, mean over labelled examples or tokens; q is the label, smoothed.",
              {.equation = "L = -(1/n) sum_i w_y sum_c q_c log softmax(x_i)_c, n the summed weights w_y of the labelled rows\n"
                           "uniform smoothing: q_y = 1 - e + e/C, others e/C; others: q_y = 1 - e, others e/(C - 1)",
               .source = "Szegedy et al., Rethinking the Inception Architecture, CVPR 2016, arXiv 1512.00567, section 7; "
                         "the second convention is fairseq's",
               .cost = "1F + 1B; C exponentials a row, in one fused op",
               .pitfalls = "The two conventions of smoothing differ by a factor C/(C - 1) in e: compare numbers under the "
                           "same one.\n"
                           "Smoothing hurts perplexity and calibrated probabilities while it helps accuracy.\n"
                           "A class of logit -inf that smoothing gives mass to costs +inf."});

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
TAPEDECK_PART(Loss, MseLoss, "mse", "(prediction - target)^2, mean over examples.",
              {.equation = "L = (1/n) sum_i (prediction_i - target_i)^2",
               .source = "least squares",
               .cost = "1F + 1B",
               .pitfalls = "One far target dominates the update: huber or log_cosh bound its gradient.\n"
                           "Scale targets to about unit variance, or the learning rate has to follow them."});

struct HuberLoss final : NumberLoss {
  double delta = 1;
  void describe(Fields& f) override { f("delta", delta, "where the square turns into a line").above(0); }
  Tensor value(const Tensor& prediction, const Tensor& target, double total) const override {
    return huber(prediction, target, delta, total);
  }
};
TAPEDECK_PART(Loss, HuberLoss, "huber",
              "d^2 / 2 up to |d| = delta, then delta (|d| - delta / 2), d = prediction - target (Huber 1964).",
              {.equation = "L = (1/n) sum_i h(d_i), h = d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2), d = "
                           "prediction - target",
               .source = "Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 1964",
               .cost = "1F + 1B",
               .pitfalls = "delta is in units of the target: beyond the usual error it is mse / 2, far below it absolute "
                           "error."});

struct LogCoshLoss final : NumberLoss {
  Tensor value(const Tensor& prediction, const Tensor& target, double total) const override {
    return log_cosh(prediction, target, total);
  }
};
TAPEDECK_PART(Loss, LogCoshLoss, "log_cosh",
              "log cosh(prediction - target): a square near 0, a line far away, smooth throughout.",
              {.equation = "L = (1/n) sum_i log cosh(prediction_i - target_i) = |d| + log(1 + e^(-2|d|)) - log 2",
               .source = "Green 1990; the smooth relative of huber with delta 1",
               .cost = "1F + 1B",
               .pitfalls = "It has no width of its own: scale the targets."});

struct PinballLoss final : NumberLoss {
  double quantile = 0.5;
  void describe(Fields& f) override { f("quantile", quantile, "the quantile that the prediction estimates").above(0).below(1); }
  Tensor value(const Tensor& prediction, const Tensor& target, double total) const override {
    return pinball(prediction, target, quantile, total);
  }
};
TAPEDECK_PART(Loss, PinballLoss, "pinball",
              "max(quantile e, (quantile - 1) e), e = target - prediction: predicts a quantile (Koenker and Bassett 1978).",
              {.equation = "L = (1/n) sum_i max(q e_i, (q - 1) e_i), e = target - prediction",
               .source = "Koenker and Bassett, Regression Quantiles, Econometrica 1978",
               .cost = "1F + 1B",
               .pitfalls = "It estimates a quantile, not the mean: mse of such a model says little.\n"
                           "Its gradient does not fade near the answer: lower the learning rate towards the end."});

}  // namespace
}  // namespace tapedeck
