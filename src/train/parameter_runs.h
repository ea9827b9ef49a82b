// Parameters to runs: neighbours in the slabs with equal settings are updated by one kernel call. Why: a model has
// hundreds of parameters but two or three groups. Next: adamw.cpp, sgd.cpp.
#pragma once
#include <vector>

#include <tapedeck/train/optimizer.h>

namespace tapedeck {

/// Elements [offset, offset + size) of the slabs, alignment gaps included (they hold 0 and stay 0).
struct ParameterRun {
  int64_t offset = 0, size = 0;
  double lr = 0, weight_decay = 0;
  bool trainable = true;
};

/// Every parameter of the store, in order, merged where the settings agree. Later groups win, option by option.
/// Throws Error{config} for a glob that matches nothing.
std::vector<ParameterRun> parameter_runs(const ParamStore& store, const std::vector<ParameterGroup>& groups, double lr,
                                         double weight_decay);

}  // namespace tapedeck
