// The door from unrecorded buffer work to the kernels. Next: kernels/kernels.h.
#include <tapedeck/tensor/in_place.h>

#include "kernels/kernels.h"

namespace tapedeck {

void add_into(const Tensor& to, const Tensor& from) {
  dispatch(to.dtype(), [&](auto tag) {
    using T = decltype(tag);
    kernels::menu<T>().add_scaled(to.size(), 1.0, from.raw<T>(), to.raw<T>());
  });
}

int64_t first_non_finite(const Tensor& t) {
  return dispatch(t.dtype(), [&](auto tag) {
    using T = decltype(tag);
    return kernels::menu<T>().first_non_finite(t.size(), t.raw<T>());
  });
}

}  // namespace tapedeck
