// Every loss against PyTorch: tests/golden/losses.py computed value and gradients. f64 must agree to 1e-9, f32 to 2e-5, and the
// gradient and the gradient's gradient must agree with finite differences of the value and of the gradient.
#include <doctest/doctest.h>

#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include <tapedeck/base/json.h>

#include "support/gradcheck.h"
#include "support/loss_calls.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

const std::vector<Json>& golden_rows() {
  static const Json tree = [] {
    const std::string path = TAPEDECK_SOURCE_DIR "/tests/golden/losses.json";
    std::ifstream file(path);
    std::stringstream content;
    content << file.rdbuf();
    return parse_json(content.str(), path);
  }();
  return tree.find("rows")->value.items;
}
const Json& at(const Json& object, const char* key) {
  const auto* member = object.find(key);
  REQUIRE_MESSAGE(member, "a golden row has no " << key);
  return member->value;
}

Tensor floats(const Json& values, const Shape& shape, DType dtype) {
  Tensor t = Tensor::empty(shape, DType::f64);
  REQUIRE(int64_t(values.items.size()) == t.size());
  for (int64_t i = 0; i < t.size(); ++i) t.raw<double>()[i] = values.items[size_t(i)].number;
  return t.to(dtype);
}
Tensor floats(const Json& entry, DType dtype) {
  Shape shape;
  for (auto& n : at(entry, "shape").items) shape.push(n.integer);
  return floats(at(entry, "values"), shape, dtype);
}

struct Row {
  std::string name;
  const LossCall* call = nullptr;
  Arguments arguments;                    // without the inputs
  std::vector<std::string> names;         // of the inputs
  std::vector<Tensor> inputs, gradients;  // expected gradients, f64
  double value = 0;

  Row(const Json& json, DType dtype) {
    name = at(json, "loss").string + " " + at(json, "name").string + " " + at(json, "options").dump(-1);
    call = find_loss(at(json, "loss").string);
    REQUIRE_MESSAGE(call, "no call for " << name);
    for (auto& m : at(json, "floats").members) {
      names.push_back(m.key);
      inputs.push_back(floats(m.value, dtype));
      gradients.push_back(floats(at(at(json, "gradients"), m.key.c_str()), inputs.back().shape(), DType::f64));
    }
    for (auto& m : at(json, "constants").members) arguments.tensors[m.key] = floats(m.value, dtype);
    for (auto& m : at(json, "integers").members) {
      const Tensor t = Tensor::empty({int64_t(m.value.items.size())}, DType::i32);
      for (int64_t i = 0; i < t.size(); ++i) t.raw<int32_t>()[i] = int32_t(m.value.items[size_t(i)].integer);
      const bool per_cell = inputs[0].shape().rank() == 2 && t.size() == inputs[0].size() && m.key == "positive";
      arguments.tensors[m.key] = per_cell ? t.view(inputs[0].shape()) : t;
    }
    for (auto& m : at(json, "options").members) {
      if (m.key == "reduction") arguments.reduction = m.value.string;
      else arguments.numbers[m.key] = m.value.number;
    }
    value = at(json, "value").number;
  }
  Tensor run(In given) const {
    Arguments all = arguments;
    for (size_t i = 0; i < names.size(); ++i) all.tensors[names[i]] = given[i];
    return call->call(all);
  }
};

Tensors leaves_of(Tape& tape, const Row& row) {
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
      const Row row(json, dtype);
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
    const Row row(json, DType::f64);
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
