// The losses for class labels that an experiment can name beside cross_entropy: each is its options and one call of a function.
#include <tapedeck/losses/multilabel.h>
#include <tapedeck/losses/proxies.h>

#include "class_loss.h"
#include "support.h"

namespace tapedeck {
namespace {

struct FocalLoss final : ClassLoss {
  double gamma = 2;
  void options(Fields& f) override { f("gamma", gamma, "how much easy examples fade; 0 is cross-entropy").at_least(0); }
  Tensor value(const Tensor& x, const Tensor& y, const Average& a) const override { return focal(x, y, gamma, a); }
};
TAPEDECK_PART(Loss, FocalLoss, "focal", "(1 - p_y)^gamma (-log p_y): easy examples fade (Lin et al. 2017, eq. 4).");

struct PolyLoss final : ClassLoss {
  double epsilon = 1;
  void options(Fields& f) override { f("epsilon", epsilon, "weight of 1 - p_y").at_least(-1); }
  Tensor value(const Tensor& x, const Tensor& y, const Average& a) const override { return poly1(x, y, epsilon, a); }
};
TAPEDECK_PART(Loss, PolyLoss, "poly",
              "-log p_y + epsilon (1 - p_y): the first term of the series re-weighted (Leng et al. 2022, eq. 5).");

struct AsymmetricLoss final : ClassLoss {
  double gamma_positive = 0, gamma_negative = 4, label_smoothing = 0.1;
  void options(Fields& f) override {
    f("gamma_positive", gamma_positive, "focusing of the label's term").at_least(0);
    f("gamma_negative", gamma_negative, "focusing of the terms that smoothing gives the other classes").at_least(0);
    f("label_smoothing", label_smoothing, "probability mass spread over all classes").at_least(0).below(1);
  }
  Tensor value(const Tensor& x, const Tensor& y, const Average& a) const override {
    return asymmetric(x, y, gamma_positive, gamma_negative, label_smoothing, a);
  }
};
TAPEDECK_PART(
    Loss, AsymmetricLoss, "asymmetric",
    "-sum_c t_c w_c log p_c, t the smoothed label, w_y = (1-p_y)^gamma_positive, else p_c^gamma_negative (Ridnik et al. 2021).");

struct ClassBalancedLoss final : ClassLoss {
  std::vector<double> counts;
  double beta = 0.999;
  void options(Fields& f) override {
    f("counts", counts, "training examples of each class, in label order").required().at_least(0).length(1, 1 << 20);
    f("beta", beta, "0: all classes alike; towards 1: one over the count").at_least(0).below(1);
  }
  const std::vector<double>& weights() const override {
    if (!balanced_.empty()) return balanced_;
    balanced_ = class_balanced_weights(counts, beta);
    for (size_t c = 0; c < std::min(balanced_.size(), class_weights.size()); ++c) balanced_[c] *= class_weights[c];
    return balanced_;
  }
  void check(int64_t outputs) const override {
    ClassLoss::check(outputs);
    if (int64_t(counts.size()) != outputs)
      throw Error(ErrorKind::config, text("class_balanced has ", counts.size(), " counts for ", outputs, " classes"),
                  "give one count per class, in label order");
  }
  Tensor value(const Tensor& x, const Tensor& y, const Average& a) const override {
    return cross_entropy(x, y, {}, a.class_weights, -1, a.total);
  }

 private:
  mutable std::vector<double> balanced_;
};
TAPEDECK_PART(Loss, ClassBalancedLoss, "class_balanced",
              "Cross-entropy weighted by (1 - beta) / (1 - beta^n), n the examples of a class (Cui et al. 2019, eq. 2).");

struct SymmetricCrossEntropyLoss final : ClassLoss {
  double alpha = 0.1, beta = 1, log_zero = -4;
  void options(Fields& f) override {
    f("alpha", alpha, "weight of cross-entropy").at_least(0);
    f("beta", beta, "weight of reverse cross-entropy").at_least(0);
    f("log_zero", log_zero, "stands for log 0 in the reverse term").below(0);
  }
  Tensor value(const Tensor& x, const Tensor& y, const Average& a) const override {
    return symmetric_cross_entropy(x, y, alpha, beta, log_zero, a);
  }
};
TAPEDECK_PART(Loss, SymmetricCrossEntropyLoss, "symmetric_cross_entropy",
              "alpha (-log p_y) + beta (-log_zero) (1 - p_y): robust to wrong labels (Wang et al. 2019, eq. 7).");

struct GeneralisedCrossEntropyLoss final : ClassLoss {
  double q = 0.7;
  void options(Fields& f) override { f("q", q, "towards 0: cross-entropy; 1: mean absolute error").above(0).range(1e-6, 1); }
  Tensor value(const Tensor& x, const Tensor& y, const Average& a) const override {
    return generalised_cross_entropy(x, y, q, a);
  }
};
TAPEDECK_PART(Loss, GeneralisedCrossEntropyLoss, "generalised_cross_entropy",
              "(1 - p_y^q) / q: between cross-entropy and absolute error (Zhang and Sabuncu 2018, eq. 6).");

struct HingeLoss final : ClassLoss {
  double margin = 1;
  int64_t power = 1;
  void options(Fields& f) override {
    f("margin", margin, "how far the label's logit must lead").at_least(0);
    f("power", power, "1, or 2 for the squared hinge").range(1, 2);
  }
  Tensor value(const Tensor& x, const Tensor& y, const Average& a) const override { return hinge(x, y, margin, int(power), a); }
};
TAPEDECK_PART(Loss, HingeLoss, "hinge", "1/c sum_{k != y} max(0, margin - x_y + x_k)^power (Weston and Watkins 1999).");

struct DiceLoss final : ClassLoss {
  double alpha = 1, smooth = 1;
  void options(Fields& f) override {
    f("alpha", alpha, "how much easy examples fade").at_least(0);
    f("smooth", smooth, "added above and below the fraction").above(0);
  }
  Tensor value(const Tensor& x, const Tensor& y, const Average& a) const override {
    return self_adjusting_dice(x, y, alpha, smooth, a);
  }
};
TAPEDECK_PART(
    Loss, DiceLoss, "dice",
    "1 - (2 s p_y + smooth) / (s p_y + 1 + smooth), s = (1 - p_y)^alpha: self-adjusting dice (Li et al. 2020, eq. 10).");

struct ArcFaceLoss final : ClassLoss {
  double margin = 0.5, scale = 64;
  void options(Fields& f) override {
    f("margin", margin, "angle added to the own class, in radians").at_least(0).below(3.14159);
    f("scale", scale, "what cosines are multiplied with").above(0);
  }
  Tensor value(const Tensor& x, const Tensor& y, const Average& a) const override { return arc_face(x, y, margin, scale, a); }
};
TAPEDECK_PART(Loss, ArcFaceLoss, "arc_face",
              "Cross-entropy of scale cos(theta), the own class at cos(theta + margin); needs cosines: head \"cosine\" (Deng et "
              "al. 2019, eq. 3).");

struct CosFaceLoss final : ClassLoss {
  double margin = 0.35, scale = 64;
  void options(Fields& f) override {
    f("margin", margin, "taken from the cosine of the own class").at_least(0);
    f("scale", scale, "what cosines are multiplied with").above(0);
  }
  Tensor value(const Tensor& x, const Tensor& y, const Average& a) const override { return cos_face(x, y, margin, scale, a); }
};
TAPEDECK_PART(Loss, CosFaceLoss, "cos_face",
              "Cross-entropy of scale cos(theta), the own class at cos(theta) - margin; needs cosines: head \"cosine\" (Wang et "
              "al. 2018, eq. 4).");

/// A yes or no for every class: the label's cell is positive, all others are negative. Unlabelled rows are left out.
struct OneAgainstRest : ClassLoss {
  virtual Tensor cells(const Tensor& logits /*[n,c]*/, const Tensor& target /*[n,c]*/, double rows) const = 0;
  void describe(Fields& f) final {
    options(f);
    f("ignore_index", ignore_index, "class index that does not count (default: unlabelled examples only)").at_least(-1);
  }
  Tensor value(const Tensor& x, const Tensor& y, const Average& average) const final {
    const int64_t classes = x.shape().cols();
    const auto labelled = [](int32_t label) { return label >= 0; };
    const Tensor index = Tensor::empty({std::count_if(y.raw<int32_t>(), y.raw<int32_t>() + y.size(), labelled)}, DType::i32);
    int32_t* rows = index.raw<int32_t>();
    for (int64_t i = 0, k = 0; i < y.size(); ++i)
      if (labelled(y.raw<int32_t>()[i])) rows[k++] = int32_t(i);
    const Tensor target = constant({index.size(), classes}, x.dtype(), [&](int64_t e) {
      return y.raw<int32_t>()[rows[e / classes]] == e % classes ? 1.0 : 0.0;
    });
    return cells(gather(reshape(x, {y.size(), classes}), index), target,
                 average.total > 0 ? average.total : double(index.size()));
  }
};

struct BceLoss final : OneAgainstRest {
  Tensor cells(const Tensor& x, const Tensor& t, double rows) const override {
    return bce_with_logits(x, t, rows * double(x.shape()[1]));
  }
};
TAPEDECK_PART(Loss, BceLoss, "bce",
              "-t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)) of every class against the rest, mean over classes and examples.");

struct AsymmetricMultilabelLoss final : OneAgainstRest {
  double gamma_positive = 1, gamma_negative = 4, clip = 0.05;
  void options(Fields& f) override {
    f("gamma_positive", gamma_positive, "focusing of the positive cell").at_least(0);
    f("gamma_negative", gamma_negative, "focusing of the negative cells").at_least(0);
    f("clip", clip, "probability below which a negative costs nothing").at_least(0).below(1);
  }
  Tensor cells(const Tensor& x, const Tensor& t, double rows) const override {
    return asymmetric_multilabel(x, t, gamma_positive, gamma_negative, clip, rows * double(x.shape()[1]));
  }
};
TAPEDECK_PART(Loss, AsymmetricMultilabelLoss, "asymmetric_multilabel",
              "-t (1-p)^gamma_positive log p - (1-t) m^gamma_negative log(1-m), m = max(p - clip, 0), p = sigmoid(x) (Ridnik et "
              "al. 2021).");

struct ZlprLoss final : OneAgainstRest {
  Tensor cells(const Tensor& x, const Tensor& t, double rows) const override {
    return zlpr(x, mask_where(t, [](auto v) { return v > 0; }), rows);
  }
};
TAPEDECK_PART(Loss, ZlprLoss, "zlpr",
              "log(1 + sum_negative e^s) + log(1 + sum_positive e^-s): softmax with a threshold at 0 (Su et al. 2022, eq. 11).");

/// Wraps another loss.
struct ConfidencePenalty final : Loss {
  Choice<Loss> inner{"cross_entropy"};
  double beta = 0.1;
  void describe(Fields& f) override {
    f("loss", inner, "loss of classes that the penalty is added to");
    f("beta", beta, "weight of the entropy").at_least(0);
  }
  Tensor operator()(const Tensor& logits, const Batch& batch) const override {
    const Tensor& labels = ClassLoss::class_labels(batch);
    const auto weight_of = [&](int64_t i) { return inner->weight(labels.raw<int32_t>()[i]); };
    return (*inner)(logits, batch) -
           entropy(logits, constant({labels.size()}, logits.dtype(), weight_of), batch.total_weight) * beta;
  }
  double weight(int32_t label) const override { return inner->weight(label); }
  bool regression() const override { return inner->regression(); }
  void check(int64_t outputs) const override {
    if (inner->regression())
      throw Error(ErrorKind::config, "confidence_penalty needs a loss of classes: numbers have no entropy",
                  "name a loss such as \"cross_entropy\"");
    inner->check(outputs);
  }
};
TAPEDECK_PART(Loss, ConfidencePenalty, "confidence_penalty",
              "loss - beta H(p): sure answers cost, the dual of label smoothing (Pereyra et al. 2017).");

}  // namespace
}  // namespace tapedeck
