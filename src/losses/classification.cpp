// The relatives of cross-entropy, as functions and as the losses of these names. Answers brings rows that do not count out of the
// way once, so that each is its formula. Next: proxies.cpp.
#include <tapedeck/tensor/list.h>

#include "class_loss.h"
#include "support.h"

namespace tapedeck {
namespace {

/// Logits and labels with what every loss of the family needs of them.
class Answers {
 public:
  Answers(std::string_view loss, const Tensor& logits, const Tensor& labels, const RowWeights& average) {
    if (!logits || logits.shape().rank() == 0) throw Error(ErrorKind::shape, text(loss, ": logits need a last axis of classes"));
    rows_ = logits.shape().rows(), classes_ = logits.shape().cols();
    if (!labels || labels.dtype() != DType::i32 || labels.size() != rows_)
      throw Error(ErrorKind::shape, text(loss, ": needs one i32 label for each of ", rows_, " rows"));
    const Tensor given = reshape(logits, {rows_, classes_});
    label = labels.view({rows_}).clone();
    weight_.assign(size_t(rows_), 0);
    for (int64_t i = 0; i < rows_; ++i) weigh(loss, given, i, average);
    total_ = average.total > 0 ? average.total : total_;
    x = only(cells([&](int64_t i, int64_t) { return active(i); }), given);
    log_p = log_softmax(x);
  }

  Tensor x, log_p;  // [rows,c], 0 and uniform at rows that do not count
  Tensor label;     // i32 [rows], 0 at rows that do not count

  template <class F>
  Tensor cells(F holds) const {
    return mask_of({rows_, classes_}, [&](int64_t e) { return holds(e / classes_, e % classes_); });
  }
  bool is_label(int64_t row, int64_t column) const { return label.raw<int32_t>()[row] == column; }
  int64_t classes() const { return classes_; }

  /// log p_y, 0 where that is -inf.
  Tensor log_label() const {
    const Tensor l = pick(log_p, label);
    return only(above_minus_infinity(l), l);
  }
  /// log(1 - p_y): no cancellation when p_y is near 1.
  Tensor log_rest() const {
    return logsumexp(only(cells([&](int64_t i, int64_t c) { return !is_label(i, c); }), log_p, absent(log_p.dtype())), 1);
  }
  /// The weighted mean; a row whose label is impossible costs `impossible`.
  Tensor mean(const Tensor& each /*[rows]*/, double impossible) const {
    return mean(only(above_minus_infinity(pick(log_p.detach(), label)), each, impossible));
  }
  Tensor mean(const Tensor& each /*[rows]*/) const {
    const Tensor counted = only(mask_of({rows_}, [&](int64_t i) { return active(i); }), each);
    return share(counted * constant({rows_}, each.dtype(), [&](int64_t i) { return weight_[size_t(i)]; }), total_);
  }

 private:
  bool active(int64_t row) const { return weight_[size_t(row)] > 0; }

  void weigh(std::string_view loss, const Tensor& given, int64_t i, const RowWeights& average) {
    int32_t& y = label.raw<int32_t>()[i];
    require_class(loss, y, i, classes_);
    const double weight = y < 0 ? 0 : size_t(y) < average.class_weights.size() ? average.class_weights[size_t(y)] : 1;
    total_ += weight;
    weight_[size_t(i)] = excludes_all(given, i) ? 0 : weight;
    if (y < 0 || !active(i)) y = 0;
  }

  int64_t rows_ = 0, classes_ = 0;
  List<double> weight_;
  double total_ = 0;
};

}  // namespace

Tensor focal(const Tensor& logits, const Tensor& labels, double gamma, const RowWeights& average) {
  const Answers a("focal", logits, labels, average);
  return a.mean(-(exp(a.log_rest() * gamma) * a.log_label()), infinity);
}

Tensor poly1(const Tensor& logits, const Tensor& labels, double epsilon, const RowWeights& average) {
  const Answers a("poly1", logits, labels, average);
  return a.mean(exp(a.log_rest()) * epsilon - a.log_label(), infinity);
}

Tensor asymmetric(const Tensor& logits, const Tensor& labels, double gamma_positive, double gamma_negative, double smoothing,
                  const RowWeights& average) {
  const Answers a("asymmetric", logits, labels, average);
  const double each = smoothing / double(a.classes());
  const Tensor wrong = a.cells([&](int64_t i, int64_t c) { return !a.is_label(i, c); });
  const Tensor log_p = only(above_minus_infinity(a.log_p), only(wrong, a.log_p));  // p log p = 0 at p = 0
  const Tensor right = exp(a.log_rest() * gamma_positive) * a.log_label() * (1 - smoothing + each);
  return a.mean(-(right + sum(exp(log_p * gamma_negative) * log_p, 1) * each), infinity);
}

Tensor symmetric_cross_entropy(const Tensor& logits, const Tensor& labels, double alpha, double beta, double log_zero,
                               const RowWeights& average) {
  if (!(log_zero < 0))
    throw Error(ErrorKind::value, text("symmetric_cross_entropy: log_zero is ", log_zero), "give a number below 0");
  const Answers a("symmetric_cross_entropy", logits, labels, average);
  return a.mean(exp(a.log_rest()) * (-log_zero * beta) - a.log_label() * alpha, alpha > 0 ? infinity : -log_zero * beta);
}

Tensor generalised_cross_entropy(const Tensor& logits, const Tensor& labels, double q, const RowWeights& average) {
  require_positive("generalised_cross_entropy", "q", q);
  const Answers a("generalised_cross_entropy", logits, labels, average);
  return a.mean((1.0 - exp(a.log_label() * q)) / q, 1 / q);
}

Tensor hinge(const Tensor& logits, const Tensor& labels, double margin, int power, const RowWeights& average) {
  if (power != 1 && power != 2) throw Error(ErrorKind::value, text("hinge: power is ", power), "give 1 or 2");
  const Answers a("hinge", logits, labels, average);
  const Tensor possible = above_minus_infinity(a.x), x = only(possible, a.x);
  const Tensor wrong =
      a.cells([&](int64_t i, int64_t c) { return !a.is_label(i, c) && possible.raw<uint8_t>()[i * a.classes() + c]; });
  const Tensor over = only(wrong, relu(x - reshape(pick(x, a.label), {x.shape()[0], 1}) + margin));
  return a.mean(sum(power == 1 ? over : square(over), 1) / double(a.classes()), infinity);
}

Tensor self_adjusting_dice(const Tensor& logits, const Tensor& labels, double alpha, double smooth, const RowWeights& average) {
  const Answers a("self_adjusting_dice", logits, labels, average);
  const Tensor overlap = exp(a.log_rest() * alpha + a.log_label());
  return a.mean(1.0 - (overlap * 2.0 + smooth) / (overlap + (1 + smooth)), 1 - smooth / (1 + smooth));
}

Tensor dice_of_classes(const Tensor& logits, const Tensor& labels, double alpha, double smooth, const RowWeights& average) {
  const Answers a("dice_of_classes", logits, labels, average);
  const Tensor overlap = exp(a.log_rest() * alpha + a.log_label());
  const Tensor own = 1.0 - (overlap * 2.0 + smooth) / (square(overlap) + (1 + smooth));
  const Tensor wrong = a.cells([&](int64_t i, int64_t c) { return !a.is_label(i, c); });
  const Tensor p = only(wrong, exp(only(above_minus_infinity(a.log_p), a.log_p, absent(a.log_p.dtype()))));
  const Tensor rest = 1.0 - p, some = mask_where(rest, [](auto v) { return v > 0; });
  const Tensor faded = square(only(some, exp(log(only(some, rest, 1)) * alpha) * p));
  return a.mean(own, 1 - smooth / (1 + smooth)) + a.mean(sum(faded / (faded + smooth), 1));
}

namespace {

struct FocalLoss final : ClassLoss {
  double gamma = 2;
  void options(Fields& f) override { f("gamma", gamma, "how much easy examples fade; 0 is cross-entropy").at_least(0); }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override { return focal(x, y, gamma, a); }
};
TAPEDECK_PART(Loss, FocalLoss, "focal", "(1 - p_y)^gamma (-log p_y): easy examples fade (Lin et al. 2017, eq. 4).",
              {.equation = "L = (1/n) sum_i w_y (1 - p_y)^gamma (-log p_y), p = softmax(x)",
               .source = "Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, arXiv 1708.02002, eq. 4",
               .cost = "1F + 1B; a few passes over the logits",
               .pitfalls = "With gamma above 0 its values are not comparable with cross-entropy: compare accuracy.\n"
                           "It leaves probabilities under-confident on easy examples.\n"
                           "Wrong labels are hard examples, so it dwells on them."});

struct PolyLoss final : ClassLoss {
  double epsilon = 1;
  void options(Fields& f) override { f("epsilon", epsilon, "weight of 1 - p_y").at_least(-1); }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override { return poly1(x, y, epsilon, a); }
};
TAPEDECK_PART(Loss, PolyLoss, "poly",
              "-log p_y + epsilon (1 - p_y): the first term of the series re-weighted (Leng et al. 2022, eq. 5).",
              {.equation = "L = (1/n) sum_i w_y [-log p_y + epsilon (1 - p_y)]",
               .source = "Leng et al., PolyLoss, ICLR 2022, arXiv 2204.12511, eq. 5",
               .cost = "1F + 1B",
               .pitfalls = "The best epsilon depends on the task and may be negative (at least -1)."});

struct AsymmetricLoss final : ClassLoss {
  double gamma_positive = 0, gamma_negative = 4, label_smoothing = 0.1;
  void options(Fields& f) override {
    f("gamma_positive", gamma_positive, "focusing of the label's term").at_least(0);
    f("gamma_negative", gamma_negative, "focusing of the terms that smoothing gives the other classes").at_least(0);
    f("label_smoothing", label_smoothing, "probability mass spread over all classes").at_least(0).below(1);
  }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override {
    return asymmetric(x, y, gamma_positive, gamma_negative, label_smoothing, a);
  }
};
TAPEDECK_PART(
    Loss, AsymmetricLoss, "asymmetric",
    "-sum_c t_c w_c log p_c, t the smoothed label, w_y = (1-p_y)^gamma_positive, else p_c^gamma_negative (Ridnik et al. 2021).",
    {.equation = "L = -(1/n) sum_i sum_c t_c w_c log p_c, t_y = 1 - e + e/C, others e/C; w_y = (1 - p_y)^gamma_positive, others "
                 "p_c^gamma_negative",
     .source = "Ridnik et al., Asymmetric Loss for Multi-Label Classification, ICCV 2021, arXiv 2009.14119; the single-label "
               "form of its code",
     .cost = "1F + 1B",
     .pitfalls = "Without label_smoothing the other classes carry no weight and it is focal.\n"
                 "For several labels per row use asymmetric_multilabel, whose probabilities are sigmoids."});

struct SymmetricCrossEntropyLoss final : ClassLoss {
  double alpha = 0.1, beta = 1, log_zero = -4;
  void options(Fields& f) override {
    f("alpha", alpha, "weight of cross-entropy").at_least(0);
    f("beta", beta, "weight of reverse cross-entropy").at_least(0);
    f("log_zero", log_zero, "stands for log 0 in the reverse term").below(0);
  }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override {
    return symmetric_cross_entropy(x, y, alpha, beta, log_zero, a);
  }
};
TAPEDECK_PART(
    Loss, SymmetricCrossEntropyLoss, "symmetric_cross_entropy",
    "alpha (-log p_y) + beta (-log_zero) (1 - p_y): robust to wrong labels (Wang et al. 2019, eq. 7).",
    {.equation = "L = (1/n) sum_i w_y [alpha (-log p_y) + beta (-log_zero) (1 - p_y)]",
     .source = "Wang et al., Symmetric Cross Entropy for Robust Learning with Noisy Labels, ICCV 2019, arXiv 1908.06112, eq. 7",
     .cost = "1F + 1B",
     .pitfalls = "The reverse term is bounded, so alone (alpha 0) it learns slowly on hard data.\n"
                 "log_zero is a convention of the paper (-4): beta and log_zero only enter as their product."});

struct GeneralisedCrossEntropyLoss final : ClassLoss {
  double q = 0.7;
  void options(Fields& f) override { f("q", q, "towards 0: cross-entropy; 1: mean absolute error").above(0).range(1e-6, 1); }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override {
    return generalised_cross_entropy(x, y, q, a);
  }
};
TAPEDECK_PART(
    Loss, GeneralisedCrossEntropyLoss, "generalised_cross_entropy",
    "(1 - p_y^q) / q: between cross-entropy and absolute error (Zhang and Sabuncu 2018, eq. 6).",
    {.equation = "L = (1/n) sum_i w_y (1 - p_y^q) / q",
     .source = "Zhang and Sabuncu, Generalized Cross Entropy Loss, NeurIPS 2018, arXiv 1805.07836, eq. 6",
     .cost = "1F + 1B",
     .pitfalls = "Its gradient is p_y^q times that of cross-entropy: from a random start with many classes it hardly moves."});

struct HingeLoss final : ClassLoss {
  double margin = 1;
  int64_t power = 1;
  void options(Fields& f) override {
    f("margin", margin, "how far the label's logit must lead").at_least(0);
    f("power", power, "1, or 2 for the squared hinge").range(1, 2);
  }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override {
    return hinge(x, y, margin, int(power), a);
  }
};
TAPEDECK_PART(Loss, HingeLoss, "hinge", "1/c sum_{k != y} max(0, margin - x_y + x_k)^power (Weston and Watkins 1999).",
              {.equation = "L = (1/n) sum_i w_y (1/C) sum_{k != y} max(0, margin - x_y + x_k)^power",
               .source = "Weston and Watkins, ESANN 1999; PyTorch's multi_margin_loss",
               .cost = "1F + 1B",
               .pitfalls = "Logits are no log-probabilities afterwards: calibration means nothing.\n"
                           "The division by C makes the loss small with many classes."});

struct DiceLoss final : ClassLoss {
  double alpha = 1, smooth = 1;
  bool of_classes = false;
  void options(Fields& f) override {
    f("alpha", alpha, "how much easy examples fade").at_least(0);
    f("smooth", smooth, "added above and below the fraction").above(0);
    f.names("form", of_classes, {{"label", false}, {"classes", true}},
            "label: the own class's dice (eq. 10); classes: the sum over classes of each against the rest, squares below the "
            "fraction (the authors' code with square_denominator)");
  }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override {
    return of_classes ? dice_of_classes(x, y, alpha, smooth, a) : self_adjusting_dice(x, y, alpha, smooth, a);
  }
};
TAPEDECK_PART(
    Loss, DiceLoss, "dice",
    "1 - (2 s p_y + smooth) / (s p_y + 1 + smooth), s = (1 - p_y)^alpha: self-adjusting dice (Li et al. 2020, eq. 10).",
    {.equation = "L = (1/n) sum_i w_y [1 - (2 s p_y + smooth) / (s p_y + 1 + smooth)], s = (1 - p_y)^alpha\n"
                 "classes: (1/n) sum_i w_y sum_c 1 - (2 f_c t_c + smooth) / (f_c^2 + t_c + smooth), f_c = (1 - p_c)^alpha "
                 "p_c, t the label",
     .source = "Li et al., Dice Loss for Data-imbalanced NLP Tasks, ACL 2020, arXiv 1911.02855, eq. 10",
     .cost = "1F + 1B",
     .pitfalls = "The gradient vanishes both where p_y is near 0 and near 1: start from a model that knows something, "
                 "or add cross-entropy.\n"
                 "Differs from ShannonAI/dice_loss_for_NLP: form \"classes\" with its smooth and alpha; without "
                 "square_denominator that code sums the fraction's denominator over the batch."});

}  // namespace
}  // namespace tapedeck
