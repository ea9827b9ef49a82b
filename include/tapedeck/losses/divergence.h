// How far two predictions are apart, from the logits of both, with the reductions that published code disagrees about.
// Every gradient goes to both sides; detach() one for a one-sided version. Next: loss.h, src/losses/divergence.cpp.
//
// Hard cases: 0 log 0 = 0; a class that only the other side excludes (logit -inf) makes KL +inf, with gradient 0; a row that is
// -inf on both sides throughout counts as 0. NaN and +inf are not logits and give NaN.
#pragma once
#include <tapedeck/ops/ops.h>

namespace tapedeck {

/// sum: over everything. mean: sum / all elements (divides by the classes too, as PyTorch's default does). batchmean: sum / rows
/// of the first axis. tokenmean: sum over classes, mean over positions with mask 1.
enum class Reduction { sum, mean, batchmean, tokenmean };
/// Reduces per-element values x[..., classes] (last axis classes). mask: u8 over positions, for tokenmean. rows > 0 replaces the
/// divisor's count of rows (batchmean), so that micro-batches can divide by the whole step.
Tensor reduce(const Tensor& x, Reduction reduction, const Tensor& mask = {}, double rows = 0);

/// KL(p || q) = sum_c p (log p - log q), the first argument is the one the mean is taken over (methods: argument order as
/// written).
Tensor kl_divergence(const Tensor& p_logits, const Tensor& q_logits, Reduction reduction, const Tensor& mask = {},
                     double rows = 0);
/// KL(p || m) of one of several predictions and the logarithm of a mean that has part of it, [rows,c] of a row each: finite
/// whatever is excluded.
Tensor kl_to_mean(const Tensor& p_logits, const Tensor& log_mean, Reduction reduction, double rows = 0);
/// KL(p||q) + KL(q||p) = sum (p - q)(a - b).
Tensor symmetric_kl(const Tensor& a, const Tensor& b, Reduction reduction, const Tensor& mask = {}, double rows = 0);
/// 1/2 KL(p || m) + 1/2 KL(q || m), m = (p + q) / 2 (Lin 1991); at most ln 2 per row, finite whatever is excluded.
Tensor jensen_shannon(const Tensor& a, const Tensor& b, Reduction reduction, const Tensor& mask = {}, double rows = 0);
/// Squared Hellinger distance 1/2 sum_c (sqrt p_c - sqrt q_c)^2; between 0 and 1 per row.
Tensor hellinger(const Tensor& a, const Tensor& b, Reduction reduction, const Tensor& mask = {}, double rows = 0);
/// sum_c (sigmoid(s_c) - sigmoid(t_c)) (s_c - t_c): the KL of GlobalPointer, which is the sum over cells of KL(p||q) + KL(q||p)
/// of two Bernoulli variables (kexue.fm/archives/9039). A cell that is -inf on either side is no cell and adds 0.
Tensor sigmoid_divergence(const Tensor& s, const Tensor& t, Reduction reduction, const Tensor& mask = {}, double rows = 0);

}  // namespace tapedeck
