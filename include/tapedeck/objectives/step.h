// One batch, one tape, the verbs: every training method is a composition of forward, loss, backward, grad and with.
// Next: objective.h (what a method is), src/objectives/r_drop.cpp (a method on a page).
#pragma once
#include <memory>
#include <optional>
#include <string_view>

#include <tapedeck/base/error.h>
#include <tapedeck/losses/loss.h>
#include <tapedeck/nn/model.h>
#include <tapedeck/tape/tape.h>

namespace tapedeck {

using View = Output;                      // what one forward pass left
enum class DropoutMasks { same, fresh };  // of a forked step: replay the masks of the step it came from, or draw new ones
enum class Graph { keep, free };          // what a gradient leaves of the step's rows on the tape

/// Passes over the batch: a sweep back through the rows of two forward passes counts as two backward passes.
struct PassCount {
  int64_t forward = 0, backward = 0;
};

class Step {
 public:
  /// Starts a step on an empty tape: watches every parameter. loss: the task loss. key: seed / "step" / n.
  /// piece: examples that go through the model at a time, 0: all. A step in pieces, of the whole batch of an update, holds the
  /// rows of one piece at a time: what a pass leaves (without `hidden`) is a leaf, and a sweep that reaches it makes the pass
  /// again with the same masks, which costs a forward pass (src/objectives/pieces.cpp). Only Order::differentiable is beyond it.
  Step(Tape& tape, const Model& model, const ParamStore& store, const Loss& loss, const Batch& batch, Key key, int64_t number = 0,
       Mode mode = Mode::train, int64_t piece = 0);

  /// A pass with a fresh dropout key; dropout replaces every non-zero rate of the model.
  View forward(std::optional<double> dropout = {});
  /// A pass of another batch with the same parameters and masks of its own; shifts of this step do not apply there.
  View forward(const Batch& other);
  /// The view of this step's first pass, made now unless somebody has: constants, without `hidden`, once backward() has dropped
  /// its rows.
  View cached_forward();
  /// A pass that records nothing, so its outputs are constants. values: one tensor per parameter (a teacher's); empty: the
  /// parameters themselves. same: the masks of the first pass; fresh: its own.
  View forward_no_grad(std::span<const Tensor> values = {}, Mode mode = Mode::train, DropoutMasks masks = DropoutMasks::same);
  Tensor loss(const View& view) const;  // the task loss named in the config

  /// A step's passes at a site are its own and those of steps forked from it.
  /// Adds into parameter gradients and drops the rows of this step: tensors made since are stale afterwards.
  void backward(const Tensor& loss);
  /// ... and returns the detached gradient at a site, summed over the passes that crossed it.
  Tensor backward(const Tensor& loss, std::string_view site);
  /// The gradient at a site; touches no parameter's. Order::differentiable: the result can be differentiated again. Graph::free
  /// drops the rows made since this step was: for the passes of an attack.
  Tensor grad(const Tensor& loss, std::string_view site, Order order = Order::first, Graph graph = Graph::keep);
  /// The gradient of all parameters, laid out like store().gradients(), which stay as they are.
  Tensor grad(const Tensor& loss, Graph graph = Graph::keep);

  /// The same batch once more: the same passes in the same order. A step's rows are those made after it.
  Step fork(DropoutMasks masks = DropoutMasks::same) const;
  /// ... shifted by delta, or changed by map, at the site.
  Step with(std::string_view site, const Tensor& delta, DropoutMasks masks = DropoutMasks::same) const;
  Step with(std::string_view site, std::shared_ptr<const SiteMap> map, DropoutMasks masks = DropoutMasks::same) const;
  /// ... with every parameter shifted: delta is laid out like store().values().
  Step with(const Tensor& delta, DropoutMasks masks = DropoutMasks::same) const;
  /// ... with examples mixed at the site, before any shift there, and loss() = keep loss(labels) + (1 - keep) loss(those of the
  /// partners, which outlive the step).
  Step with(std::string_view site, std::shared_ptr<const SiteMap> mix, const Batch& partners, double keep) const;
  /// Remembers a named number for the log. Like the loss it is the share of this micro-batch: shares are summed over the step.
  void report(std::string_view name, double value);
  /// The same of a task loss, or of what is made of one: 0 in an update without labels is a mean of nothing and is left out.
  void report_loss(std::string_view name, double value);

  /// Asks later passes to remember `site` (activation sites are remembered anyway once watched here).
  void watch(std::string_view site);
  bool is_parameter(std::string_view site) const { return store_->find(site) != nullptr; }
  const Loss& task() const { return *loss_; }
  const Batch& batch() const { return *batch_; }
  const ParamStore& store() const { return *store_; }
  Key key() const { return key_; }
  int64_t number() const { return number_; }  // optimizer step, from 0
  const Numbers& reports() const { return ledger_->reports; }
  PassCount passes() const { return ledger_->passes; }  // of this step and all steps forked from it

 private:
  /// A value that a pass of step `owner` left at a site, and where the rows of that pass begin.
  struct Crossing {
    int32_t owner;
    NodeId row;
    SiteValue at;
  };
  /// What a pass is a function of, besides the values of the parameters. only: the site whose value is wanted in place of
  /// outputs.
  struct Trip {
    Batch batch;
    Key key;
    Mode mode;
    std::optional<double> dropout = {};
    List<Delta> deltas = {};
    List<std::string_view> watched = {};
    std::string_view only = {};
  };
  /// A pass of a step in pieces: its outputs are leaves with these gradients.
  struct CachedPass {
    int32_t owner;
    NodeId row;
    Trip trip;
    List<Tensor> leaves;
    View gradient;
  };
  /// What a step and those forked from it write down together.
  struct Ledger {
    Numbers reports;
    PassCount passes;
    List<NodeId> live;     // where the rows of each recorded pass end
    List<int32_t> parent;  // by step: the one it was forked from
    List<Crossing> crossings;
    List<CachedPass> cached;
    NodeId root = 0;  // the first row after the parameters
  };
  enum class Fill { parameters, nothing };
  bool is_mine(int32_t step) const;
  List<Tensor> values_at(std::string_view site) const;
  int64_t passes_swept(const Tensor& loss) const;
  void release();
  void drop_rows();
  static Error not_crossed(std::string_view site);
  static Error untrained(std::string_view site);

  // of a step in pieces: pieces.cpp
  View travel(const Trip& trip, const Batch& piece, std::span<const Tensor> values, List<SiteValue>& sites) const;
  View constants(const Trip& trip, std::span<const Tensor> values) const;
  View cached(Trip trip);
  Tensor pull_pass(CachedPass& pass, std::string_view site, const Tensor& parameter, NodeId from) const;
  /// The sweep from loss to the parameters' gradients (Fill::nothing: none of them) and to the site, if one is named.
  Tensor pull(const Tensor& loss, std::string_view site, Fill fill, NodeId release = no_node);

  Tape* tape_;
  const Model* model_;
  const ParamStore* store_;
  const Loss* loss_;
  const Batch* batch_;
  Key key_;
  int64_t number_;
  Mode mode_;
  int64_t piece_;
  uint64_t first_pass_ = 0, passes_ = 0;  // pass keys: key / "pass" / (first_pass + n)
  List<Tensor> leaves_;
  Tape::Mark base_;
  List<Delta> deltas_;
  List<std::string_view> watched_;
  int32_t id_ = 0;  // place in Ledger::parent
  View first_;
  const Batch* partners_ = nullptr;
  double keep_ = 1;  // share of the own labels in loss(); partners_ has the rest
  std::shared_ptr<Ledger> ledger_;
};

}  // namespace tapedeck
