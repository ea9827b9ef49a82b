// Gradients that several records add to, and where in that sum each of their values stands. Next: contributions.cpp.
#pragma once
#include <vector>

#include <tapedeck/look/recording.h>

namespace tapedeck::look {

/// This value is the sum of the first `number` of `total` contributions to the gradient of `into`; total 0: it is no such sum.
struct Contribution {
  uint32_t into = nothing;  // nothing: no kernel read the sum as a gradient, so nobody said whose it is
  uint32_t number = 0, total = 0;
  uint32_t before = nothing;  // the sum so far, without this contribution
};
/// One entry per value; sums of fewer than two contributions are left out.
std::vector<Contribution> contributions(const Recording& r);

}  // namespace tapedeck::look
