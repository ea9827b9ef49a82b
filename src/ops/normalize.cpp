// normalize: a scale by the largest entry, which no gradient needs because length does not depend on it, then a square root.
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

}  // namespace tapedeck
