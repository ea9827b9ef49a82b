// Losses of numbers against numbers: means over elements. Next: src/losses/regression.cpp.
//
// Hard cases: a square beyond the range of the type is +inf, and so is its gradient in mse; an empty batch gives 0; NaN gives
// NaN.
#pragma once
#include <tapedeck/ops/ops.h>

namespace tapedeck {

/// Mean of (prediction - target)^2 over elements; total > 0 replaces their count.
Tensor mse(const Tensor& prediction, const Tensor& target, double total = 0);
/// d^2 / 2 up to |d| = delta, then delta (|d| - delta / 2), d = prediction - target (Huber 1964).
Tensor huber(const Tensor& prediction, const Tensor& target, double delta = 1, double total = 0);
/// log cosh d, smooth everywhere: d^2 / 2 near 0, |d| - ln 2 far away.
Tensor log_cosh(const Tensor& prediction, const Tensor& target, double total = 0);
/// max(quantile e, (quantile - 1) e), e = target - prediction: its minimum is that quantile (Koenker and Bassett 1978).
Tensor pinball(const Tensor& prediction, const Tensor& target, double quantile = 0.5, double total = 0);

}  // namespace tapedeck
