// The small layers: linear, layer norm, embeddings, feed-forward, pooling. Each keeps its parameters' handles and the
// scope its rows are recorded under; forward is const and takes the Pass. Next: transformer.h.
#pragma once
#include <cstdint>

#include <tapedeck/nn/pass.h>

namespace tapedeck {

/// Starting values of weight matrices.
enum class Initializer { xavier, kaiming, normal };
Init weight_init(Initializer kind, const Shape& shape /*[out,in]*/);

/// y = act(x W^T + b): [..., in] -> [..., out].
class Linear {
 public:
  Linear() = default;
  Linear(Params params, int64_t in, int64_t out, Activation act = Activation::none, Initializer init = Initializer::xavier);
  Tensor operator()(Pass& pass, const Tensor& x) const;

 private:
  ScopeId scope_ = 0;
  Param weight_, bias_;
  Activation act_ = Activation::none;
};

/// Normalises the last axis, then gain and bias.
class LayerNorm {
 public:
  LayerNorm() = default;
  LayerNorm(Params params, int64_t width, double epsilon);
  Tensor operator()(Pass& pass, const Tensor& x) const;
  /// {residual + dropout(x), its norm}; the mask is keyed by this layer's path.
  ResidualNorm after(Pass& pass, const Tensor& x /*[T,d]*/, const Tensor& residual, double dropout) const;
  ScopeId scope() const { return scope_; }

 private:
  ScopeId scope_ = 0;
  Param gain_, bias_;
  double epsilon_ = 1e-5;
};

struct EmbeddingOptions {
  int64_t vocabulary = 0, width = 0, max_length = 0;
  bool positions = true, segments = false, norm = true;
  int64_t segment_rows = 2;  // with one row every token takes it
  double epsilon = 1e-5, dropout = 0;
};
/// word + position + segment, then norm and dropout. Site "embedding" is the sum before norm and dropout.
class Embedding {
 public:
  Embedding() = default;
  Embedding(Params params, const EmbeddingOptions& options);
  Tensor operator()(Pass& pass) const;  // [T, width]
  Param word() const { return word_; }

 private:
  ScopeId scope_ = 0, norm_scope_ = 0;
  EmbeddingOptions options_;
  Param word_, position_, segment_, gain_, bias_;
};

/// W2 act(W1 x + b1) + b2.
class FeedForward {
 public:
  FeedForward() = default;
  FeedForward(Params params, int64_t width, int64_t hidden, Activation act, Initializer init);
  Tensor operator()(Pass& pass, const Tensor& x) const;

 private:
  Linear in_, out_;
};

/// How a sequence becomes one vector: its first token, or mean / maximum over its tokens.
enum class Pooling { first, mean, max };
Tensor pool(const Tensor& x /*[T,d]*/, const Tensor& offsets, Pooling pooling);  // [S,d]

/// The rows of text `which` of every example, of `texts` each (Batch::texts): [B texts, d] -> [B, d].
Tensor text_of(const Tensor& x, int64_t texts, int64_t which);

}  // namespace tapedeck
