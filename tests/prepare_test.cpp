// An experiment is prepared once: what is loaded, bound, read and built between its path and the first step is counted, and what
// was tried before leaves no trace in the bits. Next: warm_step_test.cpp.
#include <doctest/doctest.h>

#include <tapedeck/run/run.h>

#include "src/train/plan.h"
#include "src/train/step_runner.h"
#include "support/compare.h"
#include "support/experiments.h"
#include "support/temp_folder.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

int64_t reads = 0, builds = 0;

/// The built-in data, counted, with options that may hold ${seed}.
struct CountedReader final : Reader {
  Choice<Reader> inner{"builtin"};
  int64_t number = 0;
  Path folder;
  void describe(Fields& f) override {
    f("inner", inner, "the data");
    f("number", number, "no meaning");
    f("folder", folder, "no meaning");
  }
  Splits read(Key key) const override {
    ++reads;
    return inner->read(key);
  }
  Table read_file(const std::string& path) const override { return inner->read_file(path); }
  std::vector<std::string> files() const override { return inner->files(); }
};
TAPEDECK_PART(Reader, CountedReader, "counted", "Counts how often it reads, for tests.");

struct CountedModel final : ModelSpec {
  Choice<ModelSpec> inner{"text"};
  void describe(Fields& f) override { f("inner", inner, "the model"); }
  TextForm text_form() const override { return inner->text_form(); }
  std::unique_ptr<Model> build(Params params, const ModelInput& input) const override {
    ++builds;
    return inner->build(params, input);
  }
};
TAPEDECK_PART(ModelSpec, CountedModel, "counted", "Counts how often it is built, for tests.");

struct Counts {
  int64_t loads, binds, reads, builds;
  bool operator==(const Counts&) const = default;
};
Counts counts() { return {preparation_counts().loads, preparation_counts().binds, reads, builds}; }
Counts operator-(const Counts& a, const Counts& b) {
  return {a.loads - b.loads, a.binds - b.binds, a.reads - b.reads, a.builds - b.builds};
}
doctest::String toString(const Counts& c) {
  return text(c.loads, " loads, ", c.binds, " binds, ", c.reads, " reads, ", c.builds, " builds").c_str();
}

/// A small experiment of counted parts with further sections and options of the data.
std::string experiment(const std::string& sections, const std::string& options = "") {
  return R"({"name": "counted", "data": {"type": "counted", )" + options +
         R"("inner": {"type": "builtin", "train": 24, "validation": 8, "test": 8}},
             "model": {"type": "counted", "inner": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2}}},
             "training": {"duration": "2 steps", "batch_size": 4}, "runtime": {"threads": 1})" +
         sections + "}";
}

constexpr const char* two_stages =
    R"(, "stages": [{"name": "a"}, {"name": "b", "objective": "r_drop", "optimizer": {"type": "adamw", "lr": 0.1}}])";
const std::string three_seeds = R"(, "seeds": [4, 1, 3])";

}  // namespace

TEST_CASE("one load, one read of the data, one bind and one model for each seed") {
  struct Row {
    const char* what;
    std::string json;
    Counts first_step, end;
  };
  const std::string stages = two_stages;
  const Row rows[] = {
      {"one seed", experiment(""), {1, 1, 1, 1}, {1, 1, 1, 1}},
      {"three seeds", experiment(three_seeds), {1, 1, 1, 1}, {1, 3, 1, 3}},
      {"data of each seed", experiment(three_seeds, R"("number": "${seed}", )"), {1, 1, 1, 1}, {1, 3, 3, 3}},
      {"a folder of each seed", experiment(three_seeds, R"("folder": "of/${seed}", )"), {1, 1, 1, 1}, {1, 3, 3, 3}},
      {"two stages", experiment(stages), {1, 2, 1, 2}, {1, 2, 1, 2}},
      {"two stages of three seeds", experiment(stages + three_seeds), {1, 2, 1, 2}, {1, 6, 1, 6}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const TempFolder folder(Medium::memory);
    write_raw(folder / "experiment.json", row.json);
    const Counts before = counts();
    Counts first_step{};
    RunOptions options{.output = folder / "runs", .progress = ProgressMode::none};
    options.after_step = [&](int64_t) {
      if (first_step == Counts{}) first_step = counts() - before;
    };
    const RunResult result = run_experiment(folder / "experiment.json", options);
    CHECK(result.exit_code == 0);
    CHECK(first_step == row.first_step);
    CHECK(counts() - before == row.end);
    // what the folder says can be run again, seeds and all
    const Counts again = counts();
    CHECK(run_experiment(result.folder + "/resolved.json", {.output = folder / "again", .progress = ProgressMode::none})
              .exit_code == 0);
    CHECK(counts() - again == row.end);
  }
}

TEST_CASE("check and resume prepare once as well") {
  const TempFolder folder(Medium::memory);
  write_raw(folder / "experiment.json", experiment(""));
  Counts before = counts();
  CHECK(check_experiment(folder / "experiment.json", {}).dry_run.steps == 2);
  CHECK(counts() - before == Counts{1, 1, 1, 1});
  const RunResult result =
      run_experiment(folder / "experiment.json", {.output = folder / "runs", .progress = ProgressMode::none});
  before = counts();
  CHECK(resume_run(result.folder, {.sets = {"training.duration=3 steps"}, .progress = ProgressMode::none}).seeds[0].steps == 3);
  CHECK(counts() - before == Counts{1, 1, 1, 1});
}

namespace {

/// Values after three updates.
Tensor after_steps(RunState& run) {
  const TrainSetup setup = setup_of(run);
  StepRunner runner(setup);
  const Plan plan = make_plan(setup);
  ExampleOrder order(setup);
  StepRecord record;
  for (int64_t i = 0; i < 3; ++i) runner.run(order.batch(i, plan.counts), i, 1, record);
  return run.store.values().clone();
}

}  // namespace

TEST_CASE("the run that was tried starts and goes on like one that was not") {
  int files = 0;
  for (const std::string& file : testing::experiments_in(TAPEDECK_SOURCE_DIR "/configs/smoke")) {
    CAPTURE(file);
    ++files;
    Experiment experiment = prepare(file, {"runtime.threads=1"});
    const auto tried = build(experiment, experiment.seeds.front()), fresh = build(experiment, experiment.seeds.front());
    CHECK(same_bits(tried->store.values(), fresh->store.values()));
    CHECK(same_bits(tried->store.gradients(), fresh->store.gradients()));
    CHECK(same_bits(after_steps(*tried), after_steps(*fresh)));
    for (const auto& [name, tensor] : objective_state(setup_of(*fresh)))
      CHECK(same_bits(objective_state(setup_of(*tried)).at(name), tensor));
  }
  CHECK(files >= 25);
}
