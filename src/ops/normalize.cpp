// The normalisations. In normalize a scale by the largest entry comes first, which no gradient needs because length does not
// depend on it.
#include <tapedeck/ops/normalize.h>

#include <limits>

#include "support.h"

namespace tapedeck {

Tensor normalize(const Tensor& x) {
  require_rank("normalize", "x", x, 2);
  if (x.shape()[1] == 0) shape_error("normalize", In(&x, 1), "rows without columns have no length");
  const double tiny = x.dtype() == DType::f64 ? std::numeric_limits<double>::min() : double(std::numeric_limits<float>::min());
  const Tensor top = max(abs(x.detach()), 1, true), at_zero = Tensor::empty(top.shape(), x.dtype());
  dispatch(x.dtype(), [&](auto tag) {  // scaled to a largest entry of 1: no square overflows or vanishes
    using T = decltype(tag);
    for (int64_t i = 0; i < top.size(); ++i) {
      const bool zero = top.raw<T>()[i] < T(tiny);
      at_zero.raw<T>()[i] = T(zero);
      top.raw<T>()[i] = zero ? T(0) : 1 / top.raw<T>()[i];
    }
  });
  const Tensor scaled = x * top;
  return scaled * rsqrt(sum(square(scaled), 1, true) + at_zero);
}

Tensor standardize(const Tensor& x, const Tensor& weight, double epsilon) {
  require_rank("standardize", "x", x, 2);
  require_rank("standardize", "weight", weight, 1);
  const Tensor share = reshape(weight / sum(weight), {1, weight.size()});
  const int64_t d = x.shape()[1];
  const Tensor centred = x - reshape(matmul(share, x), {d});
  return centred * rsqrt(reshape(matmul(share, square(centred)), {d}) + epsilon);
}

Tensor batch_norm(const Tensor& x, const Tensor& gain, const Tensor& bias, double epsilon, RunningMoments* running,
                  double momentum) {
  require_rank("batch_norm", "x", x, 2);
  const int64_t n = x.shape()[0];
  if (n < 1) shape_error("batch_norm", In(&x, 1), "a batch without rows has no mean");
  const Tensor mu = mean(x, 0), centred = x - mu, variance = mean(square(centred), 0);
  if (running) {
    const double unbiased = n > 1 ? double(n) / double(n - 1) : 1;
    running->mean = running->mean * (1 - momentum) + mu.detach() * momentum;
    running->variance = running->variance * (1 - momentum) + variance.detach() * (momentum * unbiased);
  }
  return centred * rsqrt(variance + epsilon) * gain + bias;
}

}  // namespace tapedeck
