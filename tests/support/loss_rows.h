// The rows of tests/golden/losses.json: every loss with inputs, options, and PyTorch's value and gradients. Next: loss_calls.h.
#pragma once
#include "golden.h"
#include "loss_calls.h"

namespace tapedeck::testing {

inline const std::vector<Json>& golden_rows() {
  static const Json tree = read_golden("losses.json");
  return at(tree, "rows").items;
}

struct LossRow {
  std::string name;
  const LossCall* call = nullptr;
  Arguments arguments;                    // without the inputs
  std::vector<std::string> names;         // of the inputs
  std::vector<Tensor> inputs, gradients;  // expected gradients, f64
  double value = 0;

  LossRow(const Json& json, DType dtype) {
    name = at(json, "loss").string + " " + at(json, "name").string + " " + at(json, "options").dump(-1);
    call = find_loss(at(json, "loss").string);
    REQUIRE_MESSAGE(call, "no call for " << name);
    for (auto& m : at(json, "floats").members) {
      names.push_back(m.key);
      inputs.push_back(floats(m.value, dtype));
      gradients.push_back(floats(at(at(json, "gradients"), m.key), inputs.back().shape(), DType::f64));
    }
    for (auto& m : at(json, "constants").members) arguments.tensors[m.key] = floats(m.value, dtype);
    for (auto& m : at(json, "integers").members) {
      const Tensor t = i32(m.value);
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

}  // namespace tapedeck::testing
