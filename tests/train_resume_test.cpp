// A run continues to the same bytes from every step, writes the same bytes at every number of threads, and keeps the right
// checkpoints whatever is damaged. Next: train_non_finite_test.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include <tapedeck/ops/ops.h>
#include <tapedeck/train/checkpoint.h>

#include "kernels/parallel.h"
#include "support/compare.h"
#include "support/run_files.h"
#include "support/tiny_run.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

/// One thread unless a test says otherwise: waiting for each other would cost more than these tiny tensors do.
const bool one_thread = (kernels::set_threads(1), true);

/// The same run, with what a test changes.
struct Change {
  const char* what;
  std::function<void(TinyRun&)> apply;
};

/// Ends a listener's story as if the process had died: the exception leaves no chance to save anything.
struct Killed {};

/// Evaluates to scripted values of "accuracy", whatever the model says.
struct Scripted final : Metric {
  static inline std::vector<double> values;
  static inline size_t next = 0;
  double compute(const Predictions&) const override { return values.at(next++); }
};
TAPEDECK_PART(Metric, Scripted, "scripted", "Values of a list, for tests.");

}  // namespace

TEST_CASE("resume: cut at any of 40 steps, by signal or by death, the run ends in the same bytes") {
  const std::vector<Change> kinds{
      {"adamw", [](TinyRun&) {}},
      {"sgd, cosine, length buckets, r_drop, clipping",
       [](TinyRun& r) {
         r.optimizer = configured<Optimizer>("sgd", R"({"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01})");
         r.schedule = configured<Schedule>("cosine");
         r.training.sampler.choose("length_buckets");
         r.objective = configured<Objective>("r_drop");
         r.training.clip_grad_norm = 0.2;
         r.evaluation.every = {1, Duration::Unit::epochs};
         r.evaluation.at_start = true;
         r.checkpoints.every = {7, Duration::Unit::steps};
       }},
      {"ema of the weights",
       [](TinyRun& r) { r.training.average.set("ema", configured<WeightAverage>("ema", R"({"decay": 0.9})")); }},
      {"swa from the middle on",
       [](TinyRun& r) {
         r.training.average.set("swa", configured<WeightAverage>("swa", R"({"start": "50%", "every": "3 steps"})"));
       }},
      {"a teacher and remembered predictions",
       [](TinyRun& r) {
         r.objective = configured<Objective>("mean_teacher",
                                             R"({"decay": 0.9, "ramp": "5 steps", "loss": {"type": "temporal_ensembling"}})");
       }},
  };
  for (auto& kind : kinds) {
    const auto start = [&](TinyRun& run, const std::string& folder) {
      kind.apply(run);
      run.folder = folder;
    };
    const TempFolder whole_folder(Medium::memory);
    TinyRun whole;
    start(whole, whole_folder.path());
    const TrainResult expected = whole.run();
    const auto files = contents(whole_folder.path());
    for (int64_t k = 1; k <= 40; ++k) {
      for (bool dies : {false, true}) {
        CAPTURE(kind.what);
        CAPTURE(k);
        CAPTURE(dies);
        const TempFolder folder(Medium::memory);
        TinyRun first, second;
        start(first, folder.path());
        start(second, folder.path());
        first.listener.on_step = [&](const StepRecord& r) {
          if (r.step < k) return;
          if (dies) throw Killed{};
          first.stop = 15;
        };
        bool killed = false;
        TrainResult stopped;
        try {
          stopped = first.run();
        } catch (const Killed&) { killed = true; }
        REQUIRE(killed == dies);
        if (!dies) {
          CHECK(stopped.stop_reason == "signal");
          CHECK(stopped.signal == 15);
          CHECK(stopped.steps == k);
          CHECK(fs::exists(fs::path(find_checkpoint(folder.path(), "last")) / "complete"));
        }
        const TrainResult result = second.run(true);
        CHECK(result.best == expected.best);
        CHECK(result.last == expected.last);
        CHECK(result.test == expected.test);
        CHECK(same_bits(second.store.values(), whole.store.values()));
        CHECK(contents(folder.path()) == files);
        const std::string story = told(second.listener), full = told(whole.listener);
        for (size_t at = 0, end; at < story.size(); at = end + 1) {
          end = story.find('\n', at);
          CHECK(full.find(story.substr(at, end - at)) != full.npos);
        }
        if (!dies && k < 40) CHECK(second.listener.steps.front().step == k + 1);
      }
    }
  }
}

TEST_CASE("1, 2 and 4 threads write the same bytes") {
  REQUIRE(one_thread);
  std::map<std::string, std::string> files;
  std::string story;
  for (int threads : {1, 2, 4}) {
    CAPTURE(threads);
    kernels::set_threads(threads);
    const TempFolder folder(Medium::memory);
    TinyRun run;
    run.folder = folder.path();
    run.run();
    if (threads > 1) {
      CHECK(contents(folder.path()) == files);
      CHECK(told(run.listener) == story);
    }
    files = contents(folder.path());
    story = told(run.listener);
  }
  kernels::set_threads(1);
}

TEST_CASE("best and last are kept independently") {
  struct Row {
    int64_t best, last;
    std::vector<double> values;
    std::set<int> kept;
    int best_step;
    const char* direction = "max";
    double min_change = 0;
  };
  for (auto& row : std::vector<Row>{
           {1, 1, {.5, .9, .6, .7}, {20, 40}, 20},
           {1, 1, {.5, .6, .7, .9}, {40}, 40},
           {1, 1, {.9, .9, .9, .9}, {10, 40}, 10},
           {1, 3, {.9, .5, .5, .5}, {10, 20, 30, 40}, 10},
           {2, 1, {.5, .9, .6, .7}, {20, 40}, 20},
           {2, 1, {.8, .9, .6, .7}, {10, 20, 40}, 20},
           {3, 2, {.8, .9, .6, .7}, {10, 20, 30, 40}, 20},
           {0, 2, {.9, .5, .6, .7}, {30, 40}, -1},
           {1, 1, {.5, .9, .2, .7}, {30, 40}, 30, "min"},
           {1, 1, {.5, .55, .58, .61}, {40}, 40, "max", 0.1},
           {1, 1, {.5, .55, .58, .59}, {10, 40}, 10, "max", 0.1},
           {1, 1, {std::nan(""), .5, std::nan(""), .4}, {20, 40}, 20},
           {2, 1, {std::nan(""), std::nan(""), std::nan(""), std::nan("")}, {40}, -1},
       }) {
    CAPTURE(row.best);
    CAPTURE(row.last);
    CAPTURE(row.values);
    const TempFolder folder(Medium::memory);
    TinyRun run;
    run.folder = folder.path();
    run.test = {};
    run.evaluation.metrics = {"scripted"};
    run.evaluation.direction = row.direction;
    run.evaluation.min_change = row.min_change;
    run.checkpoints.keep.best = row.best;
    run.checkpoints.keep.last = row.last;
    Scripted::values = row.values;
    Scripted::next = 0;
    const TrainResult result = run.run();
    std::set<std::string> expected{"last.json"};
    for (int step : row.kept) expected.insert(text("step-0000", step));
    if (row.best_step > 0) expected.insert("best.json");
    CHECK(names(folder / "checkpoints") == expected);
    CHECK(find_checkpoint(folder.path(), "last") == folder / "checkpoints/step-000040");
    if (row.best_step < 0) continue;
    CHECK(find_checkpoint(folder.path(), "best") == folder / text("checkpoints/step-0000", row.best_step));
    CHECK(result.best.at("step") == row.best_step);
    CHECK(read_raw(folder / "checkpoints/best.json").find("\"validation/scripted\"") != std::string::npos);
  }
}

TEST_CASE("resume skips a damaged newest checkpoint and refuses one of another run") {
  const TempFolder folder(Medium::memory);
  const auto prepare = [&] {
    auto run = std::make_unique<TinyRun>();
    run->folder = folder.path();
    run->checkpoints.keep.last = 3;
    return run;
  };
  prepare()->run();
  const auto files = contents(folder.path());
  for (const char* part : {"complete", "model.safetensors", "optimizer.safetensors", "state.json"}) {
    CAPTURE(part);
    const std::string path = folder / "checkpoints/step-000040/" + part;
    std::string bytes = read_raw(path);
    bytes[bytes.size() / 2] = char(bytes[bytes.size() / 2] ^ 1);
    write_raw(path, bytes);
    fs::create_directory(folder / "checkpoints/.step-000040.tmp-1");  // what a killed writer leaves
    auto run = prepare();
    run->run(true);
    REQUIRE(run->listener.notes.size() == 1);
    CHECK(run->listener.notes[0].find("skipping step-000040") != std::string::npos);
    CHECK(run->listener.steps.front().step == 31);
    CHECK(contents(folder.path()) == files);
    CHECK(names(folder / "checkpoints").size() == 5);
  }
  struct Row {
    const char* says;
    std::function<void(TinyRun&, TrainSetup&)> change;
  };
  for (auto& row : std::vector<Row>{{"seed", [](TinyRun&, TrainSetup&s) { s.seed = 4; }},
                                    {"experiment", [](TinyRun&, TrainSetup&s) { s.config_hash = "other"; }},
                                    {"vocabulary", [](TinyRun&, TrainSetup&s) { s.vocabulary_hash = "other"; }},
                                    {"momentum", [](TinyRun&r, TrainSetup&s) {
                                       r.optimizer = configured<Optimizer>("sgd", R"({"momentum": 0.9})");
                                       s.optimizer = r.optimizer.get();
                                     }}}) {
    CAPTURE(row.says);
    auto run = prepare();
    TrainSetup setup = run->setup();
    row.change(*run, setup);
    CHECK(thrown([&] { train(setup, true); }, ErrorKind::checkpoint).find(row.says) != std::string::npos);
  }
  for (auto& name : names(folder / "checkpoints"))
    if (name.starts_with("step")) fs::remove(folder / "checkpoints/" + name + "/complete");
  CHECK(thrown([&] { prepare()->run(true); }, ErrorKind::checkpoint).find("every checkpoint is damaged") != std::string::npos);
}
