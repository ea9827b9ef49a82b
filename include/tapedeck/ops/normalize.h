// Rows of length 1, columns of mean 0 and variance 1: composed of ops, so differentiable to any order.
// Next: src/ops/normalize.cpp.
#pragma once
#include <tapedeck/ops/ops.h>

namespace tapedeck {

/// Rows divided by their Euclidean length, whatever its magnitude. A row of zeros (or of numbers below the smallest normal one)
/// has no direction: it stays 0, is similar to nothing (cosine 0) and receives gradient 0. NaN and infinity give NaN. Derivatives
/// of order k grow like 1 / length^k: in f32 the second leaves the range of the type below a length of about 1e-19.
Tensor normalize(const Tensor& x /*[n,d]*/);

/// Columns of mean 0 and variance 1 under the weights, which need not add up to 1: (x - E x) / sqrt(Var x + epsilon). A table of
/// word vectors weighted by how often words occur cannot outgrow a fixed epsilon of an attack (Miyato et al. 2017, eq. 1).
Tensor standardize(const Tensor& x /*[n,d]*/, const Tensor& weight /*[n]*/, double epsilon = 0);

/// Batch normalisation of columns (Ioffe and Szegedy 2015): gain (x - mean) / sqrt(biased variance + epsilon) + bias. Rows
/// influence each other, so penalties per example mean nothing behind it. running: if given, follows mean and unbiased variance,
/// (1 - momentum) running + momentum new.
struct RunningMoments {
  Tensor mean, variance;  // [d]
};
Tensor batch_norm(const Tensor& x /*[n,d]*/, const Tensor& gain /*[d]*/, const Tensor& bias /*[d]*/, double epsilon = 1e-5,
                  RunningMoments* running = nullptr, double momentum = 0.1);

}  // namespace tapedeck
