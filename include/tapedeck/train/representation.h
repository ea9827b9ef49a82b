// Numbers that say how a set of vectors lies in space, and how honest probabilities are. Rows are f64 [n,d]; cosines ignore
// their lengths. Alignment and uniformity are losses as well: losses/contrastive.h. Next: src/train/metrics_representation.cpp.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include <tapedeck/tensor/tensor.h>

namespace tapedeck {

/// Mean cosine of two different rows (Ethayarajh 2019; Jiang et al. 2022, equation 1 without its absolute value): 0 when rows
/// spread over all directions, 1 when they share one. with_self averages over all n^2 pairs, as published code does: larger by (1
/// - value) / n. One row: 0 without itself, 1 with.
double anisotropy(const Tensor& z, bool with_self = false);

/// Leave-one-out nearest neighbours by cosine: share of labelled rows whose k nearest other labelled rows vote for their label
/// (ties: the class of the nearer neighbour). NaN with fewer than two labelled rows.
double knn_accuracy(const Tensor& z, std::span<const int32_t> labels, int64_t k);

/// exp of the entropy of the normalised singular values of z (Roy and Vetterli 2007): from 1 (all rows on a line) to min(n, d).
/// All zeros: 0.
double effective_rank(const Tensor& z);

/// Mean |accuracy - confidence| over equal bins of confidence, weighted by how many examples fall in (Guo et al. 2017, equation
/// 3). Confidence is the largest probability; bin b holds ((b, b+1] / bins). Unlabelled rows do not count; NaN without labels.
double expected_calibration_error(std::span<const std::vector<double>> probabilities, std::span<const int32_t> labels,
                                  int64_t bins);

/// Linear correlation of x and y, and that of their ranks (ties averaged); 0 when a side is constant.
double pearson(const std::vector<double>& x, const std::vector<double>& y);
double spearman(const std::vector<double>& x, const std::vector<double>& y);

/// Eigenvalues of a symmetric matrix [d,d], largest first (cyclic Jacobi).
std::vector<double> symmetric_eigenvalues(const Tensor& a);

}  // namespace tapedeck
