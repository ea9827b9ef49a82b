// The door from unrecorded buffer work to the kernels. Next: kernels/kernels.h.
#include <tapedeck/tensor/in_place.h>

#include <tapedeck/base/error.h>
#include <tapedeck/tensor/machine.h>

#include "kernels/kernels.h"

namespace tapedeck {

void add_into(const Tensor& to, const Tensor& from) {
  dispatch(to.dtype(), [&](auto tag) {
    using T = decltype(tag);
    kernels::kernel_table<T>().add_scaled(to.size(), 1.0, from.raw<T>(), to.raw<T>());
  });
}

void multiply_into(const Tensor& c, const Tensor& a, bool a_transposed, const Tensor& b, bool b_transposed, bool accumulate) {
  const int64_t m = a.shape()[a_transposed], k = a.shape()[!a_transposed], n = b.shape()[!b_transposed];
  if (a.shape().rank() != 2 || b.shape().rank() != 2 || b.shape()[b_transposed] != k || c.shape() != Shape{m, n})
    throw Error(ErrorKind::shape,
                text("multiply_into: ", a.shape().str(), " and ", b.shape().str(), " do not give ", c.shape().str()));
  dispatch(c.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const kernels::Gemm gemm{
        .m = m, .n = n, .k = k, .a_transposed = a_transposed, .b_transposed = b_transposed, .accumulate = accumulate};
    const auto product = multiplies_bf16() && kernels::kernel_table<T>().gemm_bf16 ? kernels::kernel_table<T>().gemm_bf16
                                                                                   : kernels::kernel_table<T>().gemm;
    product(gemm, a.raw<T>(), b.raw<T>(), c.raw<T>(), nullptr);
  });
}

double sum_squares(const Tensor& t) {
  return dispatch(t.dtype(), [&](auto tag) {
    using T = decltype(tag);
    return kernels::kernel_table<T>().sum_squares(t.size(), t.raw<T>());
  });
}

int64_t first_non_finite(const Tensor& t) {
  return dispatch(t.dtype(), [&](auto tag) {
    using T = decltype(tag);
    return kernels::kernel_table<T>().first_non_finite(t.size(), t.raw<T>());
  });
}

}  // namespace tapedeck
