// Losses of numbers against numbers, as functions and as the losses of these names.
#include <tapedeck/losses/loss.h>

#include "support.h"

namespace tapedeck {
namespace {

Tensor difference(std::string_view loss, const Tensor& prediction, const Tensor& target) {
  require_same(loss, prediction, target);
  return prediction - target;
}
double count(const Tensor& x, double total) { return total > 0 ? total : double(x.size()); }

}  // namespace

Tensor mse(const Tensor& prediction, const Tensor& target, double total) {
  const Tensor d = difference("mse", prediction, target);
  return share(square(d), count(d, total));
}

Tensor huber(const Tensor& prediction, const Tensor& target, double delta, double total) {
  require_positive("huber", "delta", delta);
  const Tensor d = difference("huber", prediction, target), near = clamp(d, -delta, delta);
  return share(square(near) * 0.5 + relu(abs(d) - delta) * delta, count(d, total));  // near is +-delta outside
}

Tensor log_cosh(const Tensor& prediction, const Tensor& target, double total) {
  const Tensor d = difference("log_cosh", prediction, target);
  return share(softplus(d * -2.0) + d - std::log(2.0), count(d, total));
}

Tensor pinball(const Tensor& prediction, const Tensor& target, double quantile, double total) {
  if (!(quantile > 0 && quantile < 1))
    throw Error(ErrorKind::value, text("pinball: quantile is ", quantile), "give a number between 0 and 1");
  const Tensor e = -difference("pinball", prediction, target);
  return share(relu(e) * quantile + relu(-e) * (1 - quantile), count(e, total));
}

namespace {

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
  Answer answer() const final { return {Rows::sequences, Link::identity}; }
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
TAPEDECK_PART(
    Loss, HuberLoss, "huber", "d^2 / 2 up to |d| = delta, then delta (|d| - delta / 2), d = prediction - target (Huber 1964).",
    {.equation = "L = (1/n) sum_i h(d_i), h = d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2), d = prediction - target",
     .source = "Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 1964",
     .cost = "1F + 1B",
     .pitfalls = "delta is in units of the target: beyond the usual error it is mse / 2, far below it absolute error."});

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

struct SimilarityLoss final : Loss {
  double scale = 5;
  void describe(Fields& f) override { f("scale", scale, "the score that stands for cosine 1 (STS: 5)").above(0); }
  Tensor operator()(const Tensor& logits, const Batch& batch) const override {
    if (!batch.targets)
      throw Error(ErrorKind::config, "similarity needs pairs with scores, but the data have none",
                  "use data with numbers as labels, or an objective that needs no labels");
    const double total = batch.total_weight > 0 ? batch.total_weight : double(batch.examples());
    return share(square(reshape(logits, {batch.examples()}) - batch.targets / scale), total);
  }
  Answer answer() const override { return {Rows::sequences, Link::identity}; }
};
TAPEDECK_PART(Loss, SimilarityLoss, "similarity",
              "(logit - score / scale)^2, mean over pairs; the logit is a cosine (Reimers and Gurevych 2019).",
              {.equation = "L = (1/n) sum_i (cos(u_i, v_i) - score_i / scale)^2",
               .source = "Reimers and Gurevych, Sentence-BERT, EMNLP 2019, arXiv 1908.10084, section 3",
               .cost = "1F + 1B",
               .pitfalls = "It fits scores, while the usual measure (spearman) asks for their order only.\n"
                           "scale is the largest score of the data: 5 for STS."});

}  // namespace
}  // namespace tapedeck
