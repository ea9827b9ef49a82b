// Durations turned into steps, once the sizes of an epoch and of the run are known. Next: trainer.cpp.
#pragma once
#include <vector>

#include <tapedeck/train/trainer.h>

namespace tapedeck {

struct Plan {
  StepCounts counts;
  int64_t evaluate_every = 0, save_every = 0;  // in steps
  bool evaluation_due(int64_t step) const { return step > 0 && (step % evaluate_every == 0 || step == counts.total); }
  bool checkpoint_due(int64_t step) const { return step > 0 && (step % save_every == 0 || step == counts.total); }
};
/// Throws Error{config} for durations that make no sense together.
Plan make_plan(const TrainSetup& setup);
/// Throws Error{config} for a warm-up that is longer than the run: the learning rate would never be reached.
void check_warmup(const Schedule& schedule, const StepCounts& counts);

/// The examples of update `number`: a pure function of seed and number; keeps the epoch it is in.
class ExampleOrder {
 public:
  explicit ExampleOrder(const TrainSetup& setup) : setup_(setup) {}
  const std::vector<int64_t>& batch(int64_t number, const StepCounts& counts);

 private:
  const TrainSetup& setup_;
  int64_t epoch_ = -1;
  std::vector<std::vector<int64_t>> batches_;
};

}  // namespace tapedeck
