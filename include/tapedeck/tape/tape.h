// The tape is a list: value n depends only on values below n. Forward appends rows, backward walks down, a
// differentiable backward appends more. No recursion, no map, no graph of pointers. Next: op.h, src/tape/sweep.cpp.
#pragma once
#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

#include <tapedeck/tape/op.h>
#include <tapedeck/tape/scope.h>
#include <tapedeck/tensor/list.h>

namespace tapedeck {

using NodeId = uint32_t;
constexpr NodeId no_node = ~NodeId{0};

/// What an op's struct says about itself, found out at compile time.
struct OpTraits {
  bool has_backward = false, has_rule = false, has_reference = false;
  bool differentiable = true;  // `static constexpr bool differentiable = false;` opts out
  bool has_saves = false;
  bool may_be_infinite = false;  // `static constexpr bool may_be_infinite = true;`: masked scores
};

/// A row: outputs are the values first, first+1, ... Handles that `keeps` does not name may be released.
struct Node {
  static constexpr uint32_t everything = ~uint32_t{0};
  const Op* op = nullptr;
  OpTraits traits;
  ValueId first = 0;
  uint32_t epoch = 0;
  In in;
  In out;
  ScopeId scope = 0;
  NodeId origin = no_node;  // the forward row that this row of a recorded sweep came from
  size_t arena_begin = 0;
  uint32_t keeps = everything;  // bit k: input k; bit max_inputs + k: output k
};

/// What rows hold of their inputs and outputs. all: every value, to be looked at. needed: what the first-order backward sweep
/// reads (Op::saves); anything else is computed again should somebody ask, with the same bits.
enum class Keep { all, needed };
enum class Order { first, differentiable };

class Tape {
 public:
  struct Mark {
    NodeId node = 0;
    ValueId value = 0;
  };

  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// A value without history. backward() adds its gradient into `gradient` (same shape and dtype) when that is given.
  Tensor leaf(const Tensor& value, const Tensor& gradient = {});
  Mark mark() const { return {size_, values_}; }
  /// Forgets every row after the mark; handles to them turn stale (using one throws Error{stale}).
  void rewind(Mark mark);
  void clear() { rewind({}); }

  void keep(Keep what) { keep_ = what; }  // of the rows to come
  /// Activation checkpointing (Chen et al. 2016, "Training deep nets with sublinear memory cost"): f(), of whose rows only the
  /// results (a Tensors) and what came from outside are kept; the backward sweep recomputes the rest, once, with the same bits.
  /// Inside another checkpoint it is part of that one.
  template <class F>
  Tensors activation_checkpoint(F&& f) {
    const ValueId outer = open_checkpoint();
    Tensors results = f();
    close_checkpoint(outer, results);
    return results;
  }

  NodeId size() const { return size_; }
  ValueId values() const { return values_; }
  const Node& node(NodeId i) const { return chunks_[i / chunk_rows][i % chunk_rows]; }
  NodeId owner(ValueId value) const { return owner_[value]; }  // the row that made the value
  /// Throws Error{stale} when the handle outlived its row.
  void check(const Tensor& t) const;
  /// The tape that t lives on; throws Error{stale} when tape or row are gone. t must be on a tape.
  static Tape& of(const Tensor& t);
  /// When on, every output and every gradient is scanned; the first non-finite one throws Error{non_finite}
  /// naming op, module path and element. For replaying a step that failed; costs a pass over everything.
  void set_check_finite(bool on) { check_finite_ = on; }

 private:
  friend class Sweep;
  friend struct Appender;
  static constexpr NodeId chunk_rows = 256;
  Node& row(NodeId i) { return chunks_[i / chunk_rows][i % chunk_rows]; }
  void* arena(size_t bytes, size_t alignment);
  Node& append(const Op* op, OpTraits traits, In in, Out out);
  const Tensor& value(ValueId v) const { return node(owner_[v]).out[v - node(owner_[v]).first]; }

  // recompute.cpp
  ValueId open_checkpoint();
  void close_checkpoint(ValueId outer, In results);
  void release_unneeded(Node& node);     // of a new row
  void ensure(NodeId i, uint32_t mask);  // gives the handles named by mask their data
  bool recompute_output(ValueId v);      // by its op's own short way; false when what that needs is gone
  void compute(NodeId wanted);
  void recompute_row(Node& node);
  static void keep_only(Node& node, uint32_t mask);  // releases all other handles
  void forget_computed(size_t from);

  static constexpr size_t arena_chunk = size_t{1} << 16;
  std::vector<std::unique_ptr<Node[]>> chunks_;
  std::vector<std::unique_ptr<std::byte[]>> arena_;
  std::vector<NodeId> owner_;                               // by value
  std::vector<std::pair<ValueId, Tensor>> leaf_gradients_;  // gradient buffers of leaves, by rising value
  std::vector<Tensor> slots_;                               // stack of sweeps: one slot per value in the sweep's range
  std::vector<uint8_t> flags_;                              // likewise
  size_t arena_used_ = 0;
  NodeId size_ = 0;
  ValueId values_ = 0;
  uint32_t epoch_ = 0;  // unique over all tapes of the thread, new after every rewind
  NodeId origin_ = no_node;
  bool check_finite_ = false;
  Keep keep_ = Keep::all;
  static constexpr ValueId no_checkpoint = ~ValueId{0};
  ValueId checkpoint_ = no_checkpoint;  // the first value of the one being recorded
  List<NodeId> computed_;               // recomputed rows, by the sweeps that run; each forgets its own
};

/// d(loss)/d(wrt): one tensor per entry of wrt, zeros where the loss does not reach it. loss must hold one element unless
/// its gradient grad_output (the cotangent) is given. Order::differentiable leaves the sweep on the tape, so that the result can
/// be differentiated again; Order::first returns tensors off the tape.
Tensors gradients(const Tensor& loss, In wrt, Order order = Order::first, const Tensor& grad_output = {});
inline Tensor gradient(const Tensor& loss, const Tensor& wrt, Order order = Order::first, const Tensor& grad_output = {}) {
  return gradients(loss, In(&wrt, 1), order, grad_output)[0];
}
/// Adds d(loss)/d(leaf) into the gradient buffer of every leaf that has one, and returns the (detached) gradients at `also`.
/// Rows from `release` on give up their values as the sweep passes them: nothing but rewind may follow. Leaves before row `from`
/// get nothing.
Tensors backward(const Tensor& loss, In also = {}, const Tensor& grad_output = {}, NodeId release = no_node, NodeId from = 0);

/// Applies an op: infers, takes buffers from the pool, computes, and appends a row when an input is on a tape.
template <class O>
Tensors apply_all(const O& op, In x);
template <class O>
Tensor apply(const O& op, In x) {
  return apply_all(op, x)[0];
}
template <class O>
Tensor apply(const O& op, std::initializer_list<Tensor> x) {
  return apply_all(op, In(x.begin(), x.size()))[0];
}

// ---- implementation of apply ------------------------------------------------------------------------------------------
namespace detail {
struct OpBox {
  const Op& op;
  OpTraits traits;
  size_t size, alignment;
  const Op* (*copy)(const Op&, void* at);
};
Tensors run(const OpBox& box, In x);
uint32_t reads(const Op& op, const OpTraits& traits);  // what backward reads, as bits of Node::keeps

template <class O>
constexpr OpTraits traits_of() {
  OpTraits t;
  t.has_backward = !std::is_same_v<decltype(&O::backward), decltype(&Op::backward)>;
  t.has_rule = !std::is_same_v<decltype(&O::vjp), decltype(&Op::vjp)>;
  t.has_saves = !std::is_same_v<decltype(&O::saves), decltype(&Op::saves)>;
  t.has_reference = !std::is_same_v<decltype(&O::reference), decltype(&Op::reference)>;
  if constexpr (requires { O::differentiable; }) t.differentiable = O::differentiable;
  if constexpr (requires { O::may_be_infinite; }) t.may_be_infinite = O::may_be_infinite;
  return t;
}
}  // namespace detail

template <class O>
Tensors apply_all(const O& op, In x) {
  constexpr OpTraits traits = detail::traits_of<O>();
  static_assert(std::is_trivially_destructible_v<O>, "ops live in an arena and are never destroyed");
  static_assert(traits.has_rule || traits.has_reference || !traits.differentiable,
                "give the op a vjp or a reference, or say `static constexpr bool differentiable = false;`");
  return detail::run({op, traits, sizeof(O), alignof(O),
                      [](const Op& from, void* at) -> const Op* { return new (at) O(static_cast<const O&>(from)); }},
                     x);
}

}  // namespace tapedeck
