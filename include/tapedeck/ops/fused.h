// Fused ops: a forward and a backward kernel, and a reference in smaller ops that the kernels are tested against and
// that supplies every higher derivative. Sequences are packed: [T, d] tokens with i32 offsets [B+1].
#pragma once
#include <cstdint>

#include <tapedeck/ops/ops.h>

namespace tapedeck {

enum class Activation : uint8_t { none, relu, gelu, gelu_tanh, silu, tanh };

/// y = act(x w^T + bias): x[..., in], w[out, in], bias[out] or undefined.
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias = {}, Activation act = Activation::none);

/// (x - mean) / sqrt(var + epsilon) * gain + bias over the last axis (Ba, Kiros, Hinton 2016); biased variance.
Tensor layer_norm(const Tensor& x, const Tensor& gain, const Tensor& bias, double epsilon = 1e-5);

struct DropoutSpec {
  double p = 0;
  Key key;
  uint64_t first = 0;
};
struct ResidualNorm {
  Tensor sum, norm;
};
/// sum = residual + dropout(x); norm = layer_norm(sum). Post-norm blocks use norm only, pre-norm blocks both.
ResidualNorm residual_norm(const Tensor& x, const Tensor& residual, const Tensor& gain, const Tensor& bias, double epsilon,
                           DropoutSpec dropout = {});

/// Multi-head self-attention inside packed sequences: qkv[T, 3d] holds queries, keys, values; result [T, d]. The first-order
/// kernel makes probabilities again from the log-normaliser l, with a relative error of |l| times the type's rounding (f32: 6e-4
/// at scores of 10^4); higher orders replay the reference, which has no such error. softmax(q k^T / sqrt(d/heads)) with dropout
/// on the probabilities; Vaswani et al. 2017, eq. 1.
struct AttentionSpec {
  int64_t heads = 1;
  bool causal = false;
  DropoutSpec dropout;
};
Tensor attention(const Tensor& qkv, const Tensor& offsets, const AttentionSpec& spec);

/// The ragged primitives that attention's reference is made of; their rules are written in each other.
/// scores: flat [heads * sum_b len_b^2], pair (b, h, i, j) at heads * sum_{c<b} len_c^2 + (h len_b + i) len_b + j.
Tensor ragged_scores(const Tensor& q /*[T,d]*/, const Tensor& k /*[T,d]*/, const Tensor& offsets, int64_t heads, bool causal,
                     double scale);
Tensor ragged_softmax(const Tensor& scores, const Tensor& offsets, int64_t heads, bool causal);
Tensor ragged_weighted_sum(const Tensor& p, const Tensor& v /*[T,d]*/, const Tensor& offsets,
                           int64_t heads);  // out_i = sum_j p_ij v_j
Tensor ragged_weighted_sum_transposed(const Tensor& p, const Tensor& q /*[T,d]*/, const Tensor& offsets,
                                      int64_t heads);  // out_j = sum_i p_ij q_i

/// Rotates the first `columns` columns of each row by its position (RoFormer, Su et al. 2021); head_dim even.
Tensor rotary(const Tensor& x /*[T,s]*/, const Tensor& positions /*i32 [T]*/, int64_t columns, int64_t head_dim,
              double base = 10000, bool inverse = false);

/// sum[i] = word[w_i] + position[p_i] + segment[s_i]; undefined tables are left out.
Tensor embedding_sum(const Tensor& word, const Tensor& word_index, const Tensor& position = {}, const Tensor& position_index = {},
                     const Tensor& segment = {}, const Tensor& segment_index = {});
/// layer_norm(embedding_sum(...)) in one pass.
Tensor embedding_norm(const Tensor& word, const Tensor& word_index, const Tensor& position, const Tensor& position_index,
                      const Tensor& segment, const Tensor& segment_index, const Tensor& gain, const Tensor& bias, double epsilon);

// pooling of packed sequences: [T,d] -> [B,d]; an empty sequence gives zeros
Tensor segment_first(const Tensor& x, const Tensor& offsets);
Tensor segment_mean(const Tensor& x, const Tensor& offsets);
Tensor segment_max(const Tensor& x, const Tensor& offsets);

/// Label smoothing in both published conventions: total is the mass taken from the label's one-hot, each the mass given to
/// every class (label included). Szegedy et al. / PyTorch: {e, e/K}; fairseq: {e + e/(K-1), e/(K-1)}.
struct Smoothing {
  double total = 0, each = 0;
};
/// Per row -sum_c q_c log softmax(x)_c times weight: x[r,c], labels i32 [r], weights [r] or undefined -> [r]. A row whose
/// label is `ignore` counts as weight 0: loss and gradient are exactly 0 whatever the row holds. Large logits: as attention.
Tensor cross_entropy_rows(const Tensor& x, const Tensor& labels, Smoothing smoothing = {}, const Tensor& weights = {},
                          int32_t ignore = -1);

/// Per row KL(p||q) + KL(q||p) = sum_c (p_c - q_c)(a_c - b_c), p = softmax(a), q = softmax(b): [r,c],[r,c] -> [r].
Tensor symmetric_kl_rows(const Tensor& a, const Tensor& b);

}  // namespace tapedeck
