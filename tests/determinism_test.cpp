// The promise of equal bits: the same seed with 1, 2 and 4 threads, and a run stopped after any of its 40 steps and resumed,
// end with the same checkpoint, figures and records. Timings alone may differ.
#include <doctest/doctest.h>

#include <tapedeck/run/run.h>

#include "support/run_contents.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

constexpr int steps = 40;

/// Dropout, two passes, an attack, clipping, a schedule, several epochs: everything that draws or adds in some order.
constexpr const char* experiment = R"({
  "name": "bits",
  "seed": 7,
  "data": {"type": "builtin", "train": 60, "validation": 24, "test": 24},
  "model": {"type": "text", "encoder": {"type": "transformer", "layers": 2, "width": 16, "heads": 2, "feed_forward": 32, "dropout": 0.2}, "pooling": "mean"},
  "objective": {"type": "fgm", "epsilon": 0.5, "loss": {"type": "r_drop", "alpha": 1.0}},
  "schedule": {"type": "cosine", "warmup": "10%"},
  "training": {"duration": "40 steps", "batch_size": 8, "clip_grad_norm": 1.0},
  "evaluation": {"every": "7 steps"},
  "logging": {"every": "3 steps"},
  "runtime": {"threads": 1}
})";

struct Ended {
  nlohmann::json figures;
  std::string records;
  std::map<std::string, std::string> checkpoint;
  explicit Ended(const std::string& folder)
      : figures(testing::figures(folder)), records(testing::records(folder)), checkpoint(last_checkpoint(folder)) {}
};

struct Bench {
  TempFolder folder{Medium::memory};
  Bench() { write_raw(folder / "bits.json", experiment); }

  /// stop_after: the step after which a signal arrives; 0: never.
  std::string run(const std::vector<std::string>& sets, int64_t stop_after = 0) const {
    std::atomic<int> signal{0};
    RunOptions options{.sets = sets, .output = folder / "runs", .progress = ProgressMode::none, .stop_signal = &signal};
    options.after_step = [&](int64_t step) {
      if (step == stop_after) signal = 2;
    };
    const RunResult result = run_experiment(folder / "bits.json", options);
    CHECK(result.exit_code == (stop_after ? 130 : 0));
    return result.folder;
  }
  static RunResult resume(const std::string& folder, std::vector<std::string> sets = {}) {
    return resume_run(folder, {.sets = std::move(sets), .progress = ProgressMode::none});
  }
};

void check_equal(const Ended& a, const Ended& b) {
  CHECK(a.figures == b.figures);
  CHECK(a.records == b.records);
  REQUIRE(a.checkpoint.size() == b.checkpoint.size());
  CHECK(a.checkpoint.size() >= 4);
  for (const auto& file : a.checkpoint) {
    CAPTURE(file.first);
    CHECK(file.second == b.checkpoint.at(file.first));
  }
}

}  // namespace

TEST_CASE("the number of threads changes no bit") {
  const Bench bench;
  const Ended one(bench.run({}));
  CHECK(one.figures["steps"] == steps);
  for (const char* threads : {"2", "4"}) {
    CAPTURE(threads);
    check_equal(one, Ended(bench.run({std::string("runtime.threads=") + threads})));
  }
}

TEST_CASE("nor does it with noise of every kind and penalties on weights") {
  const TempFolder folder(Medium::memory);
  const std::string file = std::string(TAPEDECK_SOURCE_DIR) + "/configs/smoke/noise.json";
  const std::vector<std::vector<std::string>> rows = {
      {},
      {"model.encoder.norm=pre", "model.encoder.noise.dropout=gaussian", "model.head.per=batch"},
      {"model.encoder.noise.dropout=standard"}};
  for (const auto& sets : rows) {
    CAPTURE(&sets - rows.data());
    const auto end = [&](const char* threads) {
      RunOptions options{.sets = sets, .output = folder / "runs", .progress = ProgressMode::none};
      options.sets.push_back(threads);
      const RunResult result = run_experiment(file, options);
      REQUIRE(result.exit_code == 0);
      return Ended(result.folder);
    };
    const Ended one = end("runtime.threads=1");
    check_equal(one, end("runtime.threads=2"));
    check_equal(one, end("runtime.threads=4"));
  }
}

TEST_CASE("another seed changes them") {
  const Bench bench;
  const Ended seven(bench.run({})), eight(bench.run({"seed=8"}));
  CHECK(seven.records != eight.records);
  CHECK(seven.checkpoint.at("model.safetensors") != eight.checkpoint.at("model.safetensors"));
}

TEST_CASE("a run stopped after any step and resumed ends as if it had not stopped") {
  const Bench bench;
  const Ended whole(bench.run({}));
  for (int step = 1; step <= steps; ++step) {
    CAPTURE(step);
    const std::string folder = bench.run({}, step);
    const auto status = nlohmann::json::parse(read_raw(folder + "/status.json"));
    CHECK(status["state"] == "interrupted");
    CHECK(status["resumable"] == true);
    CHECK(status["step"] == step);
    const bool other_threads = step % 10 == 0;  // the rest on one, where small tensors lose no time waiting for each other
    const RunResult result = Bench::resume(folder, {other_threads ? "runtime.threads=2" : "runtime.threads=1"});
    CHECK(result.exit_code == 0);
    CHECK_FALSE(result.nothing_left);
    check_equal(whole, Ended(folder));
    std::filesystem::remove_all(folder);
  }
}

TEST_CASE("a run resumed to a longer duration ends like one that was that long from the start") {
  const Bench bench;
  const std::string constant = "schedule=constant";  // a curve over the whole run would be another curve
  const Ended whole(bench.run({constant, "training.duration=42 steps"}));
  const std::string folder = bench.run({constant, "training.duration=28 steps"});
  CHECK(Bench::resume(folder).nothing_left);
  CHECK_FALSE(Bench::resume(folder, {"training.duration=42 steps"}).nothing_left);
  const Ended longer(folder);
  CHECK(longer.figures == whole.figures);
  CHECK(longer.checkpoint.at("model.safetensors") == whole.checkpoint.at("model.safetensors"));
  CHECK(longer.checkpoint.at("optimizer.safetensors") == whole.checkpoint.at("optimizer.safetensors"));
}
