// The loop on a run of milliseconds: it learns, cuts batches without changing them, stops for the right reason, and refuses
// settings that contradict each other. Next: train_resume_test.cpp.
#include <doctest/doctest.h>

#include <cmath>

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

/// Evaluates to scripted values of "accuracy", whatever the model says.
struct Scripted final : Metric {
  static inline std::vector<double> values;
  static inline size_t next = 0;
  double compute(const Predictions&) const override { return values.at(next++); }
};
TAPEDECK_PART(Metric, Scripted, "scripted", "Values of a list, for tests.");

}  // namespace

TEST_CASE("the loop learns, and its result says what it did") {
  const TempFolder folder(Medium::memory);
  TinyRun run(0.0);
  run.folder = folder.path();
  run.train_data = majority_data("train", 240, 7);
  run.training.duration = {5, Duration::Unit::epochs};
  run.evaluation.every = {1, Duration::Unit::epochs};
  const TrainResult result = run.run();
  CHECK(result.stop_reason == "duration");
  CHECK(result.steps == 150);
  CHECK(result.epochs == 5);
  CHECK(result.last.at("step") == 150);
  CHECK(result.best.at("accuracy") >= 0.9);
  CHECK(result.test.at("accuracy") >= 0.85);
  CHECK(result.test.at("step") == result.best.at("step"));
  CHECK(run.listener.evaluations.size() == 6);
  CHECK(run.listener.evaluations.back().split == "test");
  CHECK(run.listener.steps.size() == 150);
  CHECK(run.listener.steps.front().loss > 2 * run.listener.steps.back().loss);
  CHECK(run.listener.steps[0].lr == 0);
  CHECK(run.listener.steps[15].lr == 0.05);
  TinyRun loaded(0.0);
  load_parameters(find_checkpoint(folder.path(), "best"), loaded.store);
  CHECK(same_bits(loaded.store.values(), run.store.values()));
}

TEST_CASE("micro-batches are the same update as the full batch, dropout and class weights included") {
  const std::vector<Change> objectives{
      {"cross_entropy", [](TinyRun&) {}},
      {"weights and an unlabelled example",
       [](TinyRun& r) {
         r.objective = configured<Objective>("cross_entropy", R"({"class_weights": [0.3, 2], "label_smoothing": 0.1})");
         r.train_data.examples[5].label = -1;
       }},
      {"r_drop", [](TinyRun& r) { r.objective = configured<Objective>("r_drop"); }},
      {"regression",
       [](TinyRun& r) {
         r.objective = configured<Objective>("mse");
         r.train_data = majority_data("train", 60, 7, true);
         r.validation = majority_data("validation", 20, 7, true);
         r.test = {};
       }},
  };
  for (auto& change : objectives) {
    CAPTURE(change.what);
    const int64_t outputs = std::string(change.what) == "regression" ? 1 : 2;
    const auto trained = [&](std::optional<int64_t> micro) {
      auto run = std::make_unique<TinyRun>(0.3, DType::f64, outputs);
      change.apply(*run);
      run->training.micro_batch_size = micro;
      run->training.clip_grad_norm = 0.5;
      run->run();
      return run;
    };
    const auto whole = trained({});
    for (int64_t micro : {1, 3, 4, 100}) {
      CAPTURE(micro);
      const auto cut = trained(micro);
      const Gap gap = compare(cut->store.values(), whole->store.values());
      INFO(gap.str());
      CHECK(gap.relative < 1e-12);
      for (size_t i = 0; i < 40; ++i) {
        CHECK(cut->listener.steps[i].loss == doctest::Approx(whole->listener.steps[i].loss).epsilon(1e-10));
        for (auto& [name, value] : whole->listener.steps[i].reports)
          CHECK(cut->listener.steps[i].reports.at(name) == doctest::Approx(value).epsilon(1e-9));
      }
    }
  }
}

TEST_CASE("patience, time and best metrics decide when it ends") {
  struct Row {
    const char* patience;
    std::vector<double> values;
    int64_t steps;
    const char* reason;
  };
  for (auto& row : std::vector<Row>{{"2 evaluations", {.5, .4, .3, .9}, 30, "patience"},
                                    {"2 evaluations", {.5, .4, .6, .9}, 40, "duration"},
                                    {"3 evaluations", {.5, .5, .5, .5}, 40, "patience"},
                                    {"1 evaluation", {.5, .6, .7, .8}, 40, "duration"},
                                    {"20 steps", {.5, .4, .3, .9}, 30, "patience"},
                                    {"2.5 epochs", {.5, .4, .3, .9}, 30, "patience"},
                                    {"15 steps", {.5, .6, .7, .7}, 40, "duration"}}) {
    CAPTURE(row.patience);
    CAPTURE(row.values);
    TinyRun run;
    run.evaluation.metrics = {"accuracy"};
    run.evaluation.best = "validation/scripted";
    run.evaluation.patience = *Duration::parse(row.patience);
    run.test = {};
    Scripted::values = row.values;
    Scripted::next = 0;
    const TrainResult result = run.run();
    CHECK(result.stop_reason == row.reason);
    CHECK(result.steps == row.steps);
    CHECK(result.last.count("accuracy") == 1);
    CHECK(result.last.at("scripted") == row.values[size_t(row.steps / 10 - 1)]);
  }
  TinyRun run;
  run.training.time_limit = {0.0, Duration::Unit::seconds};
  const TempFolder folder(Medium::memory);
  run.folder = folder.path();
  const TrainResult result = run.run();
  CHECK(result.stop_reason == "time_limit");
  CHECK(result.steps == 0);
  CHECK(result.last.at("step") == 0);
  CHECK(result.test.count("accuracy") == 1);
}

TEST_CASE("settings that contradict each other are refused before the first step") {
  struct Coupled final : Objective {
    Choice<Loss> inner{"cross_entropy"};
    const Loss& task() const override { return *inner; }
    Tensor loss(Step& step) override { return step.loss(step.forward()); }
    bool couples_examples() const override { return true; }
    bool second_order() const override { return true; }
    std::vector<std::string> sites() const override { return {"embedding", "bag.table"}; }
  };
  struct Elsewhere final : Objective {
    Choice<Loss> inner{"cross_entropy"};
    const Loss& task() const override { return *inner; }
    Tensor loss(Step& step) override { return step.loss(step.forward()); }
    std::vector<std::string> sites() const override { return {"embeding"}; }
  };
  struct Row {
    const char* says;
    std::function<void(TinyRun&)> change;
  };
  for (auto& row : std::vector<Row>{
           {"micro_batch_size",
            [](TinyRun& r) {
              r.objective = std::make_unique<Coupled>();
              r.training.micro_batch_size = 4;
            }},
           {"did you mean \"embedding\"", [](TinyRun& r) { r.objective = std::make_unique<Elsewhere>(); }},
           {"acuracy", [](TinyRun& r) { r.evaluation.metrics = {"acuracy"}; }},
           {"pearson", [](TinyRun& r) { r.evaluation.best = "pearson"; }},
           {"not even one step",
            [](TinyRun& r) {
              r.training.duration = {0, Duration::Unit::steps};
            }},
           {"training.duration",
            [](TinyRun& r) {
              r.training.duration = {60, Duration::Unit::seconds};
            }},
           {"patience",
            [](TinyRun& r) {
              r.validation = {};
              r.evaluation.patience = {1, Duration::Unit::evaluations};
            }},
           {"classes", [](TinyRun& r) { r.objective = configured<Objective>("mse"); }},
           {"no.such",
            [](TinyRun& r) { r.optimizer = configured<Optimizer>("adamw", R"({"groups": [{"match": ["no.such"]}]})"); }},
       }) {
    CAPTURE(row.says);
    TinyRun run;
    row.change(run);
    const std::string said = thrown([&] { run.run(); }, ErrorKind::config);
    CAPTURE(said);
    CHECK(said.find(row.says) != said.npos);
    CHECK(run.listener.steps.empty());
  }
  TinyRun whole;  // the full batch is fine for an objective that couples examples
  whole.objective = std::make_unique<Coupled>();
  whole.training.micro_batch_size = 8;
  CHECK(whole.run().steps == 40);
  TinyRun empty;
  empty.train_data.examples.clear();
  CHECK_FALSE(thrown([&] { empty.run(); }, ErrorKind::data).empty());
}

TEST_CASE("a run without validation, labels or a folder still ends well") {
  TinyRun run;
  run.validation = {};
  for (auto& e : run.test.examples) e.label = -1;
  const TrainResult result = run.run();
  CHECK(result.steps == 40);
  CHECK(result.best.empty());
  CHECK(result.last.empty());
  CHECK(result.test.empty());
  CHECK(run.listener.notes.size() == 1);
  TinyRun memory;  // the best parameters are remembered without a folder, too
  Scripted::values = {.5, .9, .2, .3, .1};
  Scripted::next = 0;
  memory.evaluation.metrics = {"scripted"};
  Tensor best;
  memory.listener.on_step = [&](const StepRecord& r) {
    if (r.step == 20) best = memory.store.values().clone();
  };
  CHECK(memory.run().test.at("step") == 20);
  CHECK(same_bits(memory.store.values(), best));
}

TEST_CASE("dry_run reports the size of the run") {
  TinyRun run;
  const DryRun size = dry_run(run.setup());
  CHECK(size.parameters == 12 * 4 + 2 * 4 + 2);
  CHECK(size.steps == 40);
  CHECK(size.steps_per_epoch == 8);
  CHECK(size.seconds_per_step > 0);
  CHECK(total(size.memory.peak) > 0);
}
