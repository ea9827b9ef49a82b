// The step of length epsilon that raises a linearised loss most: argmax_{|d| <= epsilon} <g, d>, for three norms and four
// readings of "the norm of the gradient". Shared by FGM and its relatives.
#pragma once
#include <tapedeck/tensor/tensor.h>

namespace tapedeck {

enum class Ball { l2, linf, l1 };
/// tensor, batch: one norm over all of g. sample: one per sequence. token: one per row.
enum class NormScope { tensor, batch, sample, token };

/// l2: epsilon g / |g|; linf: epsilon sign(g); l1: epsilon on the largest entry. A part whose gradient is zero or not
/// finite is left alone (0). g: [rows, d]; offsets i32 [B+1] is needed for NormScope::sample.
Tensor steepest_step(const Tensor& g, double epsilon, Ball ball, NormScope scope, const Tensor& offsets = {});

}  // namespace tapedeck
