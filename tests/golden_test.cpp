// The encoder and the first training methods against PyTorch: tests/golden/encoder.py computed the numbers, with masks from a
// second implementation of Philox. f64 must agree to 1e-9 of the largest entry, f32 to 2e-5. Next: golden_objectives_test.cpp.
#include <iostream>

#include "support/golden_twin.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

const Tolerance tolerances[] = {{DType::f64, 1e-9}, {DType::f32, 2e-5}};

}  // namespace

TEST_CASE("logits, loss and every gradient equal PyTorch's") {
  for (auto& [dtype, limit] : tolerances) {
    double worst = 0;
    for (auto& row : at(golden(), "cases").items) {
      const std::string name = at(row, "name").string;
      CAPTURE(name);
      GoldenTwin twin(row, dtype);
      Step first = twin.step();
      const double logits = gap(first.forward().logits.detach(), numbers(at(row, "logits")));
      Step step = twin.step();
      const double value = twin.config.objective->run(step);
      const double expected = at(row, "loss").number;
      CHECK(std::abs(value - expected) <= limit * std::abs(expected));
      CHECK(logits <= limit);
      worst = std::max({worst, logits, std::abs(value / expected - 1)});
      worst = std::max(worst, check_gradients(twin.store, at(row, "gradients"), limit));
    }
    std::cout << "PyTorch twin, " << name_of(dtype) << ": " << at(golden(), "cases").items.size()
              << " cases, worst relative difference " << worst << " (limit " << limit << ")\n";
  }
}

TEST_CASE("objective.loss + backward gives the same gradients as objective.run") {
  for (auto& row : at(golden(), "cases").items) {
    const std::string name = at(row, "name").string;
    CAPTURE(name);
    GoldenTwin run(row, DType::f64), composed(row, DType::f64);
    Step a = run.step(), b = composed.step();
    const double value = run.config.objective->run(a);
    const Tensor loss = composed.config.objective->loss(b);
    CHECK(loss.item() == doctest::Approx(value).epsilon(1e-13));
    b.backward(loss);
    for (size_t i = 0; i < run.store.all().size(); ++i) {
      const Tensor& x = run.store.all()[i].gradient;
      const Tensor& y = composed.store.all()[i].gradient;
      for (int64_t j = 0; j < x.size(); ++j) CHECK(std::abs(x.item(j) - y.item(j)) <= 1e-12);
    }
  }
}

TEST_CASE("ten AdamW steps end where PyTorch's end") {
  for (auto& [dtype, limit] : tolerances) {
    for (auto& row : at(golden(), "cases").items) {
      const auto* adamw = row.find("adamw");
      if (!adamw) continue;
      const std::string name = at(row, "name").string;
      CAPTURE(name);
      GoldenTwin twin(row, dtype);
      twin.config.optimizer->bind(twin.store);
      for (int64_t n = 1; n <= at(adamw->value, "steps").integer; ++n) {
        Step step = twin.step();
        twin.config.objective->run(step);
        twin.config.optimizer->update(1, 1, n);
      }
      for (auto& m : at(adamw->value, "values").members) {
        CAPTURE(m.key);
        // Adam divides by |g|: where PyTorch's own gradient is rounding noise (the keys' bias), the direction is noise as well.
        const bool noise = m.key.ends_with("attention.qkv.bias");
        std::vector<double> want = numbers(m.value);
        Tensor got = twin.store.find(m.key)->value.to(DType::f64);
        if (noise) {
          const size_t third = want.size() / 3;
          for (size_t i = third; i < 2 * third; ++i) got.raw<double>()[i] = want[i];
        }
        CHECK(gap(got, want) <= limit);
      }
    }
  }
}
