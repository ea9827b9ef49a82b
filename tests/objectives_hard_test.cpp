// Training methods where little or nothing is to be had: one example, no label, no gradient, a shift of length 0, rows that are
// all the same, a pattern that matches nothing. What each means is in docs/guide/methods.md; here it is finite and as said there.
#include <doctest/doctest.h>

#include <cmath>

#include <tapedeck/run/run.h>

#include "support/model_fixture.h"
#include "support/temp_folder.h"

using namespace tapedeck;
using namespace tapedeck::test;
using tapedeck::testing::Medium;
using tapedeck::testing::TempFolder;

namespace {

const char* objectives[] = {
    R"("cross_entropy")",
    R"({"type": "r_drop", "alpha": 4})",
    R"({"type": "r_drop", "passes": 3, "pair_pool": "to_mean"})",
    R"({"type": "r_drop", "stop_grad": "both"})",
    R"({"type": "r_drop", "stop_grad": "target"})",
    R"({"type": "fgm"})",
    R"({"type": "fgm", "at": "embedding", "norm": "l1", "scope": "token"})",
    R"({"type": "fgsm"})",
    R"({"type": "pgd"})",
    R"({"type": "pgd", "norm": "linf", "start": 0.1, "train": "adversarial"})",
    R"({"type": "freelb", "start": 0.1})",
    R"({"type": "vat"})",
    R"({"type": "vat", "distance": "hellinger", "at": "encoder.embeddings.word"})",
    R"({"type": "adversarial", "adversary": "random"})",
    R"({"type": "gradient_penalty"})",
    R"({"type": "gradient_penalty", "form": "norm"})",
    R"({"type": "gradient_penalty", "form": "two_sided", "at": "encoder.embeddings.word", "per_sample": false})",
    R"({"type": "smart", "epsilon": 0.1, "start": 0.01})",
    R"({"type": "smart", "epsilon": 1, "scope": "token", "project": "border"})",
    R"({"type": "noise_consistency"})",
    R"({"type": "noise_consistency", "distance": "kl"})",
    R"({"type": "noise_consistency", "distance": "js"})",
    R"({"type": "noise_consistency", "distance": "brier"})",
    R"({"type": "noise_consistency", "stop_grad": "both", "distance": "symmetric_kl"})",
    R"({"type": "r3f"})",
    R"({"type": "entropy"})",
    R"({"type": "mixup"})",
    R"({"type": "mixup", "at": ["pooled"], "alpha": 0.001})",
    R"({"type": "sam"})",
    R"({"type": "sam", "adaptive": true, "train": "both"})",
    R"({"type": "awp"})",
    R"({"type": "periodic", "loss": {"type": "fgm"}, "every": 2})",
    R"({"type": "gradient_penalty", "form": "norm", "loss": {"type": "fgm", "loss": {"type": "r_drop"}}})",
};

void scale(ModelFixture& f, const char* path, double factor) {
  const Tensor value = f.store.find(path)->value;
  value.copy_from(value * factor);
}

const char* const excluded = "a class of logit -inf";

struct Situation {
  const char* name;
  void (*make)(ModelFixture&);
};
const Situation situations[] = {
    {"one example", [](ModelFixture& f) { f.order = {0}; }},
    {"one token",
     [](ModelFixture& f) {
       f.order = {0};
       f.data.examples[0].ids.resize(1);
       f.data.examples[0].segments.resize(1);
     }},
    {"no labels",
     [](ModelFixture& f) {
       f.data.labelled = true;
       for (Example& e : f.data.examples) e.label = -1;
     }},
    {"one label",
     [](ModelFixture& f) {
       for (size_t i = 1; i < f.data.examples.size(); ++i) f.data.examples[i].label = -1;
     }},
    {"rows that are all the same", [](ModelFixture& f) { f.order.assign(6, 2); }},
    {"no gradient below the head", [](ModelFixture& f) { scale(f, "head.weight", 0); }},
    {"no gradient anywhere but in biases",
     [](ModelFixture& f) { f.store.values().copy_from(Tensor::zeros(f.store.values().shape(), f.dtype)); }},
    {"logits of +-1e4", [](ModelFixture& f) { scale(f, "head.weight", 1e5); }},
    {excluded,
     [](ModelFixture& f) {
       for (size_t i = 0; i < f.data.examples.size(); ++i) f.data.examples[i].label = 1 + int32_t(i % 2);
       const Tensor bias = f.store.find("head.bias")->value;
       tapedeck::dispatch(f.dtype, [&](auto tag) { bias.raw<decltype(tag)>()[0] = -decltype(tag)(INFINITY); });
     }},
};
/// Attacks on weights and penalties of them measure a bias of -inf.
bool reads_weights(std::string_view objective) {
  return objective.find("sam") != objective.npos || objective.find("awp") != objective.npos;
}

struct Update {
  double value;
  std::vector<double> gradients;
};
Update update(const std::string& objective, void (*make)(ModelFixture&) = nullptr, DType dtype = DType::f64) {
  ModelFixture f(tiny_model(objective), dtype);
  if (make) make(f);
  Batch b = f.batch();
  b.total_weight = double(b.total_labelled);
  Step s = f.step(b);
  const double value = f.config.objective->run(s);
  return {value, f.gradients()};
}

}  // namespace

TEST_CASE("every method is finite in every hard situation") {
  for (const char* objective : objectives)
    for (const Situation& situation : situations)
      for (DType dtype : {DType::f64, DType::f32}) {
        if (situation.name == excluded && reads_weights(objective)) continue;
        CAPTURE(objective);
        CAPTURE(std::string(situation.name));
        CAPTURE(name_of(dtype));
        const Update u = update(objective, situation.make, dtype);
        CHECK(std::isfinite(u.value));
        CHECK(std::all_of(u.gradients.begin(), u.gradients.end(), [](double g) { return std::isfinite(g); }));
      }
}

TEST_CASE("an attack without length or without a gradient leaves the input as it is") {
  const Update plain = update(R"("cross_entropy")");
  struct Row {
    const char* objective;
    double times;
  };
  const Row rows[] = {
      {R"({"type": "fgm", "epsilon": 0})", 2},
      {R"({"type": "fgm", "epsilon": 0, "train": "adversarial"})", 1},
      {R"({"type": "fgsm", "epsilon": 0})", 1},
      {R"({"type": "pgd", "epsilon": 0, "steps": 2})", 2},
      {R"({"type": "pgd", "step_size": 0, "train": "mean"})", 1},
      {R"({"type": "freelb", "epsilon": 0})", 1},
      {R"({"type": "vat", "epsilon": 0})", 1},
      {R"({"type": "adversarial", "adversary": {"type": "random", "epsilon": 0}, "train": "adversarial"})", 1},
      {R"({"type": "smart", "epsilon": 0})", 1},
      {R"({"type": "smart", "start": 0})", 1},
      {R"({"type": "noise_consistency", "size": 0})", 1},
      {R"({"type": "r3f", "size": 0})", 1},
      {R"({"type": "sam", "rho": 0})", 1},
      {R"({"type": "awp", "gamma": 0})", 1},
      {R"({"type": "awp", "gamma": 0.1, "limit": 0})", 1},
      {R"({"type": "mixup", "share": 1})", 1},
      {R"({"type": "gradient_penalty", "weight": 0})", 1},
      {R"({"type": "entropy", "weight": 0})", 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.objective);
    const Update u = update(row.objective);
    CHECK(u.value == doctest::Approx(row.times * plain.value).epsilon(1e-12));
    std::vector<double> expected = plain.gradients;
    for (double& g : expected) g *= row.times;
    CHECK(gap(u.gradients, expected) < 1e-12);
  }
  const auto no_gradient = [](ModelFixture& f) { scale(f, "head.weight", 0); };
  const Update flat = update(R"("cross_entropy")", no_gradient);
  for (const char* objective : {R"({"type": "fgm", "train": "adversarial", "at": "embedding"})", R"({"type": "fgsm"})",
                                R"({"type": "pgd", "train": "mean"})", R"({"type": "freelb"})", R"({"type": "vat"})"}) {
    CAPTURE(objective);
    const Update u = update(objective, no_gradient);
    CHECK(u.value == doctest::Approx(flat.value).epsilon(1e-12));
    CHECK(gap(u.gradients, flat.gradients) < 1e-12);
  }
}

TEST_CASE("a batch of one: its partner in mixup is itself") {
  const auto one = [](ModelFixture& f) { f.order = {0}; };
  const Update plain = update(R"("cross_entropy")", one), mixed = update(R"({"type": "mixup", "share": 0.3})", one);
  CHECK(mixed.value == doctest::Approx(plain.value).epsilon(1e-12));
  CHECK(gap(mixed.gradients, plain.gradients) < 1e-12);
}

TEST_CASE("names that match nothing are errors before training, with a hint") {
  const char* rows[] = {R"({"type": "fgm", "at": "encoder.embeddings.nowhere"})",
                        R"({"type": "sam", "parameters": ["nowhere.*"]})",
                        R"({"type": "awp", "parameters": ["*.nowhere"]})",
                        R"({"type": "mixup", "at": ["nowhere"]})",
                        R"({"type": "vat", "at": "nowhere"})",
                        R"({"type": "gradient_penalty", "at": "nowhere"})",
                        R"({"type": "noise_consistency", "at": "nowhere"})"};
  const TempFolder folder(Medium::memory);
  for (const char* objective : rows) {
    CAPTURE(objective);
    try {
      run_experiment(
          TAPEDECK_SOURCE_DIR "/configs/smoke/base.json",
          {.sets = {std::string("objective=") + objective}, .output = folder / "runs", .progress = ProgressMode::none});
      FAIL_CHECK("no error");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::config);
      CHECK(std::string(error.what()).find("nowhere") != std::string::npos);
    }
  }
}
