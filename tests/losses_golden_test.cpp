// Every loss against PyTorch: tests/golden/losses.py computed value and gradients. f64 must agree to 1e-9, f32 to 2e-5, and the
// gradient and the gradient's gradient must agree with finite differences of the value and of the gradient.
#include <doctest/doctest.h>

#include <iostream>
#include <set>

#include "support/gradcheck.h"
#include "support/loss_rows.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

Tensors leaves_of(Tape& tape, const LossRow& row) {
  Tensors leaves;
  for (const Tensor& x : row.inputs) leaves.push_back(tape.leaf(x));
  return leaves;
}

/// sum over inputs of gradient . u, with fixed random u: one number whose derivative is a gradient of the gradient.
Tensor projected(const Tensors& gradients) {
  Tensor total;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const Tensor u = Tensor::normal(gradients[i].shape(), root_key(31) / int(i), 0, 1, gradients[i].dtype());
    const Tensor part = sum(gradients[i] * u);
    total = total ? total + part : part;
  }
  return total;
}

}  // namespace

TEST_CASE("value and gradients equal PyTorch's") {
  struct Tolerance {
    DType dtype;
    double limit;
  };
  for (const auto& [dtype, limit] : {Tolerance{DType::f64, 1e-9}, Tolerance{DType::f32, 2e-5}}) {
    double worst = 0;
    for (const Json& json : golden_rows()) {
      const LossRow row(json, dtype);
      CAPTURE(row.name);
      Tape tape;
      const Tensors leaves = leaves_of(tape, row);
      const Tensor value = row.run(leaves);
      CHECK(value.shape() == Shape{});
      const double off = std::abs(value.item() - row.value) / std::max(1.0, std::abs(row.value));
      CHECK_MESSAGE(off <= limit, value.item() << " is not " << row.value);
      const Tensors g = gradients(value, leaves);
      double scale = 0;
      for (const Tensor& expected : row.gradients) scale = std::max(scale, largest_entry(expected));
      worst = std::max(worst, off);
      for (size_t i = 0; i < g.size(); ++i) {
        const Gap gap = compare(g[i].to(DType::f64), row.gradients[i], scale);
        CHECK_MESSAGE(gap.relative <= limit, row.names[i] << ": " << gap.str());
        worst = std::max(worst, gap.relative);
      }
    }
    std::cout << "losses against PyTorch, " << name_of(dtype) << ": " << golden_rows().size() << " rows, worst difference "
              << worst << " (limit " << limit << ")\n";
  }
}

TEST_CASE("gradients and their gradients equal finite differences") {
  Gap first, second;
  for (const Json& json : golden_rows()) {
    const LossRow row(json, DType::f64);
    if (!row.call->whole_gradient) continue;
    CAPTURE(row.name);
    Tape tape;
    const auto differentiate = [&](auto&& of) {  // gradients of a function of the row's leaves, and its plain value
      tape.clear();
      const Tensors leaves = leaves_of(tape, row);
      return gradients(of(leaves), leaves);
    };
    const auto value = [&](In leaves) { return row.run(leaves); };
    const auto slope = [&](In leaves) { return projected(gradients(row.run(leaves), leaves, Order::differentiable)); };
    const auto number = [&](auto&& of) {
      tape.clear();
      return of(leaves_of(tape, row)).item();
    };
    const Gap one = gradcheck(row.inputs, differentiate(value), [&] { return number(value); });
    CHECK_MESSAGE(one.relative <= 1e-7, "gradient: " << one.str());
    widen(first, one);
    const Gap two = gradcheck(row.inputs, differentiate(slope), [&] { return number(slope); });
    CHECK_MESSAGE(two.relative <= 1e-6, "gradient of the gradient: " << two.str());
    widen(second, two);
  }
  std::cout << "losses against finite differences: gradient " << first.relative << ", gradient of the gradient "
            << second.relative << '\n';
}

TEST_CASE("every loss has a row") {
  std::set<std::string> seen;
  for (const Json& json : golden_rows()) seen.insert(at(json, "loss").string);
  for (const LossCall& call : loss_calls()) CHECK_MESSAGE(seen.contains(call.name), call.name << " is missing in losses.json");
}
