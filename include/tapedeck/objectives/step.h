// One batch, one tape, the verbs: every training method is a composition of forward, loss, backward, grad and with.
// Next: objective.h (what a method is), src/objectives/r_drop.cpp (a method on a page).
#pragma once
#include <memory>
#include <optional>
#include <string_view>

#include <tapedeck/losses/loss.h>
#include <tapedeck/nn/model.h>
#include <tapedeck/tape/tape.h>

namespace tapedeck {

/// What one forward pass left: the outputs, and the values at the sites.
struct View {
  Tensor logits, pooled, hidden, projection;
  /// What contrastive methods compare: the projection where the model has one, [S, size].
  const Tensor& embedding() const { return projection ? projection : pooled; }
};
enum class DropoutMasks { same, fresh };          // of a shifted step: replay the masks of the step it came from, or draw new ones

class Step {
 public:
  /// Starts a step on an empty tape: watches every parameter. loss: the task loss. key: seed / "step" / n.
  Step(Tape& tape, const Model& model, const ParamStore& store, const Loss& loss, const Batch& batch, Key key,
       int64_t number = 0, Mode mode = Mode::train);

  /// A pass with a fresh dropout key; dropout replaces every non-zero rate of the model.
  View forward(std::optional<double> dropout = {});
  Tensor loss(const View& view);                                 // the task loss named in the config
  /// Adds into parameter gradients and drops the rows of this step: tensors made since are stale afterwards.
  void backward(const Tensor& loss);
  /// ... and returns the detached gradient at a site, summed over the passes that crossed it.
  Tensor backward(const Tensor& loss, std::string_view site);
  /// Touches no parameter gradient, keeps the rows. Order::differentiable: the result can be differentiated again.
  Tensor grad(const Tensor& loss, std::string_view site, Order order = Order::first);
  /// The same batch and the same passes, shifted by delta at the site.
  Step with(std::string_view site, const Tensor& delta, DropoutMasks masks = DropoutMasks::same) const;
  /// Remembers a named number for the log. Like the loss it is the share of this micro-batch: shares are summed over the step.
  void report(std::string_view name, double value);

  /// Asks later passes to remember `site` (activation sites are remembered anyway once watched here).
  void watch(std::string_view site);
  bool is_parameter(std::string_view site) const { return store_->find(site) != nullptr; }
  const Batch& batch() const { return *batch_; }
  const ParamStore& store() const { return *store_; }
  Key key() const { return key_; }
  int64_t number() const { return number_; }                     // optimizer step, from 0
  const Numbers& reports() const { return *reports_; }

 private:
  List<Tensor> values_at(std::string_view site) const;

  Tape* tape_;
  const Model* model_;
  const ParamStore* store_;
  const Loss* loss_;
  const Batch* batch_;
  Key key_;
  int64_t number_;
  Mode mode_;
  uint64_t first_pass_ = 0, passes_ = 0;                         // pass keys: key / "pass" / (first_pass + n)
  List<Tensor> leaves_;
  Tape::Mark base_;
  List<Delta> deltas_;
  List<std::string_view> watched_;
  List<SiteValue> sites_;
  std::shared_ptr<Numbers> reports_;
};

}  // namespace tapedeck
