// A few real updates on the longest batch the data can make: what `check` promises about memory and time.
#include <algorithm>
#include <array>
#include <chrono>
#include <numeric>

#include "src/train/plan.h"
#include "src/train/step_runner.h"

namespace tapedeck {
namespace {

/// The batch_size longest examples.
std::vector<int64_t> longest_batch(const Dataset& data, int64_t batch_size) {
  std::vector<int64_t> order(size_t(data.size()));
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto longer = [&](int64_t a, int64_t b) { return data.ids(a).size() > data.ids(b).size(); };
  std::stable_sort(order.begin(), order.end(), longer);
  order.resize(size_t(std::min(batch_size, data.size())));
  return order;
}

}  // namespace

DryRun dry_run(const TrainSetup& setup) {
  using Clock = std::chrono::steady_clock;
  reset_memory_peak();
  StepRunner runner(setup);
  const Plan plan = make_plan(setup);
  const auto examples = longest_batch(*setup.train, setup.training->batch_size);
  StepRecord record;
  std::array<double, 3> seconds{};
  runner.run(examples, 0, 0, record);  // warms the buffers
  for (size_t i = 0; i < seconds.size(); ++i) {
    const auto start = Clock::now();
    runner.run(examples, int64_t(i) + 1, setup.schedule->factor(0, plan.counts), record);
    seconds[i] = std::chrono::duration<double>(Clock::now() - start).count();
  }
  std::sort(seconds.begin(), seconds.end());
  return {setup.store->count(), memory_use(), seconds[1], plan.counts.total, plan.counts.per_epoch};
}

}  // namespace tapedeck
