// The last check: plan the run and try the objective on two examples. What parts refuse only when they are used is said
// before a folder is made. Next: prepare.cpp.
#include "src/run/try_run.h"

#include <algorithm>
#include <numeric>

#include "src/config/locations.h"
#include "src/train/evaluator.h"
#include "src/train/plan.h"
#include "src/train/step_runner.h"

namespace tapedeck {
namespace {

void try_step(RunState& run) {
  const Dataset& data = run.data->train;
  check_setup(setup_of(run));
  std::vector<int64_t> order(size_t(std::min<int64_t>(2, data.size())));
  std::iota(order.begin(), order.end(), int64_t{0});
  const Batch batch = collate(data, order, 0, int64_t(order.size()), run.store.dtype());
  begin_objectives(setup_of(run));
  Tape tape;
  Step step(tape, *run.model, run.store, run.config.objective->task(), batch, root_key(0));
  run.config.objective->run(step);
}

/// Two examples of the split that decides, through every metric.
void try_metrics(RunState& run) { Evaluator(setup_of(run)).measure(run.data->validation.first(2)); }

}  // namespace

void try_run(const Json& tree, RunState& run, Diagnostics& diagnostics) {
  const TrainSetup setup = setup_of(run);
  attempt(tree, "training", "TD0317", diagnostics, [&] {
    const Plan plan = make_plan(setup);
    if (setup.training->average) setup.training->average->share(plan.counts.total, plan.counts);
    attempt(tree, "schedule", "TD0317", diagnostics, [&] { check_warmup(*setup.schedule, plan.counts); });
    attempt(tree, "schedule", "TD0325", diagnostics, [&] {
      setup.schedule->base_lr = setup.optimizer->lr;
      setup.schedule->factor(plan.counts.total - 1, plan.counts);
    });
  });
  attempt(tree, "objective", "TD0325", diagnostics, [&] { try_step(run); });
  attempt(tree, "evaluation", "TD0325", diagnostics, [&] { try_metrics(run); });
}

}  // namespace tapedeck
