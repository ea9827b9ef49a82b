// Losses: pure functions of tensors, and the parts that name them in JSON. Every loss divides by the weight of the whole
// optimizer step, so micro-batches add up to the full batch.
#pragma once
#include <vector>

#include <tapedeck/base/registry.h>
#include <tapedeck/nn/batch.h>
#include <tapedeck/ops/fused.h>

namespace tapedeck {

/// sum: over everything. mean: sum / all elements (divides by the classes too, as PyTorch's default does). batchmean: sum / rows
/// of the first axis. tokenmean: sum over classes, mean over positions with mask 1.
enum class Reduction { sum, mean, batchmean, tokenmean };
/// Reduces per-element values x[..., classes] (last axis classes). mask: u8 over positions, for tokenmean. rows > 0 replaces the
/// divisor's count of rows (batchmean), so that micro-batches can divide by the whole step.
Tensor reduce(const Tensor& x, Reduction reduction, const Tensor& mask = {}, double rows = 0);

/// KL(p || q) elementwise p (log p - log q), from logits of both; [r,c] (methods: argument order as written, first is the reference).
Tensor kl_divergence(const Tensor& p_logits, const Tensor& q_logits, Reduction reduction, const Tensor& mask = {});
/// KL(p||q) + KL(q||p) = sum (p - q)(a - b).
Tensor symmetric_kl(const Tensor& a, const Tensor& b, Reduction reduction, const Tensor& mask = {}, double rows = 0);
/// Mean over labelled rows of -sum_c q_c log p_c; see Smoothing for the two conventions of label smoothing.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Smoothing smoothing = {}, const std::vector<double>& class_weights = {},
                     int32_t ignore = -1, double total_weight = 0);
Tensor mse(const Tensor& prediction, const Tensor& target);      // mean of squared differences

/// The task loss named in an experiment.
struct Loss : Part {
  static constexpr const char* kind = "loss";
  /// Scalar: the batch's share of the step's mean loss.
  virtual Tensor operator()(const Tensor& logits, const Batch& batch) const = 0;
  /// Weight of one example in the step's mean (class weight; 0 when ignored).
  virtual double weight(int32_t /*label*/) const { return 1; }
  virtual bool regression() const { return false; }
  /// Checks options against the number of outputs (class weights, ...); throws Error{config}.
  virtual void check(int64_t /*outputs*/) const {}
};

}  // namespace tapedeck
