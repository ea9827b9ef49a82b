// Cross-entropy, what smooths, weighs or sharpens it, and the losses of these names. Next: classification.cpp, its relatives.
#include "class_loss.h"
#include "support.h"

namespace tapedeck {
namespace {

/// Labels without the rows that are -inf throughout: they have no probabilities.
Tensor answerable(const Tensor& x, const Tensor& labels, int32_t ignore) {
  Tensor kept = labels;
  for (int64_t i = 0; i < std::min(labels.size(), x.shape()[0]); ++i) {
    if (x.shape()[1] == 0 || !excludes_all(x, i)) continue;
    if (kept.storage() == labels.storage()) kept = labels.clone();
    kept.raw<int32_t>()[i] = ignore;
  }
  return kept;
}

}  // namespace

Tensor Loss::of(const Output& out, const Batch& batch) const {
  if (out.transitions)
    throw Error(ErrorKind::config, "the model scores one tag after another, which the objective's loss does not train",
                "use the loss of the model's head, \"crf\" or \"memm\", or the head \"softmax\"");
  return (*this)(out.logits, batch);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Smoothing smoothing, const std::vector<double>& class_weights,
                     int32_t ignore, double total_weight) {
  const Tensor x = as_rows(logits);
  Tensor weights;
  double total = 0;
  if (!class_weights.empty()) weights = Tensor::zeros(labels.shape(), x.dtype());
  for (int64_t i = 0; i < labels.size(); ++i) {
    const int32_t label = labels.data<int32_t>()[size_t(i)];
    if (label == ignore) continue;
    const bool weighted = weights && label >= 0 && size_t(label) < class_weights.size();
    const double w = weighted ? class_weights[size_t(label)] : 1;
    total += w;
    if (weights) dispatch(x.dtype(), [&](auto tag) { weights.raw<decltype(tag)>()[i] = decltype(tag)(w); });
  }
  if (total_weight > 0) total = total_weight;
  return sum(cross_entropy_rows(x, answerable(x, labels, ignore), smoothing, weights, ignore)) / (total > 0 ? total : 1);
}

Tensor soft_cross_entropy(const Tensor& logits, const Tensor& q, double total) {
  require_same("soft_cross_entropy", logits, q);
  const int64_t classes = logits.shape().cols(), rows = logits.shape().rows();
  const Tensor log_p = log_softmax(logits);
  const Tensor asked = mask_of(q.shape(), [&](int64_t e) { return q.item(e) != 0 && log_p.item(e) != -infinity; });
  const Tensor impossible = mask_of({rows}, [&](int64_t r) {
    bool never = false, some = false;
    for (int64_t e = r * classes; e < (r + 1) * classes; ++e)
      never |= q.item(e) != 0 && log_p.item(e) == -infinity, some |= log_p.item(e) != -infinity;
    return never && some;
  });
  const Tensor each = -sum(reshape(only(asked, log_p) * q.detach(), {rows, classes}), 1);
  return share(where(impossible, Tensor::full({rows}, infinity, each.dtype()), each), total > 0 ? total : double(rows));
}

Tensor entropy(const Tensor& logits, const Tensor& counts, double total) {
  const int64_t rows = logits.shape().rows();
  const Tensor x = reshape(logits, {rows, logits.shape().cols()}), log_p = log_softmax(x);
  const double gone = log_p.dtype() == DType::f64 ? -746 : -104;  // p rounds to 0 below: p log p is 0, with derivatives 0
  const Tensor some = mask_where(log_p, [&](auto l) { return !(l < decltype(l)(gone)); }), seen = only(some, log_p);
  Tensor each = -sum(only(some, exp(seen) * seen), 1);
  if (!counts) return share(each, total > 0 ? total : double(rows));
  double sum_of_counts = 0;
  for (int64_t i = 0; i < rows; ++i) sum_of_counts += counts.item(i);
  each = only(mask_of({rows}, [&](int64_t i) { return counts.item(i) != 0; }), each);
  return share(each * counts, total > 0 ? total : sum_of_counts);
}

Tensor cross_entropy_by_class(const Tensor& logits, const Tensor& labels, Smoothing smoothing,
                              const std::vector<double>& class_weights, double total_weight) {
  const Tensor x = as_rows(logits);
  const int64_t classes = x.shape()[1];
  if (int64_t(class_weights.size()) != classes)
    throw Error(ErrorKind::shape, text("cross_entropy_by_class: ", class_weights.size(), " weights for ", classes, " classes"));
  require_labels("cross_entropy_by_class", labels, x.shape()[0]);
  double total = 0;
  for (int64_t i = 0; i < labels.size(); ++i) {
    require_class("cross_entropy_by_class", labels.raw<int32_t>()[i], i, classes);
    if (labels.raw<int32_t>()[i] >= 0) total += class_weights[size_t(labels.raw<int32_t>()[i])];
  }
  const Tensor weighted = constant(x.shape(), x.dtype(), [&](int64_t e) {
    const int32_t y = labels.raw<int32_t>()[e / classes];
    const double q = smoothing.each + (e % classes == y ? 1 - smoothing.total : 0);
    return y < 0 ? 0.0 : q * class_weights[size_t(e % classes)];
  });
  if (total_weight > 0) total = total_weight;
  return soft_cross_entropy(x, weighted, total > 0 ? total : 1);
}

std::vector<double> class_balanced_weights(const std::vector<double>& counts, double beta) {
  if (!(beta >= 0 && beta < 1))
    throw Error(ErrorKind::value, text("class_balanced_weights: beta is ", beta), "give 0 <= beta < 1");
  std::vector<double> weights;
  double total = 0;
  for (double n : counts) total += weights.emplace_back(n > 0 ? (1 - beta) / (1 - std::pow(beta, n)) : 0);
  for (double& w : weights) w *= total > 0 ? double(counts.size()) / total : 0;
  return weights;
}

namespace {

struct CrossEntropyLoss final : ClassLoss {
  enum class Convention { uniform, others };
  enum class Weighting { label, classes };
  double label_smoothing = 0;
  Convention convention = Convention::uniform;
  Weighting weighting = Weighting::label;

  void options(Fields& f) override {
    f("label_smoothing", label_smoothing, "probability mass moved away from the label").at_least(0).below(1);
    f.names("smoothing", convention, {{"uniform", Convention::uniform}, {"others", Convention::others}},
            "uniform: spread over all classes (Szegedy et al. 2016, PyTorch, fairseq up to 0.10); others: over the other classes "
            "only "
            "(later fairseq)");
    f.names("smoothing_weight", weighting, {{"label", Weighting::label}, {"class", Weighting::classes}},
            "with class_weights, smoothed mass counts by the weight of: label, the example's own label; class, the class it was "
            "moved to (PyTorch)");
  }
  Tensor value(const Tensor& logits, const Tensor& labels, const RowWeights& average) const override {
    const double classes = double(logits.shape().cols()), e = label_smoothing;
    Smoothing smoothing{e, e / classes};
    if (convention == Convention::others && classes > 1) smoothing = {e + e / (classes - 1), e / (classes - 1)};
    if (weighting == Weighting::classes && e > 0 && !average.class_weights.empty())
      return cross_entropy_by_class(logits, labels, smoothing, average.class_weights, average.total);
    return cross_entropy(logits, labels, smoothing, average.class_weights, -1, average.total);
  }
};
TAPEDECK_PART(
    Loss, CrossEntropyLoss, "cross_entropy",
    "-sum_c q_c log softmax(logits)_c, mean over labelled examples or tokens; q is the label, smoothed.",
    {.equation = "L = -(1/n) sum_i w_y sum_c q_c log softmax(x_i)_c, n the summed weights w_y of the labelled rows\n"
                 "uniform smoothing: q_y = 1 - e + e/C, others e/C; others: q_y = 1 - e, others e/(C - 1)\n"
                 "smoothing_weight class: L = -(1/n) sum_i sum_c w_c q_c log softmax(x_i)_c",
     .source = "Szegedy et al., Rethinking the Inception Architecture, CVPR 2016, arXiv 1512.00567, section 7; the second "
               "convention is fairseq's",
     .cost = "1F + 1B; C exponentials a row, in one fused op",
     .pitfalls =
         "The two conventions of smoothing differ by a factor C/(C - 1) in e: compare numbers under the same one.\n"
         "Differs from PyTorch with label_smoothing and class_weights together: smoothing_weight \"class\" is PyTorch's.\n"
         "Smoothing hurts perplexity and calibrated probabilities while it helps accuracy.\n"
         "A class of logit -inf that smoothing gives mass to costs +inf."});

struct ClassBalancedLoss final : ClassLoss {
  std::vector<double> counts;
  double beta = 0.999;
  bool by_examples = false;
  void options(Fields& f) override {
    f("counts", counts, "training examples of each class, in label order").required().at_least(0).length(1, 1 << 20);
    f("beta", beta, "0: all classes alike; towards 1: one over the count").at_least(0).below(1);
    f.names("divide", by_examples, {{"weights", false}, {"examples", true}},
            "what the weighted sum is divided by: weights, those of the batch's examples (PyTorch); examples, their number (the "
            "authors' code)");
  }
  double weight(int32_t label) const override {
    const double w = ClassLoss::weight(label);
    return by_examples && w > 0 ? 1 : w;
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
    double total = a.total;
    if (by_examples && total == 0)
      for (int64_t i = 0; i < y.size(); ++i) total += weight(y.raw<int32_t>()[i]);
    return cross_entropy(x, y, {}, a.class_weights, -1, total);
  }

 private:
  mutable std::vector<double> balanced_;
};
TAPEDECK_PART(
    Loss, ClassBalancedLoss, "class_balanced",
    "Cross-entropy weighted by (1 - beta) / (1 - beta^n), n the examples of a class (Cui et al. 2019, eq. 2).",
    {.equation = "w_c = (1 - beta) / (1 - beta^n_c), scaled to mean 1\n"
                 "L = sum_i w_{y_i} CE_i / sum_i w_{y_i}; divide examples: / n",
     .source = "Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, arXiv 1901.05555, eq. 2",
     .cost = "1F + 1B",
     .pitfalls = "counts are those of the training data, in label order; a class with count 0 gets weight 0.\n"
                 "Differs from richardaecn/class-balanced-loss, which divides by the number of examples: divide \"examples\".\n"
                 "beta near 1 weighs by one over the count: rare classes then set the learning rate."});

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
  Answer answer() const override { return inner->answer(); }
  void check(int64_t outputs) const override {
    if (inner->answer().link != Link::softmax)
      throw Error(ErrorKind::config, "confidence_penalty needs a loss of classes: numbers have no entropy",
                  "name a loss such as \"cross_entropy\"");
    inner->check(outputs);
  }
};
TAPEDECK_PART(
    Loss, ConfidencePenalty, "confidence_penalty",
    "loss - beta H(p): sure answers cost, the dual of label smoothing (Pereyra et al. 2017).",
    {.equation = "L = loss - beta (1/n) sum_i H(softmax(x_i)), H(p) = -sum_c p_c log p_c",
     .source =
         "Pereyra et al., Regularizing Neural Networks by Penalizing Confident Output Distributions, 2017, arXiv 1701.06548",
     .cost = "1F + 1B",
     .pitfalls = "It pulls towards the uniform answer from the start: a small beta (0.1) or none for the first updates.\n"
                 "Together with label_smoothing it does the same thing twice."});

}  // namespace
}  // namespace tapedeck
