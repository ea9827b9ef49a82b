// A warm training step never reaches the heap: operator new and the pool's own requests are counted over whole updates of
// every experiment in configs/smoke. Next: src/check/op_checks.h, check 11, for single ops.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include <tapedeck/run/run.h>
#include <tapedeck/tensor/pool.h>

#include "src/train/plan.h"
#include "src/train/step_runner.h"
#include "support/count_allocations.h"
#include "support/experiments.h"

using namespace tapedeck;
namespace fs = std::filesystem;

namespace {

constexpr int64_t batches = 4;  // of one epoch, of different lengths; the last may be short

struct Taken {
  int64_t heap = 0, system = 0;
};

/// What `batches` updates take, once the same batches have been seen twice.
Taken warm_steps(const std::string& file) {
  Experiment experiment = prepare(file, {"runtime.threads=1"});
  const auto run = build(experiment, experiment.seeds.front());
  const TrainSetup setup = setup_of(*run);
  StepRunner runner(setup);
  const Plan plan = make_plan(setup);
  ExampleOrder order(setup);
  StepRecord record;
  const int64_t n = std::min(batches, plan.counts.per_epoch);
  Taken start, end;
  for (int64_t round = 0; round < 3; ++round) {
    start = {testing::allocations, Pool::instance().stats().system_allocations};
    for (int64_t i = 0; i < n; ++i) runner.run(order.batch(i, plan.counts), round * n + i, 1, record);
    end = {testing::allocations, Pool::instance().stats().system_allocations};
  }
  return {end.heap - start.heap, end.system - start.system};
}

}  // namespace

TEST_CASE("warm training steps allocate nothing, whatever the experiment") {
  int files = 0;
  for (const std::string& file : testing::experiments_in(TAPEDECK_SOURCE_DIR "/configs/smoke")) {
    CAPTURE(file);
    ++files;
    const Taken taken = warm_steps(file);
    CHECK(taken.heap == 0);
    CHECK(taken.system == 0);
  }
  CHECK(files >= 25);
}
