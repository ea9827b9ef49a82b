// Steps, projections and random starts in L2, L1 and L-infinity balls, for attacks on sites. Next: adversary.cpp.
#include <tapedeck/objectives/perturbation.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include <tapedeck/base/error.h>
#include <tapedeck/ops/ops.h>
#include <tapedeck/tensor/in_place.h>

namespace tapedeck {
namespace {

/// Calls f(first row, last row) for every part that the scope names.
template <class F>
void for_parts(const Shape& shape, NormScope scope, const Tensor& offsets, F f) {
  const int64_t rows = shape.rows();
  const auto starts = scope == NormScope::sample && offsets ? offsets.data<int32_t>() : std::span<int32_t>{};
  const bool of_sequences = !starts.empty() && int64_t(starts.size()) - 1 == rows;  // a row per sequence: pooled vectors
  if (scope == NormScope::token || (scope == NormScope::sample && of_sequences)) {
    for (int64_t r = 0; r < rows; ++r) f(r, r + 1);
  } else if (scope == NormScope::sample) {
    if (starts.empty() || starts.back() != rows)
      throw Error(
          ErrorKind::shape,
          text("scope \"sample\": offsets end at ", starts.empty() ? 0 : starts.back(), " but the site has ", rows, " rows"),
          "it needs an activation with one row per token or per sequence");
    for (size_t b = 0; b + 1 < starts.size(); ++b) f(int64_t{starts[b]}, int64_t{starts[b + 1]});
  } else {
    f(int64_t{0}, rows);
  }
}

struct Size {
  double squares = 0, sum = 0, largest = 0;
  int64_t at = 0;
  bool finite = true;
};

template <class T>
Size measure(const T* x, int64_t n) {
  Size s;
  for (int64_t i = 0; i < n; ++i) {
    const double v = std::abs(double(x[i]));
    s.squares += v * v;
    s.sum += v;
    if (v > s.largest) {
      s.largest = v;
      s.at = i;
    }
  }
  s.finite = std::isfinite(s.sum);
  return s;
}

/// |part|, safe where the squares of its elements leave the range of a double.
template <class T>
double norm_of(const T* x, int64_t n, const Size& s, NormBall ball) {
  if (ball != NormBall::l2) return ball == NormBall::linf ? s.largest : s.sum;
  if (s.squares > 1e-280 && std::isfinite(s.squares)) return std::sqrt(s.squares);
  if (s.largest == 0) return 0;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double v = double(x[i]) / s.largest;
    sum += v * v;
  }
  return s.largest * std::sqrt(sum);
}

template <class T>
void step_of_part(const T* g, T* step, int64_t n, double epsilon, NormBall ball) {
  const Size s = measure(g, n);
  if (s.largest == 0 || !s.finite) return;
  if (ball == NormBall::l1) {
    step[s.at] = T(std::copysign(epsilon, double(g[s.at])));
    return;
  }
  const double length = norm_of(g, n, s, ball);
  for (int64_t i = 0; i < n; ++i)
    step[i] = ball == NormBall::l2 ? T(double(g[i]) / length * epsilon)
              : g[i] == 0          ? T(0)
                                   : T(std::copysign(epsilon, double(g[i])));
}

/// theta with sum max(|x_i| - theta, 0) = epsilon, for a part whose L1 norm exceeds epsilon.
template <class T>
double soft_threshold(const T* x, int64_t n, double epsilon) {
  const Tensor sorted = Tensor::empty({n}, DType::f64);
  double* u = sorted.raw<double>();
  for (int64_t i = 0; i < n; ++i) u[i] = std::abs(double(x[i]));
  std::sort(u, u + n, std::greater<>());
  double sum = 0, theta = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += u[i];
    if (u[i] * double(i + 1) > sum - epsilon) theta = (sum - epsilon) / double(i + 1);
  }
  return theta;
}

template <class T>
void project_part(const T* x, T* y, int64_t n, double epsilon, NormBall ball) {
  const Size s = measure(x, n);
  if (!s.finite) return;
  const double length = norm_of(x, n, s, ball);
  const bool outside = length > epsilon;
  const double theta = outside && ball == NormBall::l1 ? soft_threshold(x, n, epsilon) : 0;
  for (int64_t i = 0; i < n; ++i) {
    const double v = double(x[i]);
    if (!outside) y[i] = x[i];
    else if (ball == NormBall::l2) y[i] = T(v / length * epsilon);
    else if (ball == NormBall::linf) y[i] = T(std::clamp(v, -epsilon, epsilon));
    else y[i] = T(std::copysign(std::max(0.0, std::abs(v) - theta), v));
  }
}

template <class T>
void unit_part(const T* g, T* step, int64_t n, double length, NormBall ball) {
  const Size s = measure(g, n);
  if (s.largest == 0 || !s.finite) return;
  const double norm = norm_of(g, n, s, ball);
  for (int64_t i = 0; i < n; ++i) step[i] = T(double(g[i]) / norm * length);
}

template <class T>
void rescale_part(const T* x, T* y, int64_t n, double length, NormBall ball) {
  const Size s = measure(x, n);
  if (!s.finite) return;
  const double scale = length / (norm_of(x, n, s, ball) + 1e-6);
  for (int64_t i = 0; i < n; ++i) y[i] = T(double(x[i]) * scale);
}

/// |x| in L2 where x is one part of ordinary size: attacks on a table are too large for the plain loops. 0 elsewhere.
double plain_length(const Tensor& x, NormBall ball, NormScope scope) {
  if (ball != NormBall::l2 || (scope != NormScope::tensor && scope != NormScope::batch)) return 0;
  const double squares = sum_squares(x);
  return squares > 1e-40 && squares < 1e40 ? std::sqrt(squares) : 0;
}

/// part(x, y, n) on every part; y starts as zeros.
template <class F>
Tensor by_parts(const Tensor& x, NormScope scope, const Tensor& offsets, F part) {
  const Tensor y = Tensor::zeros(x.shape(), x.dtype());
  const int64_t cols = x.shape().cols();
  dispatch(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    for_parts(x.shape(), scope, offsets, [&](int64_t first, int64_t last) {
      part(x.raw<T>() + first * cols, y.raw<T>() + first * cols, (last - first) * cols);
    });
  });
  return y;
}

}  // namespace

Tensor steepest_step(const Tensor& g, double epsilon, NormBall ball, NormScope scope, const Tensor& offsets) {
  if (const double length = plain_length(g, ball, scope)) return g * (epsilon / length);
  return by_parts(g, scope, offsets, [&](auto* x, auto* y, int64_t n) { step_of_part(x, y, n, epsilon, ball); });
}

Tensor unit_step(const Tensor& g, double length, NormBall ball, NormScope scope, const Tensor& offsets) {
  if (ball == NormBall::l2) return steepest_step(g, length, ball, scope, offsets);
  return by_parts(g, scope, offsets, [&](auto* x, auto* y, int64_t n) { unit_part(x, y, n, length, ball); });
}

Tensor project(const Tensor& x, double epsilon, NormBall ball, NormScope scope, const Tensor& offsets) {
  if (const double length = plain_length(x, ball, scope)) return length > epsilon ? x * (epsilon / length) : x;
  return by_parts(x, scope, offsets, [&](auto* from, auto* to, int64_t n) { project_part(from, to, n, epsilon, ball); });
}

Tensor rescale(const Tensor& x, double length, NormBall ball, NormScope scope, const Tensor& offsets) {
  if (const double now = plain_length(x, ball, scope)) return x * (length / (now + 1e-6));
  return by_parts(x, scope, offsets, [&](auto* from, auto* to, int64_t n) { rescale_part(from, to, n, length, ball); });
}

Tensor Noise::draw(const Shape& shape, DType dtype, const Batch& batch) const {
  const int64_t rows = shape.rows();
  const bool sequences = rows == batch.sequences() && (of_sequences || rows != batch.token_count()),
             tokens = !sequences && rows == batch.token_count();
  const int64_t before = tokens ? batch.first_token : sequences ? batch.first_sequence : 0;
  const int64_t all = tokens ? batch.total_tokens : sequences ? batch.total_sequences * batch.texts : rows;
  if (all > rows && (kind == Kind::ball || kind == Kind::direction) && (scope == NormScope::batch || scope == NormScope::tensor))
    return slice(draw({all, shape.cols()}, dtype, Batch{}), 0, before, before + rows);  // one norm over the whole step
  const auto first = uint64_t(before * shape.cols());
  if (kind == Kind::uniform) return Tensor::uniform(shape, key, -size, size, dtype, first);
  if (kind == Kind::normal) return Tensor::normal(shape, key, 0, size, dtype, first);
  if (kind == Kind::direction)
    return steepest_step(Tensor::normal(shape, key, 0, 1, dtype, first), size, ball, scope, batch.offsets);
  return by_parts(Tensor::uniform(shape, key, -1, 1, dtype, first), scope, batch.offsets, [&](auto* from, auto* to, int64_t n) {
    const double scale = ball == NormBall::linf ? size : ball == NormBall::l1 ? size / double(n) : size / std::sqrt(double(n));
    for (int64_t i = 0; i < n; ++i) to[i] = std::remove_reference_t<decltype(*to)>(double(from[i]) * scale);
  });
}

}  // namespace tapedeck
