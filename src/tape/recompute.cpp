// Values that rows do not hold: released because backward never reads them, or to be recomputed when it does. An op
// is a pure function (its dropout key is an attribute), so what comes back has the same bits. Next: sweep.cpp, which asks.
#include <tapedeck/tape/tape.h>

#include <algorithm>
#include <utility>

#include <tapedeck/tape/listen.h>

namespace tapedeck {
namespace {

constexpr uint32_t bit(size_t k) { return uint32_t{1} << k; }
constexpr uint32_t output_bit(size_t k) { return bit(max_inputs + k); }

/// Rows own their handles; they are shown as constant to everybody else.
Tensor& handle(const Tensor& t) { return const_cast<Tensor&>(t); }

void release(const Tensor& t) {
  if (t.has_data()) handle(t) = t.released();
}

}  // namespace

uint32_t detail::reads(const Op& op, const OpTraits& traits) {
  if (!traits.has_saves) return Node::everything;
  uint32_t mask = 0;
  for (auto& save : op.saves()) mask |= save.kind == Save::input ? bit(size_t(save.index)) : output_bit(size_t(save.index));
  return mask;
}

/// What a new row holds: all of it, or what backward reads, what is not on the tape, and what a checkpoint got from outside.
void Tape::release_unneeded(Node& node) {
  if (keep_ == Keep::all || node.in.empty()) return;
  uint32_t keeps = detail::reads(*node.op, node.traits);
  for (size_t k = 0; k < node.in.size(); ++k) {
    const Tensor& t = node.in[k];
    if (!t || !t.on_tape()) {
      keeps |= bit(k);
      continue;
    }
    const bool from_outside = checkpoint_ != no_checkpoint && t.place().value < checkpoint_;
    if (from_outside) keeps |= bit(k);
    if (!(keeps & bit(k))) continue;
    Node& maker = row(owner_[t.place().value]);  // it holds what any reader holds, so nothing is recomputed needlessly
    const size_t output = t.place().value - maker.first;
    const bool held = maker.out[output].has_data();
    if (!held && !from_outside && (maker.op->recomputes() & bit(output))) {
      keeps &= ~bit(k);
      continue;
    }
    maker.keeps |= output_bit(output);
    if (!held) handle(maker.out[output]) = t;
  }
  node.keeps = keeps;
  keep_only(node, keeps);
}

void Tape::keep_only(Node& node, uint32_t keeps) {
  if (keeps == Node::everything) return;
  for (size_t k = 0; k < node.in.size(); ++k)
    if (!(keeps & bit(k))) release(node.in[k]);
  for (size_t k = 0; k < node.out.size(); ++k)
    if (!(keeps & output_bit(k))) release(node.out[k]);
}

ValueId Tape::open_checkpoint() {
  const ValueId outer = checkpoint_;
  if (outer == no_checkpoint) checkpoint_ = values_;
  return outer;
}

void Tape::close_checkpoint(ValueId outer, In results) {
  if (outer != no_checkpoint) return;  // inside another one, which forgets more
  const ValueId first = std::exchange(checkpoint_, no_checkpoint);
  const auto kept = [&](const Tensor& t) {
    return std::any_of(results.begin(), results.end(),
                       [&](auto& r) { return r.on_tape() && r.place().value == t.place().value; });
  };
  for (NodeId i = size_; i-- > 0 && row(i).first >= first;) {
    Node& node = row(i);
    for (size_t k = 0; k < node.in.size(); ++k)
      if (node.in[k] && node.in[k].on_tape() && node.in[k].place().value >= first) node.keeps &= ~bit(k);
    for (size_t k = 0; k < node.out.size(); ++k)
      if (!kept(node.out[k])) node.keeps &= ~output_bit(k);
    keep_only(node, node.keeps);
  }
}

void Tape::ensure(NodeId i, uint32_t mask) {
  Node& node = row(i);
  for (size_t k = 0; k < node.out.size(); ++k)
    if ((mask & output_bit(k)) && !node.out[k].has_data()) {
      compute(i);
      break;
    }
  for (size_t k = 0; k < node.in.size(); ++k) {
    const Tensor& t = node.in[k];
    if (!(mask & bit(k)) || !t || t.has_data()) continue;
    const Tensor& made = value(t.place().value);
    if (!made.has_data() && !recompute_output(t.place().value)) compute(owner_[t.place().value]);
    handle(t) = made;
  }
}

bool Tape::recompute_output(ValueId v) {
  Node& node = row(owner_[v]);
  const size_t output = v - node.first;
  if (!(node.op->recomputes() & bit(output))) return false;
  for (auto& save : node.op->saves()) {
    if (save.kind == Save::output) {
      if (!node.out[size_t(save.index)].has_data()) return false;
    } else if (const Tensor& t = node.in[size_t(save.index)]; t && !t.has_data() && value(t.place().value).has_data()) {
      handle(t) = value(t.place().value);
    }
  }
  const MemoryFor purpose(Memory::activations);
  Tensors y;
  for (auto& t : node.out) y.push_back(t);
  y[output] = Tensor::empty(y[output].shape(), y[output].dtype());
  const auto call = [&] {
    return OpCall{.kind = OpCall::Kind::recompute_output,
                  .op = *node.op,
                  .traits = node.traits,
                  .in = node.in,
                  .out = y,
                  .scope = node.scope,
                  .output = output};
  };
  if (!notify(call, [&] { return node.op->recompute(node.in, y, output); })) return false;
  handle(node.out[output]) = y[output].placed(node.out[output].place());
  computed_.push_back(owner_[v]);
  return true;
}

// Depth first with a list of its own, because a chain of forgotten values may be longer than the stack.
void Tape::compute(NodeId wanted) {
  List<NodeId> waiting{wanted};
  while (!waiting.empty()) {
    Node& node = row(waiting.back());
    bool ready = true;
    if (std::all_of(node.out.begin(), node.out.end(), [](auto& t) { return t.has_data(); })) {
      waiting.pop_back();
      continue;
    }
    for (auto& t : node.in) {
      if (!t || t.has_data()) continue;
      const Tensor& made = value(t.place().value);
      if (made.has_data() || recompute_output(t.place().value)) handle(t) = made;
      else waiting.push_back(owner_[t.place().value]), ready = false;
    }
    if (!ready) continue;
    recompute_row(node);
    computed_.push_back(waiting.back());
    waiting.pop_back();
    const uint32_t outputs = Node::everything << max_inputs;
    keep_only(node, node.keeps | outputs);
  }
}

void Tape::recompute_row(Node& node) {
  const MemoryFor purpose(Memory::activations);
  Tensors y;
  const Specs specs = node.op->infer(node.in);
  for (size_t k = 0; k < specs.size(); ++k)
    y.push_back(node.out[k].has_data() ? node.out[k]
                : specs[k].shares >= 0 ? node.in[size_t(specs[k].shares)].view(specs[k].shape)
                                       : Tensor::empty(specs[k].shape, specs[k].dtype));
  const auto call = [&] {
    return OpCall{
        .kind = OpCall::Kind::recompute, .op = *node.op, .traits = node.traits, .in = node.in, .out = y, .scope = node.scope};
  };
  notify(call, [&] {
    node.op->forward(node.in, y);
    return true;
  });
  for (size_t k = 0; k < y.size(); ++k)
    if (!node.out[k].has_data()) handle(node.out[k]) = y[k].placed(node.out[k].place());
}

void Tape::forget_computed(size_t from) {
  for (size_t k = from; k < computed_.size(); ++k)
    if (computed_[k] < size_) keep_only(row(computed_[k]), row(computed_[k]).keeps);
  computed_.resize(from);
}

}  // namespace tapedeck
