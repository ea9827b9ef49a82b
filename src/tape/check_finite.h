// Scanning values for NaN and infinity while a failed step is replayed.
#pragma once
#include <tapedeck/tape/op.h>
#include <tapedeck/tape/scope.h>

namespace tapedeck {

/// Throws Error{non_finite} naming op, module path and element; `what`: "its output", "the gradient it passes on".
void check_finite(const Op& op, ScopeId scope, In values, const char* what);

}  // namespace tapedeck
