// A whole training run in a few kilobytes: a bag of embeddings over twelve tokens, sixty labelled sequences, every part of
// the loop configurable. Why: a run of 40 steps takes milliseconds, so tests can repeat it hundreds of times.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <tapedeck/base/error.h>
#include <tapedeck/ops/fused.h>
#include <tapedeck/train/trainer.h>

#include "tests/support/tasks.h"
#include "tests/support/temp_folder.h"

namespace tapedeck::testing {

/// A part of a registry with options as in an experiment file.
template <class T>
std::unique_ptr<T> configured(std::string_view name, const std::string& options = "{}") {
  auto part = Registry<T>::find(name)->make();
  Diagnostics diagnostics;
  read_fields(*part, parse_json(options, "test"), "test", diagnostics);
  if (!diagnostics.empty()) throw Error(ErrorKind::config, diagnostics.render());
  return part;
}

/// mean over tokens of dropout(embedding) -> dropout -> linear.
struct BagModel final : Model {
  Param table, weight, bias;
  double rate;
  BagModel(Params params, int64_t vocabulary, int64_t width, int64_t outputs, double dropout)
      : table((params / "bag").make("table", {vocabulary, width}, Init::normal(0.5))),
        weight((params / "head").make("weight", {outputs, width}, Init::normal(0.5))),
        bias((params / "head").make("bias", {outputs}, Init::zeros())),
        rate(dropout) {}
  Output forward(Pass& pass) const override {
    Tensor hidden, pooled, logits;
    {
      const Scope scope("bag");
      hidden = pass.site("embedding", embedding_sum(pass(table), pass.batch().tokens));
      hidden = pass.dropout(hidden, rate, Rows::tokens);
      pooled = segment_mean(hidden, pass.batch().offsets);
    }
    const Scope scope("head");
    logits = linear(pass.dropout(pooled, rate, Rows::sequences), pass(weight), pass(bias));
    return {logits, pooled, hidden};
  }
  std::vector<std::string> sites() const override { return {"embedding"}; }
};

/// Sequences of 1 to 6 of 12 tokens; the label says whether low tokens (< 6) are the majority.
inline Dataset majority_data(const std::string& name, int64_t size, uint64_t seed, bool regression = false) {
  Dataset data{name, {}, {"high", "low"}};
  if (regression) data.labels.clear();
  data.task = regression ? make_task("regression") : task_with("classification", data.labels);
  for (int64_t i = 0; i < size; ++i) {
    const Key key = root_key(seed) / name / i;
    Example& e = data.examples.emplace_back();
    const auto length = 1 + random_below(key / "length", 0, 6);
    int low = 0;
    for (uint64_t t = 0; t < length; ++t) {
      e.ids.push_back(int32_t(random_below(key / "token", t, 12)));
      low += e.ids.back() < 6 ? 1 : -1;
    }
    if (regression) e.target = double(low) / double(length);
    else e.label = low > 0;
  }
  return data;
}

/// Hears everything, keeps what must not depend on the clock.
struct Listener : Observer {
  std::vector<StepRecord> steps;
  std::vector<EvaluationRecord> evaluations;
  std::vector<std::string> notes, checkpoints;
  std::function<void(const StepRecord&)> on_step;
  void step(const StepRecord& r) override {
    steps.push_back(r);
    if (on_step) on_step(r);
  }
  void evaluation(const EvaluationRecord& r) override { evaluations.push_back(r); }
  void checkpoint(const std::string& path, int64_t, bool) override { checkpoints.push_back(path); }
  void note(const std::string& line) override { notes.push_back(line); }
};

struct TinyRun {
  ParamStore store;
  std::unique_ptr<Model> model;
  std::unique_ptr<Objective> objective = configured<Objective>("cross_entropy");
  std::unique_ptr<Optimizer> optimizer = configured<Optimizer>("adamw", R"({"lr": 0.05})");
  std::unique_ptr<Schedule> schedule = configured<Schedule>("linear", R"({"warmup": "10%"})");
  Dataset train_data = majority_data("train", 60, 7), validation = majority_data("validation", 20, 7),
          test = majority_data("test", 20, 7);
  TrainingOptions training;
  EvaluationOptions evaluation;
  CheckpointOptions checkpoints;
  Listener listener;
  std::atomic<int> stop{0};
  std::string folder;
  uint64_t seed = 3;

  explicit TinyRun(double dropout = 0.2, DType dtype = DType::f32, int64_t outputs = 2) {
    model = std::make_unique<BagModel>(Params(store), 12, 4, outputs, dropout);
    store.allocate(dtype, root_key(seed) / "init");
    training.duration = {40, Duration::Unit::steps};
    training.batch_size = 8;
    evaluation.every = {10, Duration::Unit::steps};
  }

  TrainSetup setup() {
    return {model.get(), &store,   objective.get(), optimizer.get(), schedule.get(), &train_data,
            &validation, &test,    &training,       &evaluation,     &checkpoints,   seed,
            folder,      "config", "vocabulary",    &listener,       &stop};
  }
  TrainResult run(bool resume = false) { return tapedeck::train(setup(), resume); }
};

/// What `action` throws, as "kind message"; empty when it throws nothing.
template <class Action>
std::string thrown(Action&& action, ErrorKind kind) {
  try {
    action();
  } catch (const Error& e) {
    if (e.kind() != kind) return text("another kind: ", e.what());
    return e.what();
  }
  return {};
}

}  // namespace tapedeck::testing
