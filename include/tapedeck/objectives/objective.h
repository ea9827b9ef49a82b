// A training method: a composition of the verbs of Step. Objectives nest: {"type": "fgm", "loss": {"type": "r_drop", ...}}.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <tapedeck/base/registry.h>
#include <tapedeck/objectives/step.h>

namespace tapedeck {

/// What every objective is told once, before the first step.
struct SetupContext {
  const ParamStore& store;
  int64_t examples = 0;  // of the training split; Batch::indices counts them
  int64_t outputs = 0;   // logits of an example; 0 where rows of logits are not examples
  /// The parameters of a checkpoint (or of a run's best one), laid out like store.values(); Error{checkpoint} when they do not
  /// fit.
  std::function<Tensor(const std::string& folder)> load = {};
};

struct Adversary;

struct Objective : Part {
  static constexpr const char* kind = "objective";
  /// The value to be minimised, on the step's tape.
  virtual Tensor loss(Step& step) = 0;
  /// Adds the gradients of the step; returns the value to log. Methods with several sweeps do better than loss + backward.
  virtual double run(Step& step);
  /// Makes what is carried from step to step: a teacher's parameters, remembered predictions. Called again when a run starts anew
  /// (the first steps may have been tried before): what was there is forgotten.
  virtual void begin(const SetupContext&) {}
  /// What is carried, for checkpoints: saved by name, restored by copying into these tensors.
  virtual std::map<std::string, Tensor> extra_state() const { return {}; }
  /// After each update of the parameters, number from 0. A step that is repeated (an attack, a replay) must not count twice, so
  /// whatever loss() learns about the batch is taken over here.
  virtual void updated(const ParamStore&, int64_t /*number*/) {}
  /// The innermost task loss: evaluation reports it.
  virtual const Loss& task() const = 0;
  /// Sites this objective perturbs or differentiates by ("embedding", "encoder.embeddings.word"): checked before training.
  virtual std::vector<std::string> sites() const { return {}; }
  /// False for methods that learn from texts alone: the task loss then only measures, where the data have labels.
  virtual bool needs_labels() const { return true; }
  /// True when the method asks for Order::differentiable: the tape then keeps what such a sweep reads instead of computing it
  /// again.
  virtual bool second_order() const { return false; }
  /// True when examples of a batch influence each other: a batch that is cut is then one step in pieces (gradient cache, see
  /// Step) in place of one step for each piece.
  virtual bool couples_examples() const { return false; }
  /// Who attacks in here, if anybody does. In a Wrapper its site is a site of the objective, and what couples its examples
  /// couples them there.
  virtual const Adversary* attacker() const { return nullptr; }
};

/// An objective with a task loss of its own, which it trains on or only reports.
struct TaskObjective : Objective {
  Choice<Loss> task_loss{"cross_entropy"};
  const Loss& task() const override { return *task_loss; }
};

/// An objective around another one: what it does not say itself, the inner one says.
struct Wrapper : Objective {
  Choice<Objective> inner{"cross_entropy"};
  const Loss& task() const override { return inner->task(); }
  std::vector<std::string> sites() const override;
  /// The sites that this objective perturbs or differentiates by itself, without those of its attacker.
  virtual std::vector<std::string> own_sites() const { return {}; }
  bool needs_labels() const override { return inner->needs_labels(); }
  bool second_order() const override { return inner->second_order(); }
  bool couples_examples() const override;
};

/// How strongly a regulariser counts: its weight grows over `ramp` updates, and is 0 on updates that are not every k-th.
struct WeightSchedule {
  /// With s = min(1, n / ramp) at update n: linear, s; sigmoid, e^{-5 (1 - s)^2} (Laine and Aila 2017, section 3.2).
  enum class Shape { linear, sigmoid };
  double weight = 1;
  int64_t every = 1;
  Duration ramp;
  Shape shape = Shape::linear;
  void describe(Fields& f, const char* what);  // "weight", "every", "ramp", "ramp_shape"
  double at(const Step& step) const;
};

/// L + weight(n) term: another objective and something beside it, whose passes are made only where its weight is not 0.
struct Regulariser : Wrapper {
  WeightSchedule schedule;
  Tensor loss(Step& step) override;

 protected:
  /// reported: the name of the term in the log.
  explicit Regulariser(const char* reported, double weight = 1) : schedule{weight, 1, {}, {}}, reported_(reported) {}
  /// "loss", "weight", "every", "ramp", "ramp_shape".
  void describe_loss(Fields& f, const char* weight,
                     const char* loss = "what is trained beside: a task loss or another objective");
  /// Before any pass: what must hold, sites to watch.
  virtual void prepare(Step&) const {}
  virtual Tensor term(Step& step, const Tensor& task) = 0;
  virtual double sign() const { return 1; }

 private:
  const char* reported_;
};

/// The objective and all objectives inside it with their places in the experiment ("", "loss", "terms.0.loss"), outermost first.
std::vector<std::pair<std::string, Objective*>> with_inner(Objective& objective);

}  // namespace tapedeck
