// Methods inside methods, from JSON: the gradient of every parameter against finite differences in f64. What a method holds
// constant is off the tape, and the numeric side computes the tape's rows again, so it is constant there too. Which those are,
// golden_objectives_test.cpp settles. Adding one: a row.
#include <doctest/doctest.h>

#include <cmath>
#include <iostream>

#include <tapedeck/check/replay.h>
#include <tapedeck/tasks/task.h>

#include "support/gradcheck.h"
#include "support/model_fixture.h"

using namespace tapedeck;
using tapedeck::test::ModelFixture;
using namespace tapedeck::testing;

namespace {

struct Nest {
  const char *name, *objective;
  int64_t number = 0;
  const char* model = R"("type": "text")";
};
const Nest nests[] = {
    {"R-Drop + FGM", R"({"type": "fgm", "epsilon": 0.3, "loss": {"type": "r_drop"}})"},
    {"R-Drop + label smoothing", R"({"type": "r_drop", "alpha": 2, "loss": {"type": "cross_entropy", "label_smoothing": 0.1}})"},
    {"R-Drop + mixup", R"({"type": "mixup", "share": 0.6, "loss": {"type": "r_drop", "alpha": 2}})"},
    {"R-Drop with GlobalPointer's divergence", R"({"type": "r_drop", "alpha": 2, "distance": "bernoulli"})"},
    {"SimCSE + FGM",
     R"({"type": "fgm", "epsilon": 0.3, "at": "embedding", "scope": "batch", "loss": {"type": "simcse", "temperature": 0.5}})", 0,
     R"("type": "sentence", "projection": "dense")"},
    {"VAT + entropy minimisation", R"({"type": "entropy", "weight": 0.2, "loss": {"type": "vat", "epsilon": 0.5}})"},
    {"VAT with GlobalPointer's divergence", R"({"type": "vat", "epsilon": 0.5, "distance": "bernoulli"})"},
    {"gradient penalty + R-Drop", R"({"type": "gradient_penalty", "weight": 0.3, "loss": {"type": "r_drop"}})"},
    {"labelled loss in VAT's direction, R-Drop inside",
     R"({"type": "adversarial", "adversary": {"type": "vat", "epsilon": 0.5}, "loss": {"type": "r_drop"}})"},
    {"every second update: FreeLB", R"({"type": "periodic", "every": 2, "loss": {"type": "freelb", "start": 0.1}})", 2},
    {"every second update: gradient penalty, R-Drop otherwise",
     R"({"type": "periodic", "every": 2, "loss": {"type": "gradient_penalty"}, "otherwise": {"type": "r_drop"}})", 3},
    {"VAT half way up its ramp + R-Drop",
     R"({"type": "vat", "epsilon": 0.5, "ramp": "8 steps", "loss": {"type": "r_drop", "ramp": "16 steps"}})", 4},
    {"noise at hidden vectors with consistency + R-Drop",
     R"({"type": "noise_consistency", "at": "hidden", "size": 0.2, "loss": {"type": "r_drop"}})"},
    {"noise x Jensen-Shannon around FGM",
     R"({"type": "noise_consistency", "distance": "js", "dropout": "fresh", "loss": {"type": "fgm", "epsilon": 0.3}})"},
    {"SMART + R-Drop", R"({"type": "smart", "epsilon": 0.1, "start": 0.05, "step_size": 0.5, "loss": {"type": "r_drop"}})"},
    {"AWP around PGD",
     R"({"type": "awp", "gamma": 0.1, "loss": {"type": "pgd", "epsilon": 0.5, "steps": 2, "at": "embedding"}})"},
    {"SAM around mixup", R"({"type": "sam", "rho": 0.1, "loss": {"type": "mixup", "share": 0.4, "at": ["pooled"]}})"},
    {"R3F + gradient norm pulled to one",
     R"({"type": "r3f", "size": 0.1, "loss": {"type": "gradient_penalty", "form": "two_sided", "weight": 0.3}})"},
    {"R-Drop on spans + FGM",
     R"({"type": "fgm", "epsilon": 0.3, "loss": {"type": "r_drop", "alpha": 0.3, "distance": "bernoulli", "loss": "global_pointer"}})",
     0, R"("type": "span", "head_size": 4)"},
    {"VAT on spans whose types share queries and keys",
     R"({"type": "vat", "epsilon": 0.5, "loss": {"type": "supervised", "loss": "global_pointer"}})", 0,
     R"("type": "span", "head_size": 4, "efficient": true)"},
    {"circle loss of two passes", R"({"type": "metric_learning", "embedding_loss": {"type": "circle", "scale": 8}})"},
    {"CoSENT: pairs in the order of their numbers",
     R"({"type": "metric_learning", "weight": 1, "embedding_loss": "cosent", "loss": "mse"})"},
    {"FGM around the circle loss",
     R"({"type": "fgm", "epsilon": 0.3, "loss": {"type": "metric_learning", "embedding_loss": {"type": "circle", "scale": 8}}})"},
    {"FGM around FreeLB around VAT's direction",
     R"({"type": "fgm", "epsilon": 0.2, "loss": {"type": "freelb", "steps": 2, "loss": {"type": "adversarial", "adversary": {"type": "vat", "epsilon": 0.3}}}})"},
};

std::string experiment(const Nest& nest) {
  return std::string("{\"model\": {") + nest.model +
         R"(, "encoder": {"type": "transformer", "layers": 1, "width": 4, "heads": 2, "feed_forward": 4, "dropout": 0.2}}, "objective": )" +
         nest.objective + "}";
}

}  // namespace

TEST_CASE("nested methods: every parameter gradient equals finite differences") {
  Gap worst;
  for (const Nest& nest : nests) {
    CAPTURE(nest.name);
    ModelFixture f(experiment(nest));
    f.data.task = task_asking(f.config.objective->task().answer());
    for (size_t i = 0; i < f.data.examples.size(); ++i) {
      Example& e = f.data.examples[i];
      e.target = std::sin(double(i));
      e.spans = {{0, int32_t(e.ids.size()) - 1, int32_t(i % 3)}, {int32_t(e.ids.size()) / 2, int32_t(e.ids.size()) / 2, 1}};
    }
    const Batch b = f.batch();
    Step step(f.tape, *f.model, f.store, f.config.objective->task(), b, root_key(9) / "step" / nest.number, nest.number);
    const Tensor loss = f.config.objective->loss(step), slab = step.grad(loss);
    std::vector<Tensor> values, analytic;
    for (const Parameter& p : f.store.all()) {
      values.push_back(p.value);
      analytic.push_back(f.store.window(slab, p));
    }
    CHECK(replay(f.tape, loss).item() == loss.item());
    const Gap gap = tapedeck::testing::detail::full_gap(values, analytic, [&] { return replay(f.tape, loss).item(); });
    CHECK_MESSAGE(gap.relative < 1e-8, gap.str());
    widen(worst, gap);

    f.zero_gradients();
    Step again(f.tape, *f.model, f.store, f.config.objective->task(), b, root_key(9) / "step" / nest.number, nest.number);
    CHECK(f.config.objective->run(again) == doctest::Approx(loss.item()).epsilon(1e-12));
    CHECK(compare(f.store.gradients(), slab).relative < 1e-11);
  }
  CHECK(std::size(nests) >= 12);
  std::cout << "nested methods: " << std::size(nests) << " combinations, worst gap to finite differences " << worst.relative
            << "\n";
}
