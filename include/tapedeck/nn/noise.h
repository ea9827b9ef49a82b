// What training may do to activations and weights beside the fused dropout: whole tokens' features, paths, heads, layers, weights
// or Gaussian noise. Every draw is keyed by (seed, step, pass, path) and indexed by the row of the optimizer step, so
// micro-batches see the masks of the full batch. Outside training everything here is the identity. Next: src/nn/noise.cpp.
#pragma once
#include <tapedeck/base/fields.h>
#include <tapedeck/nn/pass.h>

namespace tapedeck {

/// standard: every element by itself (Srivastava et al. 2014). locked: one mask per sequence for all its tokens (Gal and
/// Ghahramani 2016; spatial dropout, Tompson et al. 2015). gaussian: x (1 + N(0, p / (1 - p))), the variance of dropout without
/// its zeros.
enum class DropoutKind { standard, locked, gaussian };
/// x[rows, c] with drop probability p at the current scope; rows are tokens or sequences.
Tensor drop(const Pass& pass, const Tensor& x, double p, Rows rows, DropoutKind kind);

/// Stochastic depth: each sequence loses x entirely with probability p, else x / (1 - p) (Huang et al. 2016).
Tensor drop_path(const Pass& pass, const Tensor& x /*[T,c]*/, double p);
/// Each sequence loses whole heads: block h of the columns with probability p, else / (1 - p) (Zhou et al. 2020, "Scheduled
/// DropHead").
Tensor drop_heads(const Pass& pass, const Tensor& x /*[T, heads * size]*/, double p, int64_t heads);
/// LayerDrop: true when the layer at the current scope is left out of this pass, for the whole step (Fan et al. 2020).
bool layer_dropped(const Pass& pass, double p);
/// x + deviation N(0, 1).
Tensor add_noise(const Pass& pass, const Tensor& x /*[rows,c]*/, double deviation, Rows rows);
/// x + alpha u / sqrt(tokens c) inside each sequence, u uniform in [-1, 1] (NEFTune, Jain et al. 2024).
Tensor neftune(const Pass& pass, const Tensor& x /*[T,c]*/, double alpha);
/// x (M * W)^T, M keeping each weight with probability 1 - p and scaled by 1 / (1 - p): one M for the step, or one per example
/// (Wan et al. 2013; memory rows * |W|). Outside training x W^T, the mean; the published inference samples a Gaussian around it.
Tensor drop_connect(const Pass& pass, const Tensor& x /*[rows,in]*/, const Tensor& weight /*[out,in]*/, double p,
                    bool per_example, Rows rows);

/// "noise" of an encoder.
struct NoiseOptions : Part {
  DropoutKind dropout = DropoutKind::standard;
  double drop_path = 0, drop_heads = 0, layer_drop = 0, embedding = 0, neftune = 0, hidden = 0;
  void describe(Fields& f) override;
  /// Whether a residual branch needs more than the fused dropout.
  bool on_branches() const { return dropout != DropoutKind::standard || drop_path > 0; }
};

}  // namespace tapedeck
