#include "check_finite.h"

#include "kernels/kernels.h"

namespace tapedeck {

void check_finite(const Op& op, ScopeId scope, In values, const char* what) {
  for (auto& t : values) {
    if (!t || !is_floating(t.dtype())) continue;
    const int64_t bad = dispatch(t.dtype(), [&](auto tag) {
      using T = decltype(tag);
      return kernels::menu<T>().first_non_finite(t.size(), t.raw<T>());
    });
    if (bad < 0) continue;
    Error e(ErrorKind::non_finite, text("op ", op.name(), ": ", what, " of shape ", t.shape().str(), " holds ", t.item(bad), " at element ", bad));
    if (scope) e.at(scope_path(scope));
    throw e;
  }
}

}  // namespace tapedeck
