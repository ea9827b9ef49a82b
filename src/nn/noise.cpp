// Masks and noise. A mask is standard dropout of a tensor of ones with fewer elements than what it is spread over.
#include <tapedeck/nn/noise.h>

#include <algorithm>
#include <cmath>

#include <tapedeck/base/random.h>

namespace tapedeck {
namespace {

/// Where the draws of this scope start; `what` keeps kinds of noise at one scope apart.
DropoutSpec draws(const Pass& pass, const char* what, Rows rows, int64_t cols) {
  DropoutSpec spec = pass.dropout_spec(0, rows, cols);
  spec.key = spec.key / what;
  return spec;
}

/// [sequences, cols] of 0 or 1 / (1 - p).
Tensor sequence_mask(const Pass& pass, const char* what, int64_t cols, double p, DType dtype) {
  const DropoutSpec spec = draws(pass, what, Rows::sequences, cols);
  return dropout(Tensor::full({pass.batch().sequences(), cols}, 1, dtype), p, spec.key, spec.first);
}

/// The sequence that each token belongs to, i32 [T].
Tensor sequence_of_token(const Batch& batch) {
  const int32_t* begin = batch.offsets.raw<int32_t>();
  const Tensor index = Tensor::empty({batch.offsets.size() ? begin[batch.sequences()] : 0}, DType::i32);
  for (int64_t b = 0; b < batch.sequences(); ++b)
    std::fill(index.raw<int32_t>() + begin[b], index.raw<int32_t>() + begin[b + 1], int32_t(b));
  return index;
}

}  // namespace

Tensor drop(const Pass& pass, const Tensor& x, double p, Rows rows, DropoutKind kind) {
  const DropoutSpec spec = pass.dropout_spec(p, rows, x.shape().cols());
  if (spec.p == 0) return x;
  if (kind == DropoutKind::gaussian)
    return x * Tensor::normal(x.shape(), spec.key / "gaussian", 1, std::sqrt(spec.p / (1 - spec.p)), x.dtype(), spec.first);
  if (kind == DropoutKind::standard || rows == Rows::sequences) return dropout(x, spec.p, spec.key, spec.first);
  return x * gather(sequence_mask(pass, "locked", x.shape().cols(), spec.p, x.dtype()), sequence_of_token(pass.batch()));
}

Tensor drop_path(const Pass& pass, const Tensor& x, double p) {
  if (p == 0 || !pass.training()) return x;
  return x * gather(sequence_mask(pass, "path", 1, p, x.dtype()), sequence_of_token(pass.batch()));
}

Tensor drop_heads(const Pass& pass, const Tensor& x, double p, int64_t heads) {
  if (p == 0 || !pass.training()) return x;
  const Tensor mask = gather(sequence_mask(pass, "heads", heads, p, x.dtype()), sequence_of_token(pass.batch()));
  const int64_t rows = x.shape()[0], size = x.shape()[1] / heads;
  return reshape(reshape(x, {rows, heads, size}) * reshape(mask, {rows, heads, 1}), x.shape());
}

bool layer_dropped(const Pass& pass, double p) {
  return p > 0 && pass.training() && random_unit(draws(pass, "layer", Rows::sequences, 1).key, 0) < p;
}

Tensor add_noise(const Pass& pass, const Tensor& x, double deviation, Rows rows) {
  if (deviation == 0 || !pass.training()) return x;
  const DropoutSpec spec = draws(pass, "noise", rows, x.shape().cols());
  return x + Tensor::normal(x.shape(), spec.key, 0, deviation, x.dtype(), spec.first);
}

Tensor neftune(const Pass& pass, const Tensor& x, double alpha) {
  if (alpha == 0 || !pass.training()) return x;
  const int64_t cols = x.shape().cols();
  const DropoutSpec spec = draws(pass, "neftune", Rows::tokens, cols);
  const Tensor u = Tensor::uniform(x.shape(), spec.key, -1, 1, x.dtype(), spec.first);
  const auto begin = pass.batch().offsets.data<int32_t>();
  dispatch(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    for (size_t b = 0; b + 1 < begin.size(); ++b) {
      const double size = alpha / std::sqrt(std::max(1.0, double(begin[b + 1] - begin[b]) * double(cols)));
      for (int64_t i = begin[b] * cols; i < begin[b + 1] * cols; ++i) u.raw<T>()[i] = T(double(u.raw<T>()[i]) * size);
    }
  });
  return x + u;
}

Tensor drop_connect(const Pass& pass, const Tensor& x, const Tensor& weight, double p, bool per_example, Rows rows) {
  if (p == 0 || !pass.training()) return matmul(x, weight, false, true);
  const DropoutSpec spec = draws(pass, "weights", rows, weight.size());
  if (!per_example) return matmul(x, dropout(weight, p, spec.key), false, true);
  const int64_t n = x.shape()[0], out = weight.shape()[0], in = weight.shape()[1];
  const Tensor own = dropout(expand(weight, {n, out, in}), p, spec.key, spec.first);
  return reshape(matmul(reshape(x, {n, 1, in}), own, false, true), {n, out});
}

void NoiseOptions::describe(Fields& f) {
  f.names(
      "dropout", dropout,
      {{"standard", DropoutKind::standard}, {"locked", DropoutKind::locked}, {"gaussian", DropoutKind::gaussian}},
      "what the encoder's dropout draws. standard: every element is 0 with probability p, else x / (1 - p) (Srivastava et al. "
      "2014). "
      "locked: one such mask per sequence for all its tokens (Gal and Ghahramani 2016; spatial dropout, Tompson et al. 2015). "
      "gaussian: x (1 + N(0, p / (1 - p))), the same variance without zeros");
  f("drop_path", drop_path,
    "stochastic depth (Huang et al. 2016): a sequence skips both branches of block l with probability drop_path l / layers, else "
    "they "
    "are scaled by one over the rest; costs one product per branch. Deep encoders: 0.1 to 0.3; few layers need less")
      .at_least(0)
      .below(1);
  f("drop_heads", drop_heads,
    "probability that a sequence loses an attention head, the others scaled up (DropHead, Zhou et al. 2020); with few heads keep "
    "it small")
      .at_least(0)
      .below(1);
  f("layer_drop", layer_drop,
    "LayerDrop (Fan et al. 2020): probability that a pass leaves out a layer for the whole batch, without scaling; a pass then "
    "costs that "
    "much less, and layers may be removed after training")
      .at_least(0)
      .below(1);
  f("embedding", embedding,
    "deviation s of Gaussian noise on embeddings, x + N(0, s^2); to second order a penalty s^2/2 on the curvature. Measure it "
    "against the "
    "deviation of the embeddings: 1 to 10 % of it")
      .at_least(0);
  f("neftune", neftune,
    "NEFTune (Jain et al. 2024): alpha of uniform noise on embeddings, in +-alpha / sqrt(tokens of the sequence times width); "
    "published: 5 to 15, for models of 7e9 weights")
      .at_least(0);
  f("hidden", hidden, "deviation of Gaussian noise on what every layer hands on (pre: after the next layer's norm)").at_least(0);
}

}  // namespace tapedeck
