// The cross-entropy family. Answers brings rows that do not count out of the way once, so that each loss is its formula.
#include <tapedeck/losses/classification.h>

#include <tapedeck/tensor/list.h>

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
    const Tensor possible = above_minus_infinity(pick(log_p.detach(), label));
    const Tensor counted = only(mask_of({rows_}, [&](int64_t i) { return active(i); }), only(possible, each, impossible));
    return share(counted * constant({rows_}, each.dtype(), [&](int64_t i) { return weight_[size_t(i)]; }), total_);
  }

 private:
  bool active(int64_t row) const { return weight_[size_t(row)] > 0; }

  void weigh(std::string_view loss, const Tensor& given, int64_t i, const RowWeights& average) {
    int32_t& y = label.raw<int32_t>()[i];
    if (y >= classes_)
      throw Error(ErrorKind::index, text(loss, ": label ", y, " of row ", i, " is not one of ", classes_, " classes"));
    const double weight = y < 0 ? 0 : size_t(y) < average.class_weights.size() ? average.class_weights[size_t(y)] : 1;
    total_ += weight;
    bool some = false;  // usually the first entry answers
    for (int64_t c = 0; c < classes_ && !some; ++c) some = given.item(i * classes_ + c) != -infinity;
    weight_[size_t(i)] = some ? weight : 0;
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
  const Tensor seen = only(above_minus_infinity(log_p), log_p);
  Tensor each = -sum(only(above_minus_infinity(log_p), exp(seen) * seen), 1);
  if (!counts) return share(each, total > 0 ? total : double(rows));
  double sum_of_counts = 0;
  for (int64_t i = 0; i < rows; ++i) sum_of_counts += counts.item(i);
  each = only(mask_of({rows}, [&](int64_t i) { return counts.item(i) != 0; }), each);
  return share(each * counts, total > 0 ? total : sum_of_counts);
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

}  // namespace tapedeck
