// Defaults of Op, and the one generic rule that makes fused ops differentiable to any order: replay the reference
// in smaller ops and pull the gradient back through it. Next: sweep.h, cost.cpp.
#include <tapedeck/tape/op.h>

#include <algorithm>
#include <charconv>

#include <tapedeck/base/registry.h>
#include <tapedeck/tape/op_table.h>

#include "scratch_tape.h"
#include "sweep.h"

namespace tapedeck {

Attributes& Attributes::operator()(std::string_view name, double value) {
  char digits[40];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  all.emplace_back(name, std::string(digits, end));
  return *this;
}
Attributes& Attributes::operator()(std::string_view name, int64_t value) {
  all.emplace_back(name, std::to_string(value));
  return *this;
}
Attributes& Attributes::operator()(std::string_view name, bool value) {
  all.emplace_back(name, value ? "true" : "false");
  return *this;
}
Attributes& Attributes::operator()(std::string_view name, std::string_view value) {
  all.emplace_back(name, value);
  return *this;
}

bool Op::backward(In, In, In, Grads) const { return false; }

Tensors Op::reference(In) const { return {}; }

Saves Op::saves() const {
  Saves all;
  for (int i = 0; i < 4; ++i) all.push_back({Save::input, i, "not stated"});
  for (int i = 0; i < 4; ++i) all.push_back({Save::output, i, "not stated"});
  return all;
}

namespace {

/// y = x as a value of its own, so that f(x, x) is not counted twice when it is pulled back through a reference.
struct Alias final : Op {
  std::string_view name() const override { return "alias"; }
  Specs infer(In x) const override { return {{x[0].shape(), x[0].dtype(), 0}}; }
  void forward(In, Out) const override {}
  Tensors vjp(In, In, In dy, Wanted) const override { return {dy[0]}; }
  Saves saves() const override { return {}; }
  Cost cost(In) const override { return {}; }
};

Tensors pull_back(const Op& op, Tape& tape, In x, In dy, Wanted wanted, Order order) {
  const NodeId low = tape.size();
  Tensors inputs, results;
  for (size_t k = 0; k < x.size(); ++k)
    inputs.push_back(!wanted[k] ? x[k] : x[k].on_tape() ? apply(Alias{}, {x[k]}) : tape.leaf(x[k]));
  const Tensors y = op.reference(inputs);
  if (y.empty()) throw Error(ErrorKind::internal, text(op.name(), ": has neither a rule nor a reference"));
  Sweep sweep(tape, low, order, Sweep::LeafGradients::leave);
  for (size_t k = 0; k < x.size(); ++k)
    if (wanted[k]) sweep.want(inputs[k]);
  for (size_t i = 0; i < y.size() && i < dy.size(); ++i)
    if (dy[i] && y[i].on_tape()) sweep.start(y[i], dy[i]);
  sweep.run();
  for (size_t k = 0; k < x.size(); ++k) results.push_back(wanted[k] ? sweep.result(inputs[k]) : Tensor{});
  return results;
}

}  // namespace

Tensors Op::vjp(In x, In, In dy, Wanted wanted) const {
  for (In side : {x, dy})
    for (auto& t : side)
      if (t.on_tape()) return pull_back(*this, *t.place().tape, x, dy, wanted, Order::differentiable);
  ScratchTape scratch;
  Tensors dx = pull_back(*this, *scratch, x, dy, wanted, Order::first);
  for (auto& t : dx) t = t.detach();
  return dx;
}

std::vector<OpEntry>& op_table() {
  static std::vector<OpEntry> table;
  return table;
}
bool add_op(OpEntry entry, const char* file) {
  entry.origin = file;
  for (const OpEntry& other : op_table()) {
    if (other.name != entry.name) continue;
    note_name_clash({"op", entry.name, other.origin, entry.origin});
    return false;
  }
  op_table().push_back(std::move(entry));
  return true;
}

}  // namespace tapedeck
