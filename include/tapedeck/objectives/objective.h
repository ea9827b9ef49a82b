// A training method: a composition of the verbs of Step. Objectives nest: {"type": "fgm", "loss": {"type": "r_drop", ...}}.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/base/registry.h>
#include <tapedeck/objectives/step.h>

namespace tapedeck {

struct Objective : Part {
  static constexpr const char* kind = "objective";
  /// The value to be minimised, on the step's tape.
  virtual Tensor loss(Step& step) = 0;
  /// Adds the gradients of the step; returns the value to log. Methods with several sweeps do better than loss + backward.
  virtual double run(Step& step);
  /// The innermost task loss: evaluation reports it.
  virtual const Loss& task() const = 0;
  /// Sites this objective perturbs or differentiates by ("embedding", "encoder.embeddings.word"): checked before training.
  virtual std::vector<std::string> sites() const { return {}; }
  /// False for methods that learn from texts alone: the task loss then only measures, where the data have labels.
  virtual bool needs_labels() const { return true; }
  /// True when the method asks for Order::differentiable: the tape then keeps what such a sweep reads instead of computing it again.
  virtual bool second_order() const { return false; }
  /// True when examples of a batch influence each other, so that micro-batches would change the method.
  virtual bool couples_examples() const { return false; }
};

}  // namespace tapedeck
