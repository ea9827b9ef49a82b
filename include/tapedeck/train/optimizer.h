// Update rules over slabs: one pass reads the gradient, clips, updates and zeroes it. Parameter groups are globs over
// parameter paths. State is one slab per moment, so checkpoints copy it whole. Next: schedule.h, checkpoint.h.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <tapedeck/base/registry.h>
#include <tapedeck/nn/params.h>

namespace tapedeck {

/// Parameters that match any glob take these settings; later groups win; a glob that matches nothing is an error.
struct ParameterGroup : Part {
  std::vector<std::string> match;
  std::optional<double> lr, lr_scale, weight_decay;
  void describe(Fields& f) override;
};

struct Optimizer : Part {
  static constexpr const char* kind = "optimizer";
  double lr = 1e-3;
  std::vector<ParameterGroup> groups;
  double layer_decay = 1;
  /// Resolves the groups and makes the state slabs; throws Error{config} for a glob that matches nothing.
  virtual void bind(const ParamStore& store) = 0;
  /// "groups" and "layer_decay".
  void describe_groups(Fields& f);
  /// One update with the base lr scaled by `factor` (the schedule) and gradients scaled by grad_scale (clipping); zeroes the
  /// gradients. `step` counts from 1.
  virtual void update(double factor, double grad_scale, int64_t step) = 0;
  /// Named state slabs ("m", "v") with the layout of the value slab; restoring copies into them.
  virtual std::map<std::string, Tensor> state() const = 0;
};

/// Euclidean norm of all gradients, summed in double in a fixed order.
double gradient_norm(const ParamStore& store);
/// Index of the first trainable parameter whose gradient holds NaN or infinity, or -1.
int32_t first_non_finite_gradient(const ParamStore& store);

}  // namespace tapedeck
