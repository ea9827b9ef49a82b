// Averages of the weights: what is measured and kept is the mean, what is trained are the weights. And learning rates by layer.
// Resuming with averages: train_resume_test.cpp.
#include <cmath>

#include <doctest/doctest.h>

#include "src/train/parameter_runs.h"
#include "support/compare.h"
#include "support/tiny_run.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

/// The weights after every update, as the loop left them.
std::vector<std::vector<double>> trained(TinyRun& run) {
  std::vector<std::vector<double>> after;
  run.listener.on_step = [&](const StepRecord&) {
    std::vector<double>& now = after.emplace_back();
    for (int64_t i = 0; i < run.store.values().size(); ++i) now.push_back(run.store.values().item(i));
  };
  run.evaluation.every = {40, Duration::Unit::steps};
  run.run();
  return after;
}

double worst_gap(const Tensor& values, const std::vector<double>& expected) {
  double worst = 0;
  for (int64_t i = 0; i < values.size(); ++i) worst = std::max(worst, std::abs(values.item(i) - expected[size_t(i)]));
  return worst;
}

}  // namespace

TEST_CASE("the run ends with the mean of its weights, and measures that") {
  struct Row {
    const char* name;
    const char* options;
  };
  for (const Row& row : {Row{"ema", R"({"decay": 0.8})"}, Row{"swa", R"({"start": "50%", "every": "4 steps"})"}}) {
    CAPTURE(row.name);
    TinyRun plain(0.2, DType::f64), run(0.2, DType::f64);
    run.training.average.set(row.name, configured<WeightAverage>(row.name, row.options));
    const auto weights = trained(run), untouched = trained(plain);
    CHECK(weights == untouched);  // averaging does not disturb training
    StepCounts counts;
    counts.per_epoch = 8, counts.total = 40;
    std::vector<double> mean = weights[0];
    for (size_t step = 1; step <= weights.size(); ++step) {
      const double share = run.training.average->share(int64_t(step), counts);
      if (step == 1) CHECK(share > 0.8);
      for (size_t i = 0; i < mean.size(); ++i) {
        const double before = step == 1 ? TinyRun(0.2, DType::f64).store.values().item(int64_t(i)) : mean[i];
        mean[i] = before + share * (weights[step - 1][i] - before);
      }
    }
    CHECK(worst_gap(run.store.values(), mean) < 1e-14);
    CHECK(worst_gap(run.store.values(), weights.back()) > 1e-3);
    const Predictions p = predict(*run.model, run.store, run.objective->task(), run.validation, 64);
    CHECK(run.listener.evaluations[0].values.at("loss") == doctest::Approx(p.loss).epsilon(1e-12));
  }
}

TEST_CASE("a checkpoint holds the mean as the model and the weights beside it") {
  const TempFolder folder(Medium::memory);
  TinyRun run;
  run.folder = folder.path();
  run.training.average.set("ema", configured<WeightAverage>("ema", R"({"decay": 0.8})"));
  run.checkpoints.keep.best = 0;
  run.run();
  CHECK(same_bits(load_values(find_checkpoint(folder.path(), "last"), run.store), run.store.values()));
}

TEST_CASE("layer_decay: the lower a layer, the slower it learns") {
  struct Row {
    const char* path;
    double scale;
  };
  for (const Row& row : {Row{"encoder.embeddings.word", 0.125}, Row{"encoder.embeddings.layer_norm.weight", 0.125},
                         Row{"encoder.layers.0.attention.qkv.weight", 0.25}, Row{"encoder.layers.1.feed_forward.in.bias", 0.5},
                         Row{"encoder.layer_norm.weight", 1}, Row{"head.weight", 1}}) {
    CAPTURE(row.path);
    CHECK(layer_scale(row.path, 2, 0.5) == row.scale);
  }
  ParamStore store;
  for (const char* path : {"encoder.embeddings.word", "encoder.layers.0.w", "encoder.layers.1.w", "head.w"})
    Params(store).make(path, {16}, Init::zeros());
  store.allocate(DType::f32, root_key(0));
  const auto adamw = configured<Optimizer>(
      "adamw", R"({"lr": 1, "layer_decay": 0.5, "groups": [{"match": ["encoder.layers.1.*"], "lr_scale": 3}]})");
  const auto runs = parameter_runs(store, *adamw, 0);
  REQUIRE(runs.size() == 4);
  const double rates[] = {0.125, 0.25, 3, 1};
  for (size_t i = 0; i < 4; ++i) CHECK(runs[i].lr == doctest::Approx(rates[i]));
}
