// Divergences between two sets of logits and their reductions. Each is one value per row first, so that rows without an answer
// can be set apart before anything is added up.
#include <tapedeck/losses/divergence.h>

#include <tapedeck/tensor/list.h>

#include "support.h"

namespace tapedeck {
namespace {

/// What the divisors of a reduction are made of.
struct Divisor {
  int64_t classes;
  double first_axis, rows;
  bool listed;  // one value per row of x
};
Divisor divisor_of(const Tensor& x, double rows) {
  return {x.shape().cols(), x.shape().rank() ? double(x.shape()[0]) : 1, rows, x.shape().rank() > 1};
}

/// Reduces one value per position.
Tensor reduce_positions(Tensor each, Reduction reduction, const Divisor& by, const Tensor& mask) {
  double kept = double(each.size());
  if (mask) {
    const Tensor positions = mask.view(each.shape());
    kept = double(
        std::count_if(positions.raw<uint8_t>(), positions.raw<uint8_t>() + positions.size(), [](uint8_t m) { return m != 0; }));
    each = only(positions, each);
  }
  switch (reduction) {
    case Reduction::sum:
      return sum(each);
    case Reduction::mean:
      return share(each, (by.rows > 0 ? by.rows : kept) * double(by.classes));
    case Reduction::batchmean:
      return share(each, by.rows > 0 ? by.rows : by.first_axis);
    case Reduction::tokenmean:
      break;
  }
  return share(each, by.rows > 0 && by.listed && !mask ? by.rows : kept);
}

/// Rows set to a fixed value: NaN where a row keeps its own.
Tensor with_fixed(const Tensor& each, const List<double>& fixed) {
  const Tensor own = mask_of(each.shape(), [&](int64_t i) { return std::isnan(fixed[size_t(i)]); });
  const Tensor value =
      constant(each.shape(), each.dtype(), [&](int64_t i) { return own.raw<uint8_t>()[i] ? 0 : fixed[size_t(i)]; });
  return where(own, each, value);
}

/// Rows of symmetric_kl_rows that came out +inf or NaN, again without their logits.
Tensor settled(const Tensor& a, const Tensor& b, const Tensor& each) {
  const int64_t cols = a.shape()[1];
  List<double> fixed(size_t(each.size()), std::nan(""));
  for (int64_t i = 0; i < each.size(); ++i) {
    const bool no_a = excludes_all(a, i), no_b = excludes_all(b, i);
    if (no_a || no_b) fixed[size_t(i)] = no_a && no_b ? 0 : infinity;
    else if (each.item(i) == infinity) fixed[size_t(i)] = infinity;
  }
  const Tensor own = mask_of(a.shape(), [&](int64_t e) { return std::isnan(fixed[size_t(e / cols)]); });
  return with_fixed(symmetric_kl_rows(only(own, a), only(own, b)), fixed);
}

}  // namespace

Tensor reduce(const Tensor& x, Reduction reduction, const Tensor& mask, double rows) {
  return reduce_positions(sum(as_rows(x), 1), reduction, divisor_of(x, rows), mask);
}

Tensor kl_divergence(const Tensor& p_logits, const Tensor& q_logits, Reduction reduction, const Tensor& mask, double rows) {
  require_same("kl_divergence", p_logits, q_logits);
  const Tensor log_p = log_softmax(as_rows(p_logits)), log_q = log_softmax(as_rows(q_logits));
  const int64_t cols = log_p.shape()[1];
  List<double> fixed(size_t(log_p.shape()[0]), std::nan(""));
  const Tensor both = above_minus_infinity(log_p);
  dispatch(log_p.dtype(), [&](auto tag) {
    using T = decltype(tag);
    for (int64_t e = 0; e < log_q.size(); ++e) {
      if (log_q.raw<T>()[e] != -T(infinity)) continue;
      both.raw<uint8_t>()[e] = 0;
      if (std::exp(log_p.raw<T>()[e]) > 0) fixed[size_t(e / cols)] = infinity;
    }
  });
  const Tensor p = only(both, log_p), q = only(both, log_q);  // 0 log 0 = 0, in value and gradient
  return reduce_positions(with_fixed(sum(only(both, exp(p) * (p - q)), 1), fixed), reduction, divisor_of(p_logits, rows), mask);
}

Tensor kl_to_mean(const Tensor& p_logits, const Tensor& log_mean, Reduction reduction, double rows) {
  require_same("kl_to_mean", p_logits, log_mean);
  const Tensor log_p = log_softmax(p_logits), seen = above_minus_infinity(log_p), l = only(seen, log_p);
  return reduce(only(seen, exp(l) * (l - only(seen, log_mean))), reduction, {}, rows);
}

Tensor symmetric_kl(const Tensor& a, const Tensor& b, Reduction reduction, const Tensor& mask, double rows) {
  const Tensor x = as_rows(a), y = as_rows(b);
  Tensor each = symmetric_kl_rows(x, y);
  for (int64_t i = 0; i < each.size(); ++i) {
    if (std::isfinite(each.item(i))) continue;
    each = settled(x, y, each);
    break;
  }
  return reduce_positions(each, reduction, divisor_of(a, rows), mask);
}

Tensor jensen_shannon(const Tensor& a, const Tensor& b, Reduction reduction, const Tensor& mask, double rows) {
  require_same("jensen_shannon", a, b);
  const Tensor log_p = log_softmax(as_rows(a)), log_q = log_softmax(as_rows(b));
  const Shape one_more{log_p.shape()[0], log_p.shape()[1], 1};
  const Tensor log_m = logsumexp(concat({reshape(log_p, one_more), reshape(log_q, one_more)}, 2), 2) - std::log(2.0);
  const auto to_middle = [&](const Tensor& log_x) {
    const Tensor seen = above_minus_infinity(log_x), l = only(seen, log_x);
    return only(seen, exp(l) * (l - only(seen, log_m)));
  };
  return reduce_positions(sum((to_middle(log_p) + to_middle(log_q)) * 0.5, 1), reduction, divisor_of(a, rows), mask);
}

Tensor hellinger(const Tensor& a, const Tensor& b, Reduction reduction, const Tensor& mask, double rows) {
  require_same("hellinger", a, b);
  const auto root = [](const Tensor& x) { return exp(log_softmax(as_rows(x)) * 0.5); };
  return reduce_positions(sum(square(root(a) - root(b)), 1) * 0.5, reduction, divisor_of(a, rows), mask);
}

Tensor sigmoid_divergence(const Tensor& s, const Tensor& t, Reduction reduction, const Tensor& mask, double rows) {
  require_same("sigmoid_divergence", s, t);
  const Tensor cell = above_minus_infinity(s), in_t = above_minus_infinity(t);
  for (int64_t e = 0; e < s.size(); ++e) cell.raw<uint8_t>()[e] &= in_t.raw<uint8_t>()[e];
  const double limit = -absent(s.dtype());  // the difference of two clamped scores is finite
  const Tensor x = clamp(only(cell, s), -limit, limit), y = clamp(only(cell, t), -limit, limit);
  return reduce_positions(sum(as_rows((sigmoid(x) - sigmoid(y)) * (x - y)), 1), reduction, divisor_of(s, rows), mask);
}

}  // namespace tapedeck
