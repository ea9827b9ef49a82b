// Metric-learning losses: distances and cosines of embeddings with margins. Means over anchors, triplets or pairs as each says.
// Next: proxies.h (classes as vectors), src/losses/metric.cpp.
//
// Hard cases: no triplet, pair or positive at all (one row, one class, all labels different) is 0 with gradient 0; a negative
// label belongs to no class and is not used; equal rows have distance 0 with gradient 0; a row of zeros has cosine 0 to all
// (normalize). Squared distances must be finite.
#pragma once
#include <optional>

#include <tapedeck/ops/ops.h>

namespace tapedeck {

/// |a_i - b_i| per row, [n]; gradient 0 where rows are equal.
Tensor row_distance(const Tensor& a /*[n,d]*/, const Tensor& b /*[n,d]*/);

/// Mean of max(0, |a - p| - |a - n| + margin) over given triplets (Schroff et al. 2015 with unsquared distances).
Tensor triplet(const Tensor& anchor, const Tensor& positive, const Tensor& negative, double margin = 0.3);
/// hardest: per anchor its farthest positive and nearest negative, mean over anchors that have both (Hermans et al. 2017, eq. 5).
/// semi_hard: per anchor and positive the nearest negative farther than the positive, else the farthest negative; mean over all
/// such pairs (Schroff et al. 2015, section 3.2). margin undefined: softplus instead of the hinge (soft margin).
enum class Mining { hardest, semi_hard };
Tensor triplet_mined(const Tensor& z /*[n,d]*/, const Tensor& labels /*i32 [n]*/, Mining mining = Mining::hardest,
                     std::optional<double> margin = 0.3);

/// Mean over pairs of 1/2 d^2 for equal labels, 1/2 max(0, margin - d)^2 otherwise, d = |x - y| (Hadsell et al. 2006, eq. 4).
Tensor contrastive_pair(const Tensor& x /*[n,d]*/, const Tensor& y /*[n,d]*/, const Tensor& same /*u8 [n]*/, double margin = 1);
/// mean_i log(1 + sum_{j != i} e^{a_i p_j - a_i p_i}) + l2 / 4 mean_i (|a_i|^2 + |p_i|^2) (Sohn 2016, eq. 7; a row per class).
Tensor n_pairs(const Tensor& anchor /*[n,d]*/, const Tensor& positive /*[n,d]*/, double l2 = 0, const Tensor& excluded = {});

/// mean_i 1/alpha log(1 + sum_p e^{-alpha (s_ip - base)}) + 1/beta log(1 + sum_n e^{beta (s_in - base)}), s cosines, mean over
/// all anchors. mining: only negatives above the least similar positive minus it, positives below the most similar negative plus
/// it (Wang et al. 2019, eq. 15, 13 and 14); undefined: all pairs.
struct MultiSimilarity {
  double alpha = 2, beta = 50, base = 0.5;
  std::optional<double> mining = 0.1;
};
Tensor multi_similarity(const Tensor& z, const Tensor& labels, const MultiSimilarity& options = {});

/// log(1 + sum_n e^{scale a_n (s_n - margin)} sum_p e^{-scale a_p (s_p - 1 + margin)}), a_n = max(0, s_n + margin) and
/// a_p = max(0, 1 + margin - s_p) without gradient, mean over anchors with positives and negatives (Sun et al. 2020, eq. 6 and
/// 7).
Tensor circle(const Tensor& z, const Tensor& labels, double margin = 0.25, double scale = 256);

/// log(1 + sum over pairs of pairs with target_i > target_j of e^{scale (cos_j - cos_i)}), cos_i = cos(x_i, y_i): a pair that is
/// more alike must have the larger cosine (CoSENT, kexue.fm/archives/8847). One value for the batch.
Tensor cosent(const Tensor& x /*[n,d]*/, const Tensor& y /*[n,d]*/, const Tensor& target /*[n]*/, double scale = 20);

/// sum_i (1 - C_ii)^2 + weight sum_{i != j} C_ij^2, C = a'^T b' / n, columns standardised with biased variance + epsilon
/// (Barlow Twins, Zbontar et al. 2021, eq. 1). One row: C = 0, so d.
Tensor barlow_twins(const Tensor& a /*[n,d]*/, const Tensor& b /*[n,d]*/, double weight = 0.005, double epsilon = 1e-5);

/// similarity mse(a,b) + variance (v(a) + v(b)) / 2 + covariance (c(a) + c(b)), v = mean_j max(0, 1 - sqrt(Var_j + epsilon)),
/// c = 1/d sum_{i != j} Cov_ij^2, both with n - 1 (Bardes et al. 2022, eq. 6 as in the published code). One row: Var = Cov = 0.
struct VicReg {
  double similarity = 25, variance = 25, covariance = 1, epsilon = 1e-4;
};
Tensor vicreg(const Tensor& a, const Tensor& b, const VicReg& options = {});

}  // namespace tapedeck
