// Losses of logits against class labels, beside cross_entropy (loss.h): means over labelled rows of a function of log p_y and
// log(1 - p_y), both taken from logits without cancellation. Next: multilabel.h, src/losses/classification.cpp.
//
// Hard cases, the same for all: a negative label or class weight 0 switches a row off, whatever it holds; a row that is -inf
// throughout counts as 0 with gradient 0; a label on a class of logit -inf costs what the formula gives at p_y = 0 (+inf where it
// has a logarithm) with gradient 0; NaN and +inf are not logits and give NaN. No labelled row: 0.
#pragma once
#include <vector>

#include <tapedeck/ops/fused.h>

namespace tapedeck {

/// How rows become a mean: sum_r w_{y_r} l_r / total. total 0: the sum of the weights of these rows.
struct RowWeights {
  std::vector<double> class_weights;  // by label; empty: 1
  double total = 0;
};

/// (1 - p_y)^gamma (-log p_y) (Lin et al. 2017, eq. 4); gamma 0 is cross-entropy.
Tensor focal(const Tensor& logits /*[...,c]*/, const Tensor& labels /*i32 [rows]*/, double gamma = 2,
             const RowWeights& average = {});
/// -log p_y + epsilon (1 - p_y) (Poly-1, Leng et al. 2022, eq. 5).
Tensor poly1(const Tensor& logits, const Tensor& labels, double epsilon = 1, const RowWeights& average = {});
/// -sum_c t_c w_c log p_c, t the label smoothed over all classes, w_y = (1 - p_y)^gamma_positive, w_c = p_c^gamma_negative
/// elsewhere (single-label form of Ridnik et al. 2021). Without smoothing it is focal(gamma_positive).
Tensor asymmetric(const Tensor& logits, const Tensor& labels, double gamma_positive = 0, double gamma_negative = 4,
                  double smoothing = 0.1, const RowWeights& average = {});
/// alpha (-log p_y) + beta (-log_zero) (1 - p_y): cross-entropy and its reverse with log 0 := log_zero < 0 (Wang et al. 2019, eq.
/// 7).
Tensor symmetric_cross_entropy(const Tensor& logits, const Tensor& labels, double alpha = 0.1, double beta = 1,
                               double log_zero = -4, const RowWeights& average = {});
/// (1 - p_y^q) / q, 0 < q <= 1: cross-entropy as q -> 0, mean absolute error at q = 1 (Zhang and Sabuncu 2018, eq. 6).
Tensor generalised_cross_entropy(const Tensor& logits, const Tensor& labels, double q = 0.7, const RowWeights& average = {});
/// 1/c sum_{k != y} max(0, margin - x_y + x_k)^power, power 1 or 2 (Weston and Watkins 1999; as PyTorch's multi_margin_loss).
Tensor hinge(const Tensor& logits, const Tensor& labels, double margin = 1, int power = 1, const RowWeights& average = {});
/// 1 - (2 s p_y + smooth) / (s p_y + 1 + smooth), s = (1 - p_y)^alpha: self-adjusting dice (Li et al. 2020, eq. 10).
Tensor self_adjusting_dice(const Tensor& logits, const Tensor& labels, double alpha = 1, double smooth = 1,
                           const RowWeights& average = {});
/// sum_c 1 - (2 f_c t_c + smooth) / (f_c^2 + t_c + smooth), f_c = (1 - p_c)^alpha p_c, t the label: each class against the rest
/// (Li et al. 2020, as their code with square_denominator).
Tensor dice_of_classes(const Tensor& logits, const Tensor& labels, double alpha = 1, double smooth = 1,
                       const RowWeights& average = {});

/// Cross-entropy with a weight for every class of q instead of one for the row: -(1/n) sum_i sum_c w_c q_c log p_c, n = sum_i
/// w_y, which is PyTorch's cross_entropy(weight, label_smoothing). labels: i32 [rows], negative: none; one weight per class
/// (Error{shape}).
Tensor cross_entropy_by_class(const Tensor& logits, const Tensor& labels, Smoothing smoothing,
                              const std::vector<double>& class_weights, double total_weight = 0);
/// Mean over rows of -sum_c q_c log p_c; q[rows,c] >= 0 carries no gradient, q_c = 0 adds 0. total > 0 replaces the row count.
Tensor soft_cross_entropy(const Tensor& logits, const Tensor& q, double total = 0);
/// Mean over rows of H(p) = -sum_c p_c log p_c. Subtracted it is the confidence penalty (Pereyra et al. 2017), added it is
/// entropy minimisation. counts: weight of each row [rows] or undefined; total > 0 replaces their sum.
Tensor entropy(const Tensor& logits, const Tensor& counts = {}, double total = 0);

/// (1 - beta) / (1 - beta^n) for each class count n, scaled to sum to the number of classes; 0 for a class without examples
/// (effective number of samples, Cui et al. 2019, eq. 2). beta 0: all equal; beta -> 1: one over the count.
std::vector<double> class_balanced_weights(const std::vector<double>& counts, double beta = 0.9999);

}  // namespace tapedeck
