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
              {.equation = "L = -(1/n) sum_i sum_c t_c w_c log p_c, t_y = 1 - e + e/C, others e/C; w_y = (1 - "
                           "p_y)^gamma_positive, others p_c^gamma_negative",
               .source = "Ridnik et al., Asymmetric Loss for Multi-Label Classification, ICCV 2021, arXiv 2009.14119; the "
                         "single-label form of its code",
               .cost = "1F + 1B",
               .pitfalls = "Without label_smoothing the other classes carry no weight and it is focal.\n"
                           "For several labels per row use asymmetric_multilabel, whose probabilities are sigmoids."});

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
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override {
    return cross_entropy(x, y, {}, a.class_weights, -1, a.total);
  }

 private:
  mutable std::vector<double> balanced_;
};
TAPEDECK_PART(Loss, ClassBalancedLoss, "class_balanced",
              "Cross-entropy weighted by (1 - beta) / (1 - beta^n), n the examples of a class (Cui et al. 2019, eq. 2).",
              {.equation = "w_c = (1 - beta) / (1 - beta^n_c), scaled to mean 1; L = cross-entropy with these class weights",
               .source = "Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, arXiv "
                         "1901.05555, eq. 2",
               .cost = "1F + 1B",
               .pitfalls = "counts are those of the training data, in label order; a class with count 0 gets weight 0.\n"
                           "beta near 1 weighs by one over the count: rare classes then set the learning rate."});

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
TAPEDECK_PART(Loss, SymmetricCrossEntropyLoss, "symmetric_cross_entropy",
              "alpha (-log p_y) + beta (-log_zero) (1 - p_y): robust to wrong labels (Wang et al. 2019, eq. 7).",
              {.equation = "L = (1/n) sum_i w_y [alpha (-log p_y) + beta (-log_zero) (1 - p_y)]",
               .source = "Wang et al., Symmetric Cross Entropy for Robust Learning with Noisy Labels, ICCV 2019, arXiv "
                         "1908.06112, eq. 7",
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
TAPEDECK_PART(Loss, GeneralisedCrossEntropyLoss, "generalised_cross_entropy",
              "(1 - p_y^q) / q: between cross-entropy and absolute error (Zhang and Sabuncu 2018, eq. 6).",
              {.equation = "L = (1/n) sum_i w_y (1 - p_y^q) / q",
               .source = "Zhang and Sabuncu, Generalized Cross Entropy Loss, NeurIPS 2018, arXiv 1805.07836, eq. 6",
               .cost = "1F + 1B",
               .pitfalls = "Its gradient is p_y^q times that of cross-entropy: from a random start with many classes it "
                           "hardly moves."});

struct HingeLoss final : ClassLoss {
  double margin = 1;
  int64_t power = 1;
  void options(Fields& f) override {
    f("margin", margin, "how far the label's logit must lead").at_least(0);
    f("power", power, "1, or 2 for the squared hinge").range(1, 2);
  }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override { return hinge(x, y, margin, int(power), a); }
};
TAPEDECK_PART(Loss, HingeLoss, "hinge", "1/c sum_{k != y} max(0, margin - x_y + x_k)^power (Weston and Watkins 1999).",
              {.equation = "L = (1/n) sum_i w_y (1/C) sum_{k != y} max(0, margin - x_y + x_k)^power",
               .source = "Weston and Watkins, ESANN 1999; PyTorch's multi_margin_loss",
               .cost = "1F + 1B",
               .pitfalls = "Logits are no log-probabilities afterwards: calibration means nothing.\n"
                           "The division by C makes the loss small with many classes."});

struct DiceLoss final : ClassLoss {
  double alpha = 1, smooth = 1;
  void options(Fields& f) override {
    f("alpha", alpha, "how much easy examples fade").at_least(0);
    f("smooth", smooth, "added above and below the fraction").above(0);
  }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override {
    return self_adjusting_dice(x, y, alpha, smooth, a);
  }
};
TAPEDECK_PART(
    Loss, DiceLoss, "dice",
    "1 - (2 s p_y + smooth) / (s p_y + 1 + smooth), s = (1 - p_y)^alpha: self-adjusting dice (Li et al. 2020, eq. 10).",
              {.equation = "L = (1/n) sum_i w_y [1 - (2 s p_y + smooth) / (s p_y + 1 + smooth)], s = (1 - p_y)^alpha",
               .source = "Li et al., Dice Loss for Data-imbalanced NLP Tasks, ACL 2020, arXiv 1911.02855, eq. 10",
               .cost = "1F + 1B",
               .pitfalls = "The gradient vanishes both where p_y is near 0 and near 1: start from a model that knows "
                           "something, or add cross-entropy."});

struct ArcFaceLoss final : ClassLoss {
  double margin = 0.5, scale = 64;
  void options(Fields& f) override {
    f("margin", margin, "angle added to the own class, in radians").at_least(0).below(3.14159);
    f("scale", scale, "what cosines are multiplied with").above(0);
  }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override { return arc_face(x, y, margin, scale, a); }
};
TAPEDECK_PART(Loss, ArcFaceLoss, "arc_face",
              "Cross-entropy of scale cos(theta), the own class at cos(theta + margin); needs cosines: head \"cosine\" (Deng et "
              "al. 2019, eq. 3).",
              {.equation = "L = cross-entropy of scale cos(theta_c), the own class at cos(theta_y + margin); beyond pi - "
                           "margin cos(theta_y) - margin sin(margin)",
               .source = "Deng et al., ArcFace, CVPR 2019, arXiv 1801.07698, eq. 3",
               .cost = "1F + 1B",
               .pitfalls = "It reads cosines: use head \"cosine\" with scale 1.\n"
                           "scale 64 is for thousands of classes; with few, 8 to 16 train better.\n"
                           "Start with a small margin: at random start a large one pushes every class away."});

struct CosFaceLoss final : ClassLoss {
  double margin = 0.35, scale = 64;
  void options(Fields& f) override {
    f("margin", margin, "taken from the cosine of the own class").at_least(0);
    f("scale", scale, "what cosines are multiplied with").above(0);
  }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override { return cos_face(x, y, margin, scale, a); }
};
TAPEDECK_PART(Loss, CosFaceLoss, "cos_face",
              "Cross-entropy of scale cos(theta), the own class at cos(theta) - margin; needs cosines: head \"cosine\" (Wang et "
              "al. 2018, eq. 4).",
              {.equation = "L = cross-entropy of scale cos(theta_c), the own class at cos(theta_y) - margin",
               .source = "Wang et al., CosFace, CVPR 2018, arXiv 1801.09414, eq. 4",
               .cost = "1F + 1B",
               .pitfalls = "It reads cosines: use head \"cosine\" with scale 1.\n"
                           "scale bounds the logits: below log((C - 1)/tolerance) the loss cannot become small."});

/// A yes or no for every class: the label's cell is positive, all others are negative. Unlabelled rows are left out.
struct OneAgainstRest : ClassLoss {
  virtual Tensor cells(const Tensor& logits /*[n,c]*/, const Tensor& target /*[n,c]*/, double rows) const = 0;
  void describe(Fields& f) final {
    options(f);
    f("ignore_index", ignore_index, "class index that does not count (default: unlabelled examples only)").at_least(-1);
  }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& average) const final {
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
              "-t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)) of every class against the rest, mean over classes and examples.",
              {.equation = "L = (1/(n C)) sum_i sum_c softplus(-x_c) t_c + softplus(x_c) (1 - t_c), t the label against the "
                           "rest",
               .source = "Bernoulli likelihood of every class",
               .cost = "1F + 1B",
               .pitfalls = "With many classes the negatives dominate: asymmetric_multilabel or zlpr balance them.\n"
                           "Probabilities of classes need not add up to 1."});

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
              "al. 2021).",
              {.equation = "L = -(1/(n C)) sum t (1-p)^gamma_positive log p + (1-t) m^gamma_negative log(1-m), m = max(p - "
                           "clip, 0), p = sigmoid(x)",
               .source = "Ridnik et al., Asymmetric Loss for Multi-Label Classification, ICCV 2021, arXiv 2009.14119, eq. "
                         "7",
               .cost = "1F + 1B",
               .pitfalls = "Negatives below clip have no gradient at all: with clip 0 they fade only."});

struct ZlprLoss final : OneAgainstRest {
  Tensor cells(const Tensor& x, const Tensor& t, double rows) const override {
    return zlpr(x, mask_where(t, [](auto v) { return v > 0; }), rows);
  }
};
TAPEDECK_PART(Loss, ZlprLoss, "zlpr",
              "log(1 + sum_negative e^s) + log(1 + sum_positive e^-s): softmax with a threshold at 0 (Su et al. 2022, eq. 11).",
              {.equation = "L = (1/n) sum_i log(1 + sum_negative e^s) + log(1 + sum_positive e^-s)",
               .source = "Su et al., ZLPR: A Novel Loss for Multi-label Classification, 2022, arXiv 2208.02955, eq. 11; "
                         "kexue.fm/archives/7359",
               .cost = "1F + 1B",
               .pitfalls = "Decide by s > 0, never by a softmax or by a sigmoid above another threshold.\n"
                           "The first losses are large when negatives are many: log of their number."});

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
              "loss - beta H(p): sure answers cost, the dual of label smoothing (Pereyra et al. 2017).",
              {.equation = "L = loss - beta (1/n) sum_i H(softmax(x_i)), H(p) = -sum_c p_c log p_c",
               .source = "Pereyra et al., Regularizing Neural Networks by Penalizing Confident Output Distributions, 2017, "
                         "arXiv 1701.06548",
               .cost = "1F + 1B",
               .pitfalls = "It pulls towards the uniform answer from the start: a small beta (0.1) or none for the first "
                           "updates.\n"
                           "Together with label_smoothing it does the same thing twice."});

}  // namespace
}  // namespace tapedeck
