// What recordings are made of in tests: rows of every op, every loss, three models. Each runs forward and is then differentiated,
// and its derivatives again, to the order that is asked for. Next: tests/look_faithful_test.cpp.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include <tapedeck/ops/ops.h>
#include <tapedeck/tape/op_table.h>

#include "look_models.h"
#include "loss_rows.h"

namespace tapedeck::testing {

struct Subject {
  std::string name, op;  // op: that must be among the records; "" for losses and models
  int orders;
  std::function<void(int order)> run;
};

/// All floating inputs as leaves, a number made of what the call returns, and its gradients up to the given order, of the sum of
/// squares of the one before. Ends early where nothing is left to differentiate.
inline void differentiate(const std::vector<Tensor>& inputs, const std::function<Tensors(In)>& call, int order) {
  Tape tape;
  Tensors leaves, wanted;
  for (auto& x : inputs) leaves.push_back(is_floating(x.dtype()) ? tape.leaf(x) : x);
  for (auto& x : leaves)
    if (x.on_tape()) wanted.push_back(x);
  const auto squares = [](const Tensors& all) {
    Tensor total;
    for (auto& y : all)
      if (y && y.on_tape() && is_floating(y.dtype())) total = total ? total + sum(square(y)) : sum(square(y));
    return total;
  };
  Tensor total = squares(call(leaves));
  for (int k = 1; k <= order && total; ++k)
    total = squares(gradients(total, wanted, k < order ? Order::differentiable : Order::first));
}

/// The first rows of every op to the third order, the first row of every loss to the second, a step of each model to the second.
inline std::vector<Subject> look_subjects(size_t rows_of_an_op = 3) {
  std::vector<Subject> all;
  for (const OpEntry& entry : op_table()) {
    const std::vector<OpCase> rows = entry.cases(DType::f32);
    for (size_t k = 0; k < rows.size() && k < rows_of_an_op; ++k)
      all.push_back({entry.name + ", " + rows[k].name, entry.name, 3, [row = rows[k]](int order) {
                       try {
                         differentiate(row.inputs, row.call, order);
                       } catch (const Error&) {  // not differentiable so often
                       }
                     }});
  }
  std::string last;
  for (const Json& json : golden_rows()) {
    const LossRow row(json, DType::f32);
    if (std::string(row.call->name) == last) continue;
    last = row.call->name;
    all.push_back({row.name, "", 2, [row](int order) {
                     differentiate(
                         row.inputs, [&](In x) { return Tensors{row.run(x)}; }, order);
                   }});
  }
  for (const char* model : look_models)
    all.push_back({model, "", 2, [model](int order) {
                     test::ModelFixture f(look_model(model, order), DType::f32);
                     f.zero_gradients();
                     run_step(f);
                   }});
  return all;
}

}  // namespace tapedeck::testing
