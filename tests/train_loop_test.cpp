// The loop on a run of milliseconds: it learns, cuts batches without changing them, continues to the same bits from every
// step and at every number of threads, keeps the right checkpoints, stops for the right reason and before a bad update.
#include <doctest/doctest.h>

#include <cmath>
#include <iostream>
#include <limits>
#include <set>

#include <tapedeck/ops/ops.h>
#include <tapedeck/train/checkpoint.h>

#include "kernels/parallel.h"
#include "support/compare.h"
#include "support/tiny_run.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

/// One thread unless a test says otherwise: waiting for each other would cost more than these tiny tensors do.
const bool one_thread = (kernels::set_threads(1), true);

/// Every file below a folder and what it holds.
std::map<std::string, std::string> contents(const std::string& folder) {
  std::map<std::string, std::string> all;
  for (auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) all[fs::relative(entry.path(), folder).string()] = read_raw(entry.path().string());
  return all;
}

std::set<std::string> names(const std::string& folder) {
  std::set<std::string> all;
  for (auto& entry : fs::directory_iterator(folder)) all.insert(entry.path().filename().string());
  return all;
}

/// Everything a listener heard that must not depend on the clock.
std::string heard(const Listener& l) {
  std::string out;
  for (auto& r : l.steps) {
    out += text("step ", r.step, " ", r.total_steps, " ", r.epoch, std::hexfloat, " ", r.loss, " ", r.lr, " ", r.grad_norm, std::defaultfloat);
    for (auto& [name, value] : r.reports) out += text(" ", name, "=", std::hexfloat, value);
    out += "\n";
  }
  for (auto& r : l.evaluations) {
    out += text("evaluation ", r.step, " ", r.split, " ", r.best);
    for (auto& [name, value] : r.values) out += text(" ", name, "=", std::hexfloat, value);
    out += "\n";
  }
  return out;
}

/// The same run, with what a test changes.
struct Change { const char* what; std::function<void(TinyRun&)> apply; };

/// Ends a listener's story as if the process had died: the exception leaves no chance to save anything.
struct Killed {};

/// Evaluates to scripted values of "accuracy", whatever the model says.
struct Scripted final : Metric {
  static inline std::vector<double> values;
  static inline size_t next = 0;
  double compute(const Predictions&) const override { return values.at(next++); }
};
TAPEDECK_PART(Metric, Scripted, "scripted", "Values of a list, for tests.");

/// Identity that breaks: infinity at one update, in the forward or in the backward pass.
struct Breaker final : Op {
  bool backwards = false;
  std::string_view name() const override { return "breaker"; }
  Specs infer(In x) const override { return {{x[0].shape(), x[0].dtype()}}; }
  void forward(In x, Out y) const override {
    y[0].copy_from(x[0]);
    if (!backwards) y[0].raw<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  }
  Tensors vjp(In, In, In dy, Wanted) const override {
    const Tensor bad = dy[0].clone();
    bad.raw<float>()[1] = std::numeric_limits<float>::infinity();
    return {bad};
  }
};
struct Broken final : Objective {
  Choice<Loss> inner{"cross_entropy"};
  int64_t at = 0;
  bool backwards = false;
  const Loss& task() const override { return *inner; }
  Tensor loss(Step& step) override {
    View view = step.forward();
    const Scope scope("broken.place");
    Breaker op;
    op.backwards = backwards;
    if (step.number() == at) view.logits = tapedeck::apply(op, {view.logits});
    return step.loss(view);
  }
};

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
      {"weights and an unlabelled example", [](TinyRun& r) {
         r.objective = configured<Objective>("cross_entropy", R"({"class_weights": [0.3, 2], "label_smoothing": 0.1})");
         r.train_data.examples[5].label = -1;
       }},
      {"r_drop", [](TinyRun& r) { r.objective = configured<Objective>("r_drop"); }},
      {"regression", [](TinyRun& r) {
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

TEST_CASE("resume: cut at any of 40 steps, by signal or by death, the run ends in the same bytes") {
  const std::vector<Change> kinds{
      {"adamw", [](TinyRun&) {}},
      {"sgd, cosine, length buckets, r_drop, clipping", [](TinyRun& r) {
         r.optimizer = configured<Optimizer>("sgd", R"({"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01})");
         r.schedule = configured<Schedule>("cosine");
         r.training.sampler.choose("length_buckets");
         r.objective = configured<Objective>("r_drop");
         r.training.clip_grad_norm = 0.2;
         r.evaluation.every = {1, Duration::Unit::epochs};
         r.evaluation.at_start = true;
         r.checkpoints.every = {7, Duration::Unit::steps};
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
        } catch (const Killed&) {
          killed = true;
        }
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
        const std::string story = heard(second.listener), full = heard(whole.listener);
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
      CHECK(heard(run.listener) == story);
    }
    files = contents(folder.path());
    story = heard(run.listener);
  }
  kernels::set_threads(1);
}

TEST_CASE("best and last are kept independently") {
  struct Row { int64_t best, last; std::vector<double> values; std::set<int> kept; int best_step; const char* direction = "max"; double min_change = 0; };
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

TEST_CASE("patience, time and best metrics decide when it ends") {
  struct Row { const char* patience; std::vector<double> values; int64_t steps; const char* reason; };
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

TEST_CASE("a number that is none stops the run before the update, and is traced to parameter, op and place") {
  for (bool backwards : {false, true}) {
    for (int64_t micro : {8, 3}) {
      CAPTURE(backwards);
      CAPTURE(micro);
      const TempFolder folder(Medium::memory);
      TinyRun run;
      run.folder = folder.path();
      auto broken = std::make_unique<Broken>();
      broken->at = 13;
      broken->backwards = backwards;
      run.objective = std::move(broken);
      run.training.micro_batch_size = micro;
      Tensor before;
      run.listener.on_step = [&](const StepRecord& r) { if (r.step == 13) before = run.store.values().clone(); };
      const std::string said = thrown([&] { run.run(); }, ErrorKind::non_finite);
      CAPTURE(said);
      for (const char* part : {"step 14", "op breaker", "broken.place", "bag.table", "optimizer.lr"}) {
        CAPTURE(part);
        CHECK(said.find(part) != said.npos);
      }
      CHECK((said.find("the loss is") != said.npos) == !backwards);
      REQUIRE(before);
      CHECK(same_bits(run.store.values(), before));
      CHECK(find_checkpoint(folder.path(), "last") == folder / "checkpoints/step-000010");
      TinyRun next;
      next.folder = folder.path();
      CHECK(next.run(true).steps == 40);
    }
  }
}

TEST_CASE("weights that overflow are not kept as a checkpoint") {
  const TempFolder folder(Medium::memory);
  TinyRun run;
  run.folder = folder.path();
  run.optimizer = configured<Optimizer>("sgd", R"({"lr": 1e38})");
  run.schedule = configured<Schedule>("constant");
  run.evaluation.every = {1, Duration::Unit::steps};
  CHECK_FALSE(thrown([&] { run.run(); }, ErrorKind::non_finite).empty());
  if (fs::exists(folder / "checkpoints"))
    for (auto& name : names(folder / "checkpoints"))
      if (name.starts_with("step")) load_parameters(folder / "checkpoints/" + name, run.store);
  for (int64_t i = 0; i < run.store.values().size(); ++i)
    if (fs::exists(folder / "checkpoints/last.json")) CHECK(std::isfinite(run.store.values().item(i)));
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
    fs::create_directory(folder / "checkpoints/.step-000040.tmp-1");         // what a killed writer leaves
    auto run = prepare();
    run->run(true);
    REQUIRE(run->listener.notes.size() == 1);
    CHECK(run->listener.notes[0].find("skipping step-000040") != std::string::npos);
    CHECK(run->listener.steps.front().step == 31);
    CHECK(contents(folder.path()) == files);
    CHECK(names(folder / "checkpoints").size() == 5);
  }
  struct Row { const char* says; std::function<void(TinyRun&, TrainSetup&)> change; };
  for (auto& row : std::vector<Row>{{"seed", [](TinyRun&, TrainSetup& s) { s.seed = 4; }},
                                    {"experiment", [](TinyRun&, TrainSetup& s) { s.config_hash = "other"; }},
                                    {"vocabulary", [](TinyRun&, TrainSetup& s) { s.vocabulary_hash = "other"; }},
                                    {"momentum", [](TinyRun& r, TrainSetup& s) {
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

TEST_CASE("settings that contradict each other are refused before the first step") {
  struct Coupled final : Objective {
    Choice<Loss> inner{"cross_entropy"};
    const Loss& task() const override { return *inner; }
    Tensor loss(Step& step) override { return step.loss(step.forward()); }
    bool couples_examples() const override { return true; }
    std::vector<std::string> sites() const override { return {"embedding", "bag.table"}; }
  };
  struct Elsewhere final : Objective {
    Choice<Loss> inner{"cross_entropy"};
    const Loss& task() const override { return *inner; }
    Tensor loss(Step& step) override { return step.loss(step.forward()); }
    std::vector<std::string> sites() const override { return {"embeding"}; }
  };
  struct Row { const char* says; std::function<void(TinyRun&)> change; };
  for (auto& row : std::vector<Row>{
           {"micro_batch_size", [](TinyRun& r) { r.objective = std::make_unique<Coupled>(); r.training.micro_batch_size = 4; }},
           {"did you mean \"embedding\"", [](TinyRun& r) { r.objective = std::make_unique<Elsewhere>(); }},
           {"acuracy", [](TinyRun& r) { r.evaluation.metrics = {"acuracy"}; }},
           {"pearson", [](TinyRun& r) { r.evaluation.best = "pearson"; }},
           {"not even one step", [](TinyRun& r) { r.training.duration = {0, Duration::Unit::steps}; }},
           {"training.duration", [](TinyRun& r) { r.training.duration = {60, Duration::Unit::seconds}; }},
           {"patience", [](TinyRun& r) { r.validation = {}; r.evaluation.patience = {1, Duration::Unit::evaluations}; }},
           {"classes", [](TinyRun& r) { r.objective = configured<Objective>("mse"); }},
           {"no.such", [](TinyRun& r) { r.optimizer = configured<Optimizer>("adamw", R"({"groups": [{"match": ["no.such"]}]})"); }},
       }) {
    CAPTURE(row.says);
    TinyRun run;
    row.change(run);
    const std::string said = thrown([&] { run.run(); }, ErrorKind::config);
    CAPTURE(said);
    CHECK(said.find(row.says) != said.npos);
    CHECK(run.listener.steps.empty());
  }
  TinyRun whole;                                      // the full batch is fine for an objective that couples examples
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
  TinyRun memory;                                     // the best parameters are remembered without a folder, too
  Scripted::values = {.5, .9, .2, .3, .1};
  Scripted::next = 0;
  memory.evaluation.metrics = {"scripted"};
  Tensor best;
  memory.listener.on_step = [&](const StepRecord& r) { if (r.step == 20) best = memory.store.values().clone(); };
  CHECK(memory.run().test.at("step") == 20);
  CHECK(same_bits(memory.store.values(), best));
}

TEST_CASE("rehearsal reports the size of the run") {
  TinyRun run;
  const Rehearsal rehearsal = rehearse(run.setup());
  CHECK(rehearsal.parameters == 12 * 4 + 2 * 4 + 2);
  CHECK(rehearsal.steps == 40);
  CHECK(rehearsal.steps_per_epoch == 8);
  CHECK(rehearsal.seconds_per_step > 0);
  CHECK(rehearsal.peak_bytes > 0);
}
