// One walk down the tape. Sweeps nest (a rule may pull back through a reference), so their slots live on a stack
// that belongs to the tape and nothing is allocated once it is warm.
#pragma once
#include <tapedeck/tape/tape.h>

namespace tapedeck {

class Sweep {
 public:
  enum class LeafGradients { leave, fill };  // fill: add into the gradient buffers of leaves
  /// Looks at rows low.. of the tape only; leaves from row `from` on are filled.
  Sweep(Tape& tape, NodeId low, Order order, LeafGradients gradients_of_leaves, NodeId release = no_node, NodeId from = 0);
  ~Sweep();
  Sweep(const Sweep&) = delete;
  Sweep& operator=(const Sweep&) = delete;
  void want(const Tensor& value);
  void start(const Tensor& value, const Tensor& gradient);
  void run();
  /// The gradient at a wanted value; zeros when nothing reached it.
  Tensor result(const Tensor& value) const;

 private:
  enum Flag : uint8_t { reaches = 1, wanted = 2, leaf = 4 };
  bool covers(const Tensor& t) const { return t.place().tape == &tape_ && t.place().value >= first_ && t.place().value < end_; }
  Tensor& slot(ValueId v) const { return tape_.slots_[base_ + (v - first_)]; }
  uint8_t& flags(ValueId v) const { return tape_.flags_[base_ + (v - first_)]; }
  const Tensor& leaf_gradient(ValueId v) const;
  void mark();
  void pull(NodeId row);
  void pull(const Node& node, NodeId row, In dy, Wanted asked);
  bool pull_by_kernel(const Node& node, In dy, Wanted asked);
  void pull_by_rule(const Node& node, NodeId row, In dy, Wanted asked);
  void add(ValueId v, const Tensor& gradient);

  Tape& tape_;
  Order order_;
  LeafGradients leaf_gradients_;
  NodeId low_, high_;    // rows
  NodeId release_;       // from here on rows give up their values when they have been passed
  ValueId first_, end_;  // values
  ValueId filled_;       // leaves from here on
  size_t base_;          // of this sweep's slots on the stack
  size_t computed_;      // rows that were recomputed before it began
};

}  // namespace tapedeck
