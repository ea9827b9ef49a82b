// Rows, arena and epochs: how the list grows and how it forgets. Recording an op is here too (detail::run);
// walking down is in sweep.cpp.
#include <tapedeck/tape/tape.h>

#include <algorithm>
#include <new>
#include <optional>

#include <tapedeck/tape/listen.h>

#include "check_finite.h"
#include "scratch_tape.h"

namespace tapedeck {
namespace {

/// Tapes that are alive on this thread: a handle to one that is gone must raise an error, not follow its pointer.
/// Leaked on purpose: scratch tapes of the thread may die after any other thread-local object.
std::vector<const Tape*>& live_tapes() {
  static thread_local auto* tapes = new std::vector<const Tape*>;
  return *tapes;
}
uint32_t new_epoch() {
  static thread_local uint32_t epoch = 0;
  return ++epoch;
}

struct Leaf final : Op {
  static constexpr bool differentiable = false;
  std::string_view name() const override { return "leaf"; }
  Specs infer(In) const override { return {}; }
  void forward(In, Out) const override {}
  Saves saves() const override { return {}; }
};

}  // namespace

Tape& Tape::of(const Tensor& t) {
  Tape* tape = t.place().tape;
  if (std::find(live_tapes().begin(), live_tapes().end(), tape) == live_tapes().end())
    throw Error(ErrorKind::stale, text("a tensor of shape ", t.shape().str(), " belongs to a tape that no longer exists"),
                "detach() what must outlive its tape");
  tape->check(t);
  return *tape;
}

Tape::Tape() : epoch_(new_epoch()) { live_tapes().push_back(this); }

Tape::~Tape() {
  clear();
  std::erase(live_tapes(), this);
}

void* Tape::arena(size_t bytes, size_t alignment) {
  size_t at = (arena_used_ + alignment - 1) / alignment * alignment;
  if (at / arena_chunk != (at + std::max<size_t>(bytes, 1) - 1) / arena_chunk) at = (at / arena_chunk + 1) * arena_chunk;
  while (arena_.size() <= at / arena_chunk) arena_.push_back(std::make_unique<std::byte[]>(arena_chunk));
  arena_used_ = at + bytes;
  return arena_[at / arena_chunk].get() + at % arena_chunk;
}

Node& Tape::append(const Op* op, OpTraits traits, In in, Out out) {
  if (size_ / chunk_rows == chunks_.size()) chunks_.push_back(std::make_unique<Node[]>(chunk_rows));
  Node& node = row(size_);
  auto copy = [&](In from) {
    auto* to = static_cast<Tensor*>(arena(sizeof(Tensor) * from.size(), alignof(Tensor)));
    for (size_t i = 0; i < from.size(); ++i) new (to + i) Tensor(from[i]);
    return std::span<Tensor>(to, from.size());
  };
  for (size_t i = 0; i < out.size(); ++i) out[i] = out[i].placed({this, ValueId(values_ + i), epoch_});
  node.op = op;
  node.traits = traits;
  node.first = values_;
  node.epoch = epoch_;
  node.in = copy(in);
  node.out = copy(out);
  node.scope = current_scope();
  node.origin = origin_;
  node.keeps = Node::everything;
  for (size_t i = 0; i < out.size(); ++i) owner_.push_back(size_);
  values_ += ValueId(out.size());
  ++size_;
  release_unneeded(node);
  return node;
}

Tensor Tape::leaf(const Tensor& value, const Tensor& gradient) {
  if (!value) throw Error(ErrorKind::value, "leaf: the tensor is undefined");
  if (gradient && (gradient.shape() != value.shape() || gradient.dtype() != value.dtype()))
    throw Error(ErrorKind::shape,
                text("leaf: gradient buffer ", gradient.shape().str(), " does not fit value ", value.shape().str()));
  const size_t begin = arena_used_;
  Tensor t = value.detach();
  static const Leaf op;
  append(&op, detail::traits_of<Leaf>(), {}, Out(&t, 1)).arena_begin = begin;
  if (tape_listener) tape_listener->appended(*this, size_ - 1);
  if (gradient) leaf_gradients_.emplace_back(t.place().value, gradient.detach());
  return t;
}

void Tape::rewind(Mark mark) {
  if (mark.node > size_ || mark.value > values_)
    throw Error(ErrorKind::stale, "rewind: the mark lies above the tape: it was rewound further in between");
  while (size_ > mark.node) {
    Node& node = row(--size_);
    for (auto& t : node.in) t.~Tensor();
    for (auto& t : node.out) t.~Tensor();
    arena_used_ = node.arena_begin;
  }
  values_ = mark.value;
  owner_.resize(mark.value);
  while (!leaf_gradients_.empty() && leaf_gradients_.back().first >= mark.value) leaf_gradients_.pop_back();
  epoch_ = new_epoch();
  checkpoint_ = no_checkpoint;
}

void Tape::check(const Tensor& t) const {
  const TapePosition& p = t.place();
  if (p.tape == this && p.value < values_ && node(owner_[p.value]).epoch == p.epoch) return;
  throw Error(ErrorKind::stale,
              text("a tensor of shape ", t.shape().str(), " (value ", p.value, ") outlived its row on the tape"),
              "the tape was rewound or cleared since; detach() what must outlive a step");
}

struct Appender {
  static Tensors run(const detail::OpBox& box, In x) {
    Tape* tape = nullptr;
    for (auto& t : x) {
      if (!t.on_tape()) continue;
      Tape& own = Tape::of(t);
      if (tape && tape != &own)
        throw Error(ErrorKind::stale, text(box.op.name(), ": its inputs live on two different tapes"), "detach() one of them");
      tape = &own;
    }
    std::optional<MemoryFor> purpose;
    if (tape) purpose.emplace(Memory::activations);
    Tensors y;
    for (auto& spec : box.op.infer(x))
      y.push_back(ShapesOnly::on()   ? Tensor::released(spec.shape, spec.dtype)
                  : spec.shares >= 0 ? x[size_t(spec.shares)].view(spec.shape)
                                     : Tensor::empty(spec.shape, spec.dtype));
    const auto call = [&] {
      return OpCall{
          .kind = OpCall::Kind::forward, .op = box.op, .traits = box.traits, .in = x, .out = y, .scope = current_scope()};
    };
    if (!ShapesOnly::on())
      notify(call, [&] {
        box.op.forward(x, y);
        return true;
      });
    if (!tape) return y;
    if (tape->check_finite_ && !box.traits.may_be_infinite) check_finite(box.op, current_scope(), y, "its output");
    const size_t begin = tape->arena_used_;
    const Op* op = box.copy(box.op, tape->arena(box.size, box.alignment));
    tape->append(op, box.traits, x, y).arena_begin = begin;
    if (tape_listener) tape_listener->appended(*tape, tape->size_ - 1);
    return y;
  }
};

Tensors detail::run(const OpBox& box, In x) {
  try {
    if (tape_listener && box.traits.has_reference && tape_listener->expands(box.op)) return box.op.reference(x);
    return Appender::run(box, x);
  } catch (Error& e) {
    if (e.where().empty() && current_scope()) e.at(scope_path(current_scope()));
    throw;
  }
}

}  // namespace tapedeck
