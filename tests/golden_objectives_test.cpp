// Every training method against PyTorch, value and all parameter gradients: tests/golden/objectives.py computed the numbers, with
// masks, noise and permutations from a second implementation. The direction of an attack is a constant of the gradient on both
// sides. Adding a method: a loss_NAME in objectives.py and rows in its CASES.
#include <iostream>

#include "support/golden_twin.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

const Json& cases() {
  static const Json tree = read_golden("objectives.json");
  return at(tree, "cases");
}

/// f(the case, its twin, a step of the case's number, the expected value) for every case.
template <class F>
void each_case(DType dtype, F f) {
  for (auto& row : cases().items) {
    const std::string name = at(row, "name").string;
    CAPTURE(name);
    GoldenTwin twin(row, dtype);
    const auto* number = row.find("number");
    Step step = twin.step(number ? number->value.integer : 0);
    f(row, twin, step, at(row, "loss").number);
  }
}

}  // namespace

TEST_CASE("loss and every gradient of every method equal PyTorch's") {
  const double limit = 1e-9;
  double worst = 0;
  each_case(DType::f64, [&](const Json& row, GoldenTwin& twin, Step& step, double expected) {
    const double value = twin.config.objective->run(step);
    CHECK(std::abs(value - expected) <= limit * std::abs(expected));
    worst = std::max({worst, std::abs(value / expected - 1), check_gradients(twin.store, at(row, "gradients"), limit)});
  });
  CHECK(cases().items.size() >= 86);
  std::cout << "PyTorch twin, objectives: " << cases().items.size() << " cases, worst relative difference " << worst << " (limit "
            << limit << ")\n";
}

TEST_CASE("the loss of a method as part of another has the same value and gradients") {
  each_case(DType::f64, [&](const Json& row, GoldenTwin& twin, Step& step, double expected) {
    const Tensor loss = twin.config.objective->loss(step);
    CHECK(loss.item() == doctest::Approx(expected).epsilon(1e-12));
    step.backward(loss);
    check_gradients(twin.store, at(row, "gradients"), 1e-9);
  });
}

TEST_CASE("f32 agrees with f64 to rounding") {
  each_case(DType::f32, [&](const Json&, GoldenTwin& twin, Step& step, double expected) {
    const double value = twin.config.objective->run(step);
    CHECK(std::isfinite(value));
    CHECK(std::abs(value - expected) <= 2e-3 * std::abs(expected));
    check_finite_gradients(twin.store);
  });
}
