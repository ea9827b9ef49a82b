// A row of the op table in one dtype, and one play of it: inputs on a tape, the call, a scalar loss on top. The eleven
// checks are made of plays and of the rows that the op left on the tape. Next: op_checks.h.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <tapedeck/ops/ops.h>
#include <tapedeck/tape/op_table.h>
#include <tapedeck/tensor/compare.h>

namespace tapedeck::testing {

struct OpRow {
  std::string op;
  DType dtype;
  const OpCase* row;
  const OpCase* twin;  // the same row in the other floating dtype
  std::string label() const { return text(op, " [", row->name, "] ", name_of(dtype)); }
  /// Loosest relative gap between two f32 ways (or two f64 ways) of computing the same thing.
  double tolerance() const { return row->scale * (dtype == DType::f64 ? 1e-11 : 2e-5); }
};

/// Every op name seen on any tape of these checks: each must have an entry in the table.
inline std::set<std::string, std::less<>> recorded_ops;

inline Tensor random_like(const Tensor& t, std::string_view what, int k) {
  return Tensor::normal(t.shape(), root_key(11) / what / k, 0, 1).to(t.dtype());  // equal numbers in f32 and f64
}

/// sum_k <r_k, y_k> + 1/2 <y_k, y_k> over the floating outputs, r_k random: its gradient in y depends on y, so that second
/// derivatives see how the rule uses both the values and the gradient handed down. Undefined without such outputs.
inline Tensor loss_of(In outputs) {
  Tensor loss;
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!outputs[k] || !is_floating(outputs[k].dtype())) continue;
    const Tensor part = sum(outputs[k] * random_like(outputs[k], "projection", int(k))) + sum(square(outputs[k])) * 0.5;
    loss = loss ? loss + part : part;
  }
  return loss;
}

/// One play: floating inputs become leaves of a fresh tape, the call runs, the loss stands on top.
struct Play {
  Tape tape;
  Tensors inputs, outputs;
  Tensor loss;
  NodeId end_of_call = 0;  // rows above belong to the loss

  Play(const OpCase& row, In x) {
    for (const Tensor& t : x) inputs.push_back(is_floating(t.dtype()) ? tape.leaf(t) : t);
    outputs = row.call(inputs);
    end_of_call = tape.size();
    loss = loss_of(outputs);
  }
  ~Play() {
    for (NodeId i = 0; i < tape.size(); ++i)
      if (tape.node(i).op && !recorded_ops.contains(tape.node(i).op->name())) recorded_ops.emplace(tape.node(i).op->name());
  }
  bool differentiable() const { return loss && loss.on_tape(); }
  Tensors leaves() const {
    Tensors t;
    for (const Tensor& x : inputs)
      if (x.on_tape()) t.push_back(x);
    return t;
  }
  /// One gradient per input; undefined for integers.
  Tensors spread(const Tensors& of_leaves) const {
    Tensors g;
    g.resize(inputs.size());
    for (size_t k = 0, leaf = 0; k < inputs.size(); ++k)
      if (inputs[k].on_tape()) g[k] = of_leaves[leaf++];
    return g;
  }
  Tensors gradients(Order order = Order::first) const { return spread(tapedeck::gradients(loss, leaves(), order)); }
  /// The rows that the op under test left on the tape.
  std::vector<const Node*> rows_of(std::string_view op) const {
    std::vector<const Node*> rows;
    for (NodeId i = 0; i < tape.size(); ++i)
      if (tape.node(i).op && tape.node(i).op->name() == op) rows.push_back(&tape.node(i));
    return rows;
  }
};

/// Own copies off the tape, so that a check may overwrite them.
inline Tensors copies(In x) {
  Tensors own;
  for (const Tensor& t : x) own.push_back(t ? t.clone() : t);
  return own;
}
inline Tensors detached(In x) {
  Tensors off;
  for (const Tensor& t : x) off.push_back(t ? t.detach() : t);
  return off;
}
inline Tensors converted(In x, DType dtype) {
  Tensors own;
  for (const Tensor& t : x) own.push_back(is_floating(t.dtype()) ? t.to(dtype) : t);
  return own;
}

/// How many leading outputs carry gradients: those of the reference, else the floating ones.
inline size_t differentiable_outputs(const Node& node) {
  if (node.traits.has_reference) return node.op->reference(detached(node.in)).size();
  size_t n = 0;
  while (n < node.out.size() && is_floating(node.out[n].dtype())) ++n;
  return n;
}

/// Random gradients of the differentiable outputs; only >= 0 leaves the others undefined.
inline Tensors output_gradients(const Node& node, int only = -1) {
  Tensors dy;
  dy.resize(node.out.size());
  for (size_t k = 0; k < differentiable_outputs(node); ++k)
    if (only < 0 || size_t(only) == k) dy[k] = random_like(node.out[k], "output gradient", int(k));
  return dy;
}

struct WantedInputs {
  bool flags[max_inputs] = {};
  size_t count = 0;
  WantedInputs(In x, int only = -1) : count(x.size()) {
    for (size_t k = 0; k < count; ++k) flags[k] = x[k] && is_floating(x[k].dtype()) && (only < 0 || size_t(only) == k);
  }
  operator Wanted() const { return {flags, count}; }
};

/// The backward kernel into fresh buffers (NaN before, or `start` when accumulating); nothing when the op has none.
inline std::optional<Tensors> kernel_gradients(const Node& node, In in, In out, In dy, Wanted wanted, In start = {}) {
  if (!node.traits.has_backward) return {};
  Few<Grad, max_inputs> dx;
  for (size_t k = 0; k < in.size(); ++k) {
    Grad g;
    g.wanted = wanted[k];
    g.accumulate = g.wanted && !start.empty();
    if (g.wanted) g.into = g.accumulate ? start[k].clone() : Tensor::empty(in[k].shape(), in[k].dtype());
    if (g.wanted && !g.accumulate) poison(g.into);
    dx.push_back(g);
  }
  Tensors up;  // nobody else's, which a kernel may write over, or (accumulating) shared
  for (auto& t : dy) up.push_back(t && start.empty() ? t.clone() : t);
  if (!node.op->backward(in, out, up, dx)) return {};
  Tensors result;
  for (const Grad& g : dx) result.push_back(g.into);
  return result;
}

/// What a first-order sweep computes at this row: the kernel, or the rule where there is none.
inline Tensors first_order(const Node& node, In in, In out, In dy, Wanted wanted) {
  if (auto kernel = kernel_gradients(node, in, out, dy, wanted)) return *kernel;
  return detached(node.op->vjp(in, out, dy, wanted));
}

}  // namespace tapedeck::testing
