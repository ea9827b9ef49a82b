// Losses: pure functions of tensors, and the parts that name them in JSON. Every loss divides by the weight of the whole
// optimizer step, so micro-batches add up to the full batch.
#pragma once
#include <vector>

#include <tapedeck/base/registry.h>
#include <tapedeck/losses/divergence.h>
#include <tapedeck/losses/regression.h>
#include <tapedeck/nn/model.h>
#include <tapedeck/ops/fused.h>

namespace tapedeck {

/// Mean over labelled rows of -sum_c q_c log p_c; see Smoothing for the two conventions of label smoothing. A row that is -inf
/// throughout counts as 0; a label (or smoothing mass) on a class of logit -inf costs +inf. NaN and +inf are not logits and give
/// NaN.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Smoothing smoothing = {},
                     const std::vector<double>& class_weights = {}, int32_t ignore = -1, double total_weight = 0);

/// The task loss named in an experiment.
struct Loss : Part {
  static constexpr const char* kind = "loss";
  /// Scalar: the batch's share of the step's mean loss.
  virtual Tensor operator()(const Tensor& logits, const Batch& batch) const = 0;
  /// Weight of one example in the step's mean (class weight; 0 when ignored).
  virtual double weight(int32_t /*label*/) const { return 1; }
  /// The same from all that the model gives: losses of whole tag sequences read its transitions. Throws Error{config} where it
  /// has some that this loss would not train.
  virtual Tensor of(const Output& out, const Batch& batch) const;
  /// i32, the class of every row that is most likely under this loss.
  virtual Tensor decode(const Output& out, const Batch& /*batch*/) const { return argmax(out.logits, 1); }
  /// What it reads, and whether it can read what the data ask; by default rows of any kind but spans with the same link.
  virtual Answer answer() const { return {}; }
  virtual bool suits(Answer asked) const {
    return asked.link == answer().link && (asked.rows == Rows::spans) == (answer().rows == Rows::spans);
  }
  /// Checks options against the number of outputs (class weights, ...); throws Error{config}.
  virtual void check(int64_t /*outputs*/) const {}
};

}  // namespace tapedeck
