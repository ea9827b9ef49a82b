// What an op costs when it does not say so itself: a fused op what its reference costs, which is run on shapes alone, forward and
// down again; backward of any other op what its rule costs (docs/decisions/0014-flops-of-the-reference.md). Next: op.cpp.
#include <algorithm>
#include <vector>

#include <tapedeck/tape/listen.h>

#include "scratch_tape.h"

namespace tapedeck {
namespace {

double bytes_of(const Tensor& t) { return t ? double(t.size()) * double(size_of(t.dtype())) : 0; }

/// A tape whose rows have shapes and no elements; what is given keeps those it has.
struct Rows {
  ShapesOnly shapes;
  ScratchTape scratch;
  Tape& tape = *scratch;

  Tensors leaves(In x) {
    Tensors on_tape;
    for (const Tensor& t : x) on_tape.push_back(t && is_floating(t.dtype()) ? tape.leaf(t) : t);
    return on_tape;
  }
};
struct ReferenceRows : Rows {
  Tensors inputs, outputs;
  ReferenceRows(const Op& op, In x) : inputs(leaves(x)), outputs(op.reference(inputs)) {}
};

double flops_of_rows(const Tape& tape) {
  double flops = 0;
  for (NodeId i = 0; i < tape.size(); ++i) flops += tape.node(i).op->cost(tape.node(i).in).flops;
  return flops;
}

double rule_flops(const Op& op, In x, In y, In dy, Asked dx) {
  Rows rows;
  Few<bool, max_inputs> wanted;
  double added = 0;
  for (const Grad& g : dx) {
    wanted.push_back(g.wanted);
    if (g.wanted && g.accumulate) added += double(g.into.size());
  }
  op.vjp(rows.leaves(x), rows.leaves(y), rows.leaves(dy), wanted);
  return flops_of_rows(rows.tape) + added;
}

}  // namespace

ShapesOnly::ShapesOnly() : before_(on_), listener_(tape_listener) {
  on_ = true;
  tape_listener = nullptr;
}
ShapesOnly::~ShapesOnly() {
  on_ = before_;
  tape_listener = listener_;
}

double Op::bytes_moved(In x) const {
  double bytes = 0;
  for (const Tensor& t : x) bytes += bytes_of(t);
  for (const Spec& s : infer(x)) bytes += double(s.shape.size()) * double(size_of(s.dtype));
  return bytes;
}

double Op::bytes_moved(In x, In y, In dy, Asked dx) const {
  double bytes = 0;
  for (const Grad& g : dx)
    if (g.wanted) bytes += bytes_of(g.into) * (g.accumulate ? 2 : 1);
  for (const Tensor& t : dy) bytes += bytes_of(t);
  for (const Save& save : saves()) {
    const In side = save.kind == Save::input ? x : y;
    if (size_t(save.index) < side.size()) bytes += bytes_of(side[size_t(save.index)]);
  }
  return bytes;
}

double Op::reference_flops(In x) const { return flops_of_rows(ReferenceRows(*this, x).tape); }

/// Without a reference: the rows of the rule. With one: each of its rows that lies between a wanted input and an output with a
/// gradient, by that row's own backward_cost. Where two gradients meet the second is added.
double Op::reference_flops(In x, In y, In dy, Asked dx) const {
  const ReferenceRows rows(*this, x);
  if (rows.outputs.empty()) return rule_flops(*this, x, y, dy, dx);
  enum : uint8_t { leads = 1, reached = 2 };  // leads: depends on a wanted input; reached: has a gradient by now
  std::vector<uint8_t> state(rows.tape.values(), 0);
  const auto of = [&](const Tensor& t) -> uint8_t& { return state[t.place().value]; };
  const auto differentiable = [](const Tensor& t) { return t && t.on_tape() && is_floating(t.dtype()); };
  for (size_t k = 0; k < x.size(); ++k)
    if (dx[k].wanted) of(rows.inputs[k]) = uint8_t(leads | (dx[k].accumulate ? reached : 0));
  for (NodeId i = 0; i < rows.tape.size(); ++i) {
    const Node& node = rows.tape.node(i);
    if (node.traits.differentiable && std::ranges::any_of(node.in, [&](auto& t) { return differentiable(t) && (of(t) & leads); }))
      for (const Tensor& t : node.out)
        if (is_floating(t.dtype())) of(t) |= leads;
  }
  for (size_t k = 0; k < rows.outputs.size() && k < dy.size(); ++k)
    if (dy[k] && rows.outputs[k].on_tape()) of(rows.outputs[k]) |= reached;
  double flops = 0;
  for (NodeId i = rows.tape.size(); i-- > 0;) {
    const Node& node = rows.tape.node(i);
    Tensors up;
    bool pulled = false;
    for (const Tensor& t : node.out) {
      up.push_back(of(t) == (leads | reached) ? t.released() : Tensor());
      pulled = pulled || up[up.size() - 1];
    }
    if (node.in.empty() || !pulled) continue;
    Few<Grad, max_inputs> down;
    for (const Tensor& t : node.in) {
      const bool wanted = differentiable(t) && (of(t) & leads);
      down.push_back({wanted ? t : Tensor(), wanted, wanted && (of(t) & reached)});
    }
    flops += node.op->backward_cost(node.in, node.out, up, down).flops;
    for (size_t k = 0; k < down.size(); ++k)
      if (down[k].wanted) of(node.in[k]) |= reached;
  }
  return flops;
}

Cost Op::cost(In x) const { return {reference_flops(x), bytes_moved(x)}; }

Cost Op::backward_cost(In x, In y, In dy, Asked dx) const { return {reference_flops(x, y, dy, dx), bytes_moved(x, y, dy, dx)}; }

Cost Op::recompute_cost(In x, In, size_t) const { return cost(x); }

}  // namespace tapedeck
