// Losses as pure functions of tensors.
#include <cmath>

#include <tapedeck/losses/loss.h>

namespace tapedeck {
namespace {

Tensor as_rows(const Tensor& x) { return x.shape().rank() == 2 ? x : reshape(x, {x.shape().rows(), x.shape().cols()}); }

/// Sum of x[positions] where mask is set, divided by how many are.
Tensor masked_mean(const Tensor& x, const Tensor& mask) {
  if (!mask) return sum(x) / double(std::max<int64_t>(1, x.size()));
  int64_t kept = 0;
  for (uint8_t m : mask.data<uint8_t>()) kept += m != 0;
  return sum(where(mask, x, Tensor::zeros(x.shape(), x.dtype()))) / double(std::max<int64_t>(1, kept));
}

/// Reduces one value per position; `classes` and `rows` complete the divisors.
Tensor reduce_positions(const Tensor& x, Reduction reduction, int64_t classes, double rows, const Tensor& mask) {
  switch (reduction) {
    case Reduction::sum: return sum(x);
    case Reduction::mean: return sum(x) / (rows > 0 ? rows * double(classes) : double(x.size() * classes));
    case Reduction::batchmean: return sum(x) / rows;
    case Reduction::tokenmean: break;
  }
  return masked_mean(x, mask ? mask.view(x.shape()) : mask);
}

/// u8: 1 where log p is a number, 0 where the class has probability 0.
Tensor possible(const Tensor& log_p) {
  const Tensor mask = Tensor::empty(log_p.shape(), DType::u8);
  for (int64_t i = 0; i < log_p.size(); ++i) mask.raw<uint8_t>()[i] = log_p.item(i) > -INFINITY;
  return mask;
}

}  // namespace

Tensor reduce(const Tensor& x, Reduction reduction, const Tensor& mask, double rows) {
  if (reduction == Reduction::sum) return sum(x);
  if (reduction == Reduction::mean && rows <= 0) return mean(x);
  const double first_axis = x.shape().rank() ? double(x.shape()[0]) : 1;
  return reduce_positions(sum(as_rows(x), 1), reduction, x.shape().cols(), rows > 0 ? rows : first_axis, mask);
}

Tensor kl_divergence(const Tensor& p_logits, const Tensor& q_logits, Reduction reduction, const Tensor& mask) {
  const Tensor log_p = log_softmax(p_logits), log_q = log_softmax(q_logits);
  const Tensor seen = possible(log_p), zero = Tensor::zeros(log_p.shape(), log_p.dtype());
  const Tensor a = where(seen, log_p, zero), b = where(seen, log_q, zero);      // 0 log 0 = 0, in value and gradient
  return reduce(where(seen, exp(a) * (a - b), zero), reduction, mask);
}

Tensor symmetric_kl(const Tensor& a, const Tensor& b, Reduction reduction, const Tensor& mask, double rows) {
  const double first_axis = a.shape().rank() ? double(a.shape()[0]) : 1;
  return reduce_positions(symmetric_kl_rows(as_rows(a), as_rows(b)), reduction, a.shape().cols(),
                          rows > 0 ? rows : reduction == Reduction::batchmean ? first_axis : 0, mask);
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
  return sum(cross_entropy_rows(x, labels, smoothing, weights, ignore)) / (total > 0 ? total : 1);
}

Tensor mse(const Tensor& prediction, const Tensor& target) { return mean(square(prediction - target)); }

}  // namespace tapedeck
