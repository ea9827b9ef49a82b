// Reverse accumulation: one pass marks which values lead to something wanted, one pass walks down and pulls
// gradients through each row, by its kernel (first order) or by its rule in ops (recorded, any order).
#include "sweep.h"

#include <algorithm>
#include <utility>

#include <tapedeck/tape/listen.h>
#include <tapedeck/tensor/in_place.h>

#include "check_finite.h"

namespace tapedeck {
namespace {

/// a + b on the tape, for gradients that meet in a recorded sweep.
struct Accumulate final : Op {
  std::string_view name() const override { return "accumulate"; }
  Specs infer(In x) const override { return {{x[0].shape(), x[0].dtype()}}; }
  void forward(In x, Out y) const override {
    y[0].copy_from(x[0]);
    add_into(y[0], x[1]);
  }
  Tensors vjp(In, In, In dy, Wanted) const override { return {dy[0], dy[0]}; }
  Saves saves() const override { return {}; }
  Cost cost(In x) const override { return {double(x[0].size()), bytes_moved(x)}; }
};

/// to += from: gradients that meet outside a recorded sweep.
void meet(const Tensor& to, const Tensor& from) {
  static const Accumulate op;
  const Tensors both{to, from};
  const auto call = [&] {
    return OpCall{.kind = OpCall::Kind::add, .op = op, .traits = detail::traits_of<Accumulate>(), .in = both, .out = In(&to, 1)};
  };
  notify(call, [&] {
    add_into(to, from);
    return true;
  });
}

}  // namespace

Sweep::Sweep(Tape& tape, NodeId low, Order order, LeafGradients gradients_of_leaves, NodeId release, NodeId from)
    : tape_(tape),
      order_(order),
      leaf_gradients_(gradients_of_leaves),
      low_(low),
      high_(low),
      release_(release),
      first_(low < tape.size() ? tape.node(low).first : tape.values()),
      end_(tape.values()),
      filled_(std::max(first_, from < tape.size() ? tape.node(from).first : tape.values())),
      base_(tape.slots_.size()),
      computed_(tape.computed_.size()) {
  tape_.slots_.resize(base_ + (end_ - first_));
  tape_.flags_.resize(base_ + (end_ - first_));
  if (leaf_gradients_ == LeafGradients::fill)
    for (auto& [value, gradient] : tape_.leaf_gradients_)
      if (value >= filled_) flags(value) = reaches | leaf;
}

Sweep::~Sweep() {
  tape_.forget_computed(computed_);
  tape_.slots_.resize(base_);
  tape_.flags_.resize(base_);
}

const Tensor& Sweep::leaf_gradient(ValueId v) const {
  auto& gradients_of_leaves = tape_.leaf_gradients_;
  return std::lower_bound(gradients_of_leaves.begin(), gradients_of_leaves.end(), v,
                          [](auto& s, ValueId value) { return s.first < value; })
      ->second;
}

void Sweep::want(const Tensor& t) {
  if (covers(t)) flags(t.place().value) |= reaches | wanted;
}

void Sweep::start(const Tensor& t, const Tensor& gradient) {
  if (gradient.shape() != t.shape() || gradient.dtype() != t.dtype())
    throw Error(ErrorKind::shape, text("gradients: a grad_output of ", name_of(gradient.dtype()), gradient.shape().str(),
                                       " does not fit a loss of ", name_of(t.dtype()), t.shape().str()));
  if (!covers(t)) return;
  if (tape_listener) tape_listener->sweep_started(tape_, t, gradient, order_, leaf_gradients_ == LeafGradients::fill);
  add(t.place().value, gradient);
  high_ = std::max(high_, tape_.owner(t.place().value) + 1);
}

void Sweep::mark() {
  for (NodeId i = low_; i < high_; ++i) {
    const Node& node = tape_.node(i);
    if (!node.traits.differentiable) continue;
    bool leads = false;
    for (auto& t : node.in) leads = leads || (t && covers(t) && (flags(t.place().value) & reaches));
    if (!leads) continue;
    for (auto& t : node.out)
      if (is_floating(t.dtype())) flags(t.place().value) |= reaches;
  }
}

void Sweep::run() {
  mark();
  for (NodeId i = high_; i-- > low_;) {
    pull(i);
    Node& node = tape_.row(i);
    Tape::keep_only(node, i >= release_ ? 0 : node.keeps);
  }
  if (leaf_gradients_ == LeafGradients::leave) return;
  for (auto& [value, gradient] : tape_.leaf_gradients_)  // a leaf that is wanted as well got a buffer of its own
    if (value >= filled_ && (flags(value) & wanted) && slot(value)) meet(gradient, slot(value));
}

void Sweep::pull(NodeId row) {
  const Node& node = tape_.node(row);
  if (node.in.empty() || !node.traits.differentiable) return;
  Tensors dy;
  bool any = false;
  for (size_t i = 0; i < node.out.size(); ++i) {
    const ValueId v = node.first + ValueId(i);
    const bool keep = flags(v) & wanted;
    dy.push_back(!(flags(v) & reaches) ? Tensor{} : keep ? slot(v) : std::move(slot(v)));
    any = any || dy[i];
  }
  if (!any) return;
  Few<bool, max_inputs> asked;
  any = false;
  for (auto& t : node.in) {
    asked.push_back(t && covers(t) && is_floating(t.dtype()) && (flags(t.place().value) & reaches));
    any = any || asked[asked.size() - 1];
  }
  if (!any) return;
  struct Told {
    Told(const Tape& tape, NodeId row, Order order) {
      if (tape_listener) tape_listener->pulling(tape, row, order);
    }
    ~Told() {
      if (tape_listener) tape_listener->pulled();
    }
  } notified(tape_, row, order_);
  pull(node, row, dy, asked);
}

void Sweep::pull(const Node& node, NodeId row, In dy, Wanted asked) {
  if (node.keeps != Node::everything) tape_.ensure(row, detail::reads(*node.op, node.traits));
  if (order_ == Order::first && node.traits.has_backward && pull_by_kernel(node, dy, asked)) return;
  // a rule that stands in for a kernel reads what saves() lists as well (check 9), a replayed reference reads every input, and
  // what is recorded is differentiated again
  if (order_ == Order::differentiable || (node.traits.has_backward && !node.traits.has_rule)) tape_.ensure(row, Node::everything);
  pull_by_rule(node, row, dy, asked);
}

bool Sweep::pull_by_kernel(const Node& node, In dy, Wanted asked) {
  Few<Grad, max_inputs> grads;
  Few<bool, max_inputs> repeated;  // the same value in two argument places: a buffer of its own
  for (size_t k = 0; k < node.in.size(); ++k) {
    Grad g;
    bool twice = false;
    if (asked[k]) {
      const ValueId v = node.in[k].place().value;
      for (size_t j = 0; j < k; ++j) twice = twice || (asked[j] && node.in[j].place().value == v);
      Tensor& s = slot(v);
      const bool into_leaf = (flags(v) & (leaf | wanted)) == leaf;
      g.wanted = true;
      if (into_leaf && !s) s = leaf_gradient(v);
      if (twice || !s) {
        g.into = Tensor::empty(node.in[k].shape(), node.in[k].dtype());
      } else {
        if (!into_leaf && !s.unique()) s = s.clone();
        g.into = s;
        g.accumulate = true;
      }
    }
    grads.push_back(std::move(g));
    repeated.push_back(twice);
  }
  const auto call = [&] {
    return OpCall{.kind = OpCall::Kind::backward,
                  .op = *node.op,
                  .traits = node.traits,
                  .in = node.in,
                  .out = node.out,
                  .dy = dy,
                  .dx = grads,
                  .scope = node.scope};
  };
  if (!notify(call, [&] { return node.op->backward(node.in, node.out, dy, grads); })) return false;
  for (size_t k = 0; k < grads.size(); ++k) {
    if (!grads[k].wanted) continue;
    if (tape_.check_finite_) check_finite(*node.op, node.scope, In(&grads[k].into, 1), "the gradient it passes on");
    const ValueId v = node.in[k].place().value;
    if (repeated[k]) meet(slot(v), grads[k].into);
    else if (!grads[k].accumulate) slot(v) = std::move(grads[k].into);
  }
  return true;
}

void Sweep::pull_by_rule(const Node& node, NodeId row, In dy, Wanted asked) {
  struct Origin {  // rows recorded meanwhile say which row they come from
    Origin(NodeId& place, NodeId row) : place(place), before(std::exchange(place, row)) {}
    ~Origin() { place = before; }
    NodeId& place;
    NodeId before;
  } origin(tape_.origin_, row);
  Tensors dx;
  if (order_ == Order::differentiable) {
    dx = node.op->vjp(node.in, node.out, dy, asked);
  } else {
    Tensors in, out;
    for (auto& t : node.in) in.push_back(t.detach());
    for (auto& t : node.out) out.push_back(t.detach());
    dx = node.op->vjp(in, out, dy, asked);
  }
  for (size_t k = 0; tape_listener && k < node.in.size(); ++k)
    if (asked[k] && (k >= dx.size() || !dx[k])) tape_listener->stopped(tape_, row, k);
  for (size_t k = 0; k < node.in.size() && k < dx.size(); ++k) {
    if (!asked[k] || !dx[k]) continue;
    if (dx[k].shape() != node.in[k].shape())
      throw Error(ErrorKind::internal, text(node.op->name(), ": its rule gave a gradient of shape ", dx[k].shape().str(),
                                            " for input ", k, " of shape ", node.in[k].shape().str()));
    if (tape_.check_finite_) check_finite(*node.op, node.scope, In(&dx[k], 1), "the gradient it passes on");
    add(node.in[k].place().value, dx[k]);
  }
}

void Sweep::add(ValueId v, const Tensor& gradient) {
  Tensor& s = slot(v);
  if (order_ == Order::differentiable) {
    s = s ? apply(Accumulate{}, {s, gradient}) : gradient;
    return;
  }
  const bool into_leaf = (flags(v) & (leaf | wanted)) == leaf;
  if (into_leaf && !s) s = leaf_gradient(v);
  if (!s) {
    s = gradient.detach();
    return;
  }
  if (!into_leaf && !s.unique()) s = s.clone();
  meet(s, gradient);
}

Tensor Sweep::result(const Tensor& t) const {
  if (covers(t) && slot(t.place().value)) return slot(t.place().value);
  return Tensor::zeros(t.shape(), t.dtype());
}

namespace {

Tensor grad_output_of(const Tensor& loss, const Tensor& grad_output) {
  if (!loss.on_tape())
    throw Error(ErrorKind::value, "gradients: the loss is not on a tape, so nothing was recorded to differentiate",
                "make a leaf of what the loss depends on, and do not detach() on the way");
  Tape::of(loss);
  if (grad_output) return grad_output;
  if (loss.size() != 1)
    throw Error(ErrorKind::shape, text("gradients: a loss of shape ", loss.shape().str(), " needs a grad_output"),
                "reduce it with sum() or mean(), or pass its gradient");
  return Tensor::full(loss.shape(), 1, loss.dtype());
}

}  // namespace

Tensors gradients(const Tensor& loss, In wrt, Order order, const Tensor& grad_output) {
  const Tensor start = grad_output_of(loss, grad_output);
  Tape& tape = Tape::of(loss);
  NodeId low = tape.owner(loss.place().value);
  for (auto& t : wrt) {
    if (!t.on_tape())
      throw Error(ErrorKind::value,
                  text("gradients: a tensor of shape ", t.shape().str(), " to differentiate by is not on a tape"),
                  "make it a leaf first");
    tape.check(t);
    low = std::min(low, tape.owner(t.place().value));
  }
  Sweep sweep(tape, low, order, Sweep::LeafGradients::leave);
  for (auto& t : wrt) sweep.want(t);
  sweep.start(loss, start);
  sweep.run();
  Tensors results;
  for (auto& t : wrt) results.push_back(order == Order::first ? sweep.result(t).detach() : sweep.result(t));
  return results;
}

Tensors backward(const Tensor& loss, In also, const Tensor& grad_output, NodeId release, NodeId from) {
  const Tensor start = grad_output_of(loss, grad_output);
  Tape& tape = Tape::of(loss);
  NodeId low = from;
  for (auto& t : also)
    if (t.on_tape()) low = std::min(low, tape.owner(t.place().value));
  Sweep sweep(tape, low, Order::first, Sweep::LeafGradients::fill, release, from);
  for (auto& t : also) {
    if (!t.on_tape())
      throw Error(ErrorKind::value,
                  text("backward: a tensor of shape ", t.shape().str(), " to differentiate by is not on a tape"),
                  "make it a leaf first");
    tape.check(t);
    sweep.want(t);
  }
  sweep.start(loss, start);
  sweep.run();
  Tensors results;
  for (auto& t : also) results.push_back(sweep.result(t).detach());
  return results;
}

}  // namespace tapedeck
