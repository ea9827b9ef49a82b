// Names the op, the module and the element of the first value that is not finite. Next: sweep.cpp, which calls it.
#include "check_finite.h"

#include <tapedeck/tensor/in_place.h>

namespace tapedeck {

void check_finite(const Op& op, ScopeId scope, In values, const char* what) {
  for (auto& t : values) {
    if (!t || !is_floating(t.dtype())) continue;
    const int64_t bad = first_non_finite(t);
    if (bad < 0) continue;
    Error e(ErrorKind::non_finite,
            text("op ", op.name(), ": ", what, " of shape ", t.shape().str(), " holds ", t.item(bad), " at element ", bad));
    if (scope) e.at(scope_path(scope));
    throw e;
  }
}

}  // namespace tapedeck
