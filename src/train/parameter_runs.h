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
std::vector<ParameterRun> parameter_runs(const ParamStore& store, const Optimizer& optimizer, double weight_decay);

/// Factor on a parameter's learning rate: layer_decay to the number of layers above it. With L layers ("...layers.N...")
/// the embeddings have L + 1 above them, layer N has L - N, everything else (norms, heads) none (Clark et al. 2020, ELECTRA).
double layer_scale(std::string_view path, int64_t layers, double layer_decay);

}  // namespace tapedeck
