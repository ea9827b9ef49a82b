// Steps to the border of an L2, L1 or L-infinity ball, for attacks on sites. Next: fgm.cpp.
#include <tapedeck/objectives/perturbation.h>

#include <cmath>

#include <tapedeck/base/error.h>

namespace tapedeck {
namespace {

template <class T>
void step_of_part(const T* g, T* step, int64_t n, double epsilon, Ball ball) {
  double squares = 0, largest = 0;
  int64_t at = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double v = double(g[i]);
    squares += v * v;
    if (std::abs(v) > largest) { largest = std::abs(v); at = i; }
  }
  if (largest == 0 || !std::isfinite(squares)) return;
  if (ball == Ball::l1) { step[at] = T(std::copysign(epsilon, double(g[at]))); return; }
  const double scale = epsilon / std::sqrt(squares);
  for (int64_t i = 0; i < n; ++i)
    step[i] = ball == Ball::l2 ? T(double(g[i]) * scale) : g[i] == 0 ? T(0) : T(std::copysign(epsilon, double(g[i])));
}

}  // namespace

Tensor steepest_step(const Tensor& g, double epsilon, Ball ball, NormScope scope, const Tensor& offsets) {
  const Tensor step = Tensor::zeros(g.shape(), g.dtype());
  const int64_t rows = g.shape().rows(), cols = g.shape().cols();
  dispatch(g.dtype(), [&](auto tag) {
    using T = decltype(tag);
    auto part = [&](int64_t first, int64_t last) {
      step_of_part(g.raw<T>() + first * cols, step.raw<T>() + first * cols, (last - first) * cols, epsilon, ball);
    };
    if (scope == NormScope::token) {
      for (int64_t r = 0; r < rows; ++r) part(r, r + 1);
    } else if (scope == NormScope::sample) {
      const auto starts = offsets.data<int32_t>();
      if (starts.empty() || starts.back() != rows)
        throw Error(ErrorKind::shape, text("steepest_step: offsets end at ", starts.empty() ? 0 : starts.back(), " but the gradient has ", rows, " rows"),
                    "scope \"sample\" needs an activation with one row per token");
      for (size_t b = 0; b + 1 < starts.size(); ++b) part(starts[b], starts[b + 1]);
    } else {
      part(0, rows);
    }
  });
  return step;
}

}  // namespace tapedeck
