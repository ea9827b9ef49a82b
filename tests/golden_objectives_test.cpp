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

int64_t number_of(const Json& row) {
  const auto* number = row.find("number");
  return number ? number->value.integer : 0;
}

}  // namespace

TEST_CASE("loss and every gradient of every method equal PyTorch's") {
  const double limit = 1e-9;
  double worst = 0;
  for (auto& row : cases().items) {
    const std::string name = at(row, "name").string;
    CAPTURE(name);
    GoldenTwin twin(row, DType::f64);
    Step step = twin.step(number_of(row));
    const double value = twin.config.objective->run(step), expected = at(row, "loss").number;
    CHECK(std::abs(value - expected) <= limit * std::abs(expected));
    worst = std::max({worst, std::abs(value / expected - 1), check_gradients(twin.store, at(row, "gradients"), limit)});
  }
  CHECK(cases().items.size() >= 86);
  std::cout << "PyTorch twin, objectives: " << cases().items.size() << " cases, worst relative difference " << worst << " (limit " << limit << ")\n";
}

TEST_CASE("the loss of a method as part of another has the same value and gradients") {
  for (auto& row : cases().items) {
    const std::string name = at(row, "name").string;
    CAPTURE(name);
    GoldenTwin twin(row, DType::f64);
    Step step = twin.step(number_of(row));
    const Tensor loss = twin.config.objective->loss(step);
    CHECK(loss.item() == doctest::Approx(at(row, "loss").number).epsilon(1e-12));
    step.backward(loss);
    check_gradients(twin.store, at(row, "gradients"), 1e-9);
  }
}

TEST_CASE("f32 agrees with f64 to rounding") {
  for (auto& row : cases().items) {
    const std::string name = at(row, "name").string;
    CAPTURE(name);
    GoldenTwin twin(row, DType::f32);
    Step step = twin.step(number_of(row));
    const double value = twin.config.objective->run(step), expected = at(row, "loss").number;
    CHECK(std::isfinite(value));
    CHECK(std::abs(value - expected) <= 2e-3 * std::abs(expected));
    for (auto& p : twin.store.all()) for (int64_t i = 0; i < p.gradient.size(); ++i) CHECK(std::isfinite(p.gradient.item(i)));
  }
}
