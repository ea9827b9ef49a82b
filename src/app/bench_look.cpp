// tapedeck bench look: what listening costs. Training steps of `bench train`, the first without a listener, the next with an idle
// one, with a recorder of structure, with one that also looks at elements, and round again. Next: docs/guide/look.md.
#include <chrono>
#include <optional>

#include <fmt/core.h>

#include <tapedeck/look/recorder.h>

#include "src/app/bench_model.h"
#include "src/train/step_runner.h"

namespace tapedeck::app {
namespace {

/// An idle listener is called at every place where nobody listening costs one test of a pointer, so its price is above that.
struct Idle final : TapeListener, PoolListener {
  Idle() : tape(tape_listener), pool(pool_listener) { tape_listener = this, pool_listener = this; }
  ~Idle() override { tape_listener = tape, pool_listener = pool; }
  void taken(const Storage&) override {}
  void given(const Storage&) override {}
  TapeListener* tape;
  PoolListener* pool;
};

struct Mode {
  const char* name;
  std::optional<RecorderOptions> recorder;
  bool idle;
};
const Mode modes[] = {{"nobody listens", {}, false},
                      {"an idle listener", {}, true},
                      {"structure and time", RecorderOptions{.statistics = false}, false},
                      {"statistics as well", RecorderOptions{}, false}};

double seconds_of(const Mode& mode, StepRunner& runner, const BenchRun& run, int64_t step, StepRecord& record) {
  const std::vector<int64_t> order = run.order(step);
  std::optional<Recorder> recorder;
  std::optional<Idle> idle;
  if (mode.recorder) {
    recorder.emplace(*mode.recorder);
    name_parameters(*recorder, run.store);
  }
  if (mode.idle) idle.emplace();
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  runner.run(order, step, 1, record);
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int bench_look(const TrainFlags& flags) {
  use_products(flags);
  const BenchRun run(flags);
  StepRunner runner(run.setup);
  StepRecord record;
  std::vector<double> seconds[std::size(modes)], ratios[std::size(modes)];
  for (int64_t round = 0; round < run.flags.warmup + run.flags.steps; ++round) {
    double taken[std::size(modes)];
    for (size_t k = 0; k < std::size(modes);
         ++k) {  // each goes first in turn, forwards and backwards: what ran before leaves caches behind
      const size_t turn = round / 4 % 2 ? std::size(modes) - 1 - k : k, m = (turn + size_t(round)) % std::size(modes);
      taken[m] = seconds_of(modes[m], runner, run, round, record);
    }
    for (size_t m = 0; m < std::size(modes) && round >= run.flags.warmup; ++m) {
      seconds[m].push_back(taken[m]);
      ratios[m].push_back(taken[m] / taken[0]);
    }
  }
  Json rows = Json::list();
  TableRows lines{{"listening", "step", "ratio, median", "p10 .. p90"}};
  for (size_t m = 0; m < std::size(modes); ++m) {
    const double median = quantile(seconds[m], 0.5), low = quantile(ratios[m], 0.1), ratio = quantile(ratios[m], 0.5),
                 high = quantile(ratios[m], 0.9);
    rows.items.push_back(
        json_object({{"listening", modes[m].name}, {"seconds", median}, {"ratio", ratio}, {"p10", low}, {"p90", high}}));
    lines.push_back({modes[m].name, fmt::format("{:.3f} ms", 1e3 * median), fmt::format("{:.4f}", ratio),
                     fmt::format("{:.3f} .. {:.3f}", low, high)});
  }
  return print_bench(flags, std::move(rows), "", lines);
}

}  // namespace

void add_bench_look(CommandLine& line) {
  auto [command, flags] = add_command<TrainFlags>(line, "bench look", "what a recorder costs a training step", bench_look);
  add_train_flags(command, flags);
  add_product_flags(command, flags);
}

}  // namespace tapedeck::app
