// Learning-rate factor over optimizer steps, in [0, 1]: warm-up rises linearly from 0, then the named curve.
#pragma once
#include <cstdint>

#include <tapedeck/base/registry.h>

namespace tapedeck {

/// Turns durations into optimizer steps once the size of an epoch and of the run are known.
struct StepCounts {
  int64_t per_epoch = 0, total = 0;
  int64_t evaluation = 0;  // steps between evaluations, for "2 evaluations"
  int64_t batch_size = 0;  // for "1000 examples"
  /// Throws Error{config} for seconds (they are no steps). `what` names the option.
  int64_t steps(const Duration& duration, const char* what) const;
};

struct Schedule : Part {
  static constexpr const char* kind = "schedule";
  Duration warmup{0, Duration::Unit::steps};
  double base_lr = 1;  // the optimizer's lr, set by the trainer: end_lr is absolute
  /// Factor for update `step` (0-based) of counts.total.
  virtual double factor(int64_t step, const StepCounts& counts) const = 0;
};

}  // namespace tapedeck
