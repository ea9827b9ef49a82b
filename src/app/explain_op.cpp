// What there is to say about an op. Everything is asked of the op itself, on the first of its cases: a description that is
// computed cannot be out of date. Next: command_explain.cpp.
#include <fmt/core.h>

#include <tapedeck/base/words.h>
#include <tapedeck/check/check_op.h>
#include <tapedeck/ops/ops.h>
#include <tapedeck/tape/tape.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

std::string type_of(const Tensor& t) { return t ? fmt::format("{}{}", name_of(t.dtype()), t.shape().str()) : "-"; }

/// "%3 f32[2,4] = softmax(%1, p=0.1)" for the rows from `begin` on.
std::string steps_text(const Tape& tape, NodeId begin, NodeId end) {
  std::string out;
  for (NodeId i = begin; i < end; ++i) {
    const Node& node = tape.node(i);
    std::vector<std::string> results, given;
    for (size_t k = 0; k < node.out.size(); ++k) results.push_back(fmt::format("%{} {}", node.first + k, type_of(node.out[k])));
    for (const Tensor& t : node.in) given.push_back(t.on_tape() ? fmt::format("%{}", t.place().value) : type_of(t));
    Attributes attributes;
    if (node.op) node.op->attributes(attributes);
    for (const auto& [name, value] : attributes.all) given.push_back(name + "=" + value);
    out += fmt::format("  {} = {}({})\n", join(results), node.op ? node.op->name() : "leaf", join(given));
  }
  return out;
}

/// Inputs of a case as leaves of a tape, and what the call made of them.
struct Example {
  Tape tape;
  Tensors inputs, leaves, outputs;
  NodeId after = 0;  // the first row that is not the call's

  explicit Example(const OpCase& row) {
    for (const Tensor& x : row.inputs) {
      inputs.push_back(is_floating(x.dtype()) ? tape.leaf(x) : x);
      if (is_floating(x.dtype())) leaves.push_back(inputs[inputs.size() - 1]);
    }
    outputs = row.call(inputs);
    after = tape.size();
  }
  const Node* row_of(std::string_view op) const {
    for (NodeId i = 0; i < after; ++i)
      if (tape.node(i).op && tape.node(i).op->name() == op) return &tape.node(i);
    return nullptr;
  }
};

std::string reference_text(const Node& node) {
  Tape tape;
  Tensors x;
  for (const Tensor& t : node.in) x.push_back(t && is_floating(t.dtype()) ? tape.leaf(t.detach()) : t);
  node.op->reference(x);
  return "\nthe same mathematics in smaller ops (its reference)\n" + steps_text(tape, 0, tape.size());
}

/// The sweep as it is recorded for second derivatives: seeded at the op's first floating output.
std::string backward_text(Example& example) {
  for (const Tensor& y : example.outputs) {
    if (!y.on_tape()) continue;
    gradients(y, example.leaves, Order::differentiable, Tensor::full(y.shape(), 1, y.dtype()));
    return example.tape.size() == example.after ? ""
                                                : "\nbackward in ops, as a differentiable sweep records it\n" +
                                                      steps_text(example.tape, example.after, example.tape.size());
  }
  return "\nnot differentiable\n";
}

/// With its cost when every gradient is asked for.
std::string backward_way(const Node& node) {
  if (!node.traits.differentiable) return "none";
  if (!node.traits.has_backward) return "its rule in ops";
  Tensors x, dy;
  for (const Tensor& t : node.in) x.push_back(t.detach());
  const size_t outputs = node.traits.has_reference ? node.op->reference(x).size() : node.out.size();
  Few<Grad, max_inputs> dx;
  for (size_t k = 0; k < node.out.size(); ++k)
    dy.push_back(k < outputs && is_floating(node.out[k].dtype()) ? node.out[k] : Tensor());
  for (const Tensor& t : x) dx.push_back({t, is_floating(t.dtype()), false});
  const Cost cost = node.op->backward_cost(x, node.out, dy, dx);
  return fmt::format("a kernel of its own, first order; {:.0f} flops, {:.0f} bytes", cost.flops, cost.bytes);
}

std::string saves_text(const Node& node) {
  std::string out = "\nkept for backward\n";
  const Saves saves = node.op->saves();
  for (const Save& save : saves)
    out += fmt::format("  {} {}: {}\n", save.kind == Save::input ? "input" : "output", save.index, save.why);
  return saves.empty() ? out + "  nothing\n" : out;
}

}  // namespace

std::string explain_op(const OpEntry& op) {
  const std::vector<OpCase> cases = op.cases(DType::f32);
  std::string out = fmt::format("op {}\n  {}\n", op.name, op.doc);
  if (!cases.empty()) {
    Example example(cases.front());
    out += fmt::format("\nexample: the case \"{}\"\n{}", cases.front().name, steps_text(example.tape, 0, example.after));
    if (const Node* node = example.row_of(op.name)) {
      const Cost cost = node->op->cost(node->in);
      out += fmt::format("\ncost there: {:.0f} flops, {:.0f} bytes\nbackward: {}\n", cost.flops, cost.bytes, backward_way(*node));
      if (node->traits.differentiable) out += saves_text(*node);
      if (node->traits.has_reference) out += reference_text(*node);
    }
    out += backward_text(example);
  }
  out += fmt::format("\nchecks: tapedeck gradcheck {}, on\n", op.name);
  for (const OpCase& row : cases) {
    std::vector<std::string> types;
    for (const Tensor& input : row.inputs) types.push_back(type_of(input));
    out += fmt::format("  {:<28} {}\n", row.name, join(types));
  }
  return out;
}

}  // namespace tapedeck::app
