// The last check: plan the run and try the objective on two examples. What parts refuse only when they are used is said
// before a folder is made. Next: assemble.cpp.
#include "src/run/check_trial.h"

#include <algorithm>
#include <numeric>

#include <tapedeck/base/error.h>

#include "src/config/locations.h"
#include "src/run/predictions.h"
#include "src/train/evaluator.h"
#include "src/train/plan.h"
#include "src/train/step_runner.h"

namespace tapedeck {
namespace {

template <class Body>
void attempt(const Json& tree, const char* code, const char* section, Diagnostics& diagnostics, Body body) {
  try {
    body();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::config) throw;
    diagnostics.add({code, error.message(), locate_mentioned(tree, section, error.what()), error.hint(), ""});
  }
}

void try_step(RunState& run) {
  const Dataset& data = run.data->train;
  std::vector<int64_t> order(size_t(std::min<int64_t>(2, data.size())));
  std::iota(order.begin(), order.end(), int64_t{0});
  if (order.empty()) throw Error(ErrorKind::data, "the training split is empty", "check data.train");
  const Batch batch = collate(data, order, 0, int64_t(order.size()), run.store.dtype());
  begin_objectives(setup_of(run));
  Tape tape;
  Step step(tape, *run.model, run.store, run.config.objective->task(), batch, root_key(0));
  run.config.objective->run(step);
}

/// Two examples of the split that decides, through every metric.
void try_metrics(RunState& run) {
  Evaluator(setup_of(run)).measure(run.data->validation.first(2));
}

}  // namespace

void try_run(const Json& tree, RunState& run, Diagnostics& diagnostics) {
  const TrainSetup setup = setup_of(run);
  attempt(tree, "TD0317", "training", diagnostics, [&] {
    const Plan plan = make_plan(setup);
    attempt(tree, "TD0325", "schedule", diagnostics, [&] {
      setup.schedule->base_lr = setup.optimizer->lr;
      setup.schedule->factor(plan.counts.total - 1, plan.counts);
    });
  });
  attempt(tree, "TD0325", "objective", diagnostics, [&] { try_step(run); });
  attempt(tree, "TD0325", "evaluation", diagnostics, [&] { try_metrics(run); });
}

}  // namespace tapedeck
