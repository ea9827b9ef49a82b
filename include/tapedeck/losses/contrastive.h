// Contrastive losses on rows of embeddings: a positive must win a softmax over candidates. All are means over anchors, and all
// are shifted by the largest score before the exponential. Next: metric.h (margins), src/losses/contrastive.cpp.
#pragma once
#include <span>

#include <tapedeck/ops/normalize.h>

namespace tapedeck {

enum class Similarity { cosine, dot };
/// s(a_i, b_j): [n,d],[m,d] -> [n,m].
Tensor similarities(const Tensor& a, const Tensor& b, Similarity similarity = Similarity::cosine);

/// Examples that share a text, which must not push each other away: u8 [n,n], 1 for two different ones. equal: i32 [n * texts],
/// the texts of an example one after another, equal numbers for equal texts; undefined: undefined.
Tensor share_a_text(const Tensor& equal, int64_t texts = 1);

/// InfoNCE: mean_i -log e^{s(a_i,b_i)/t} / sum_j e^{s(a_i,b_j)/t} over all rows j of b; b may hold further negatives below its
/// first n rows (van den Oord et al. 2018, eq. 4). No row: 0. One candidate: 0. Identical rows: ln of the number of candidates.
/// excluded, here and below: u8 [n,n], pairs i, j of which j is no negative of i; undefined: none.
Tensor info_nce(const Tensor& a /*[n,d]*/, const Tensor& b /*[m,d], m >= n*/, double temperature,
                Similarity similarity = Similarity::cosine, const Tensor& excluded = {});
/// Half of info_nce in each direction (CLIP, Radford et al. 2021).
Tensor info_nce_both_ways(const Tensor& a, const Tensor& b, double temperature, Similarity similarity = Similarity::cosine);
/// Unsupervised SimCSE (Gao, Yao, Chen 2021, eq. 1): info_nce on cosines, N candidates, one direction.
Tensor simcse(const Tensor& a /*[n,d]*/, const Tensor& b /*[n,d]*/, double temperature = 0.05, const Tensor& excluded = {});
/// Supervised SimCSE with hard negatives (eq. 5 and appendix): mean_i -log e^{s(a_i,p_i)/t} / sum_j (e^{s(a_i,p_j)/t} +
/// alpha^{[i=j]} e^{s(a_i,h_j)/t}). alpha = hard_negative_weight >= 0 sits inside the sum (the published code adds ln alpha to
/// the diagonal); 0 leaves the own one out.
Tensor simcse_supervised(const Tensor& anchor, const Tensor& positive, const Tensor& hard_negative, double temperature = 0.05,
                         double hard_negative_weight = 1, const Tensor& excluded = {});
/// NT-Xent (Chen et al. 2020, eq. 1): every one of the 2N rows is an anchor, its other view the positive, all 2N-1 other rows the
/// candidates; mean over the 2N anchors (the published code adds two means, which is twice this). N = 1: 0.
Tensor nt_xent(const Tensor& a /*[n,d]*/, const Tensor& b /*[n,d]*/, double temperature = 0.5,
               Similarity similarity = Similarity::cosine, const Tensor& excluded = {});

enum class SupConForm { out, in };     // the mean over positives outside or inside the logarithm
enum class ContrastMode { all, one };  // anchors: the rows of all views, or of the first view only
enum class NoPositive { keep, drop };  // an anchor without positives: counts as 0 in the mean, or not at all
struct SupCon {
  double temperature = 0.1;
  double base_temperature = 0;  // the loss is multiplied by temperature / base_temperature; 0: by 1
  SupConForm form = SupConForm::out;
  ContrastMode contrast = ContrastMode::all;
  NoPositive no_positive = NoPositive::keep;
  Similarity similarity = Similarity::cosine;
};
/// Supervised contrast (Khosla et al. 2020, eq. 2 and 3). P(i): rows with the label of i, A(i): all rows but i.
///   out: mean_i -1/|P(i)| sum_{p in P(i)} log e^{z_i z_p/t} / sum_{a in A(i)} e^{z_i z_a/t}
///   in:  mean_i -log [1/|P(i)| sum_p e^{z_i z_p/t} / sum_a e^{z_i z_a/t}]   (<= out; equal when |P| = 1)
/// labels: i32 [rows], a negative one is a class of its own row. anchors > 0: only the first rows are anchors.
Tensor sup_con(const Tensor& z /*[rows,d]*/, const Tensor& labels, const SupCon& options = {}, int64_t anchors = 0);
/// Views of the same n examples; labels i32 [n]. Undefined labels (or negative ones): the positives are the example's other
/// views, and those of an equal example. equal: i32 [n], equal numbers for equal examples; undefined: all differ.
Tensor sup_con(std::span<const Tensor> views /*each [n,d]*/, const Tensor& labels, const SupCon& options = {},
               const Tensor& equal = {});

/// Alignment of positive pairs, mean_i |x_i - y_i|^power, and uniformity, log mean_{i != j} e^{-t |x_i - x_j|^2}, of normalised
/// rows (Wang and Isola 2020). Fewer than two rows: uniformity 0. As a loss: alignment + weight * uniformity of both views.
Tensor alignment(const Tensor& x /*[n,d]*/, const Tensor& y /*[n,d]*/, double power = 2);
Tensor uniformity(const Tensor& x /*[n,d]*/, double t = 2);
Tensor align_uniform(const Tensor& x, const Tensor& y, double weight = 1, double power = 2, double t = 2);

}  // namespace tapedeck
