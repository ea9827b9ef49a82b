// The layers that own parameters, each a few calls of ops. Next: transformer.cpp.
#include <tapedeck/nn/layers.h>

namespace tapedeck {

Init weight_init(Initializer kind, const Shape& shape) {
  switch (kind) {
    case Initializer::xavier:
      return Init::xavier(shape);
    case Initializer::kaiming:
      return Init::kaiming(shape);
    case Initializer::normal:
      break;
  }
  return Init::normal(0.02);
}

Linear::Linear(Params params, int64_t in, int64_t out, Activation act, Initializer init)
    : scope_(params.scope()),
      weight_(params.make("weight", {out, in}, weight_init(init, {out, in}))),
      bias_(params.make("bias", {out}, Init::zeros())),
      act_(act) {}

Tensor Linear::operator()(Pass& pass, const Tensor& x) const {
  Scope scope(scope_);
  return linear(x, pass(weight_), pass(bias_), act_);
}

LayerNorm::LayerNorm(Params params, int64_t width, double epsilon)
    : scope_(params.scope()),
      gain_(params.make("weight", {width}, Init::ones())),
      bias_(params.make("bias", {width}, Init::zeros())),
      epsilon_(epsilon) {}

Tensor LayerNorm::operator()(Pass& pass, const Tensor& x) const {
  Scope scope(scope_);
  return layer_norm(x, pass(gain_), pass(bias_), epsilon_);
}

ResidualNorm LayerNorm::after(Pass& pass, const Tensor& x, const Tensor& residual, double dropout) const {
  Scope scope(scope_);
  return residual_norm(x, residual, pass(gain_), pass(bias_), epsilon_,
                       pass.dropout_spec(dropout, Rows::tokens, x.shape().cols()));
}

Embedding::Embedding(Params params, const EmbeddingOptions& options) : scope_(params.scope()), options_(options) {
  const Init init = Init::normal(0.02);
  word_ = params.make("word", {options.vocabulary, options.width}, init);
  if (options.positions) position_ = params.make("position", {options.max_length, options.width}, init);
  if (options.segments) segment_ = params.make("segment", {options.segment_rows, options.width}, init);
  if (!options.norm) return;
  const Params norm = params / "layer_norm";
  norm_scope_ = norm.scope();
  gain_ = norm.make("weight", {options.width}, Init::ones());
  bias_ = norm.make("bias", {options.width}, Init::zeros());
}

Tensor Embedding::operator()(Pass& pass) const {
  Scope scope(scope_);
  const Batch& b = pass.batch();
  const Tensor word = pass(word_), position = position_ ? pass(position_) : Tensor{},
               segment = segment_ ? pass(segment_) : Tensor{};
  const Tensor positions = position_ ? b.positions : Tensor{};
  Tensor segments;
  if (segment_) segments = b.segments && options_.segment_rows > 1 ? b.segments : Tensor::zeros({b.token_count()}, DType::i32);
  Tensor x;
  if (options_.norm && !pass.watches("embedding")) {  // the site splits the fused op only while somebody watches it
    x = embedding_norm(word, b.tokens, position, positions, segment, segments, pass(gain_), pass(bias_), options_.epsilon);
  } else {
    x = pass.site("embedding", embedding_sum(word, b.tokens, position, positions, segment, segments));
    Scope norm(options_.norm ? norm_scope_ : scope_);
    if (options_.norm) x = layer_norm(x, pass(gain_), pass(bias_), options_.epsilon);
  }
  return pass.dropout(x, options_.dropout, Rows::tokens);
}

FeedForward::FeedForward(Params params, int64_t width, int64_t hidden, Activation act, Initializer init)
    : in_(params / "in", width, hidden, act, init), out_(params / "out", hidden, width, Activation::none, init) {}

Tensor FeedForward::operator()(Pass& pass, const Tensor& x) const { return out_(pass, in_(pass, x)); }

Tensor pool(const Tensor& x, const Tensor& offsets, Pooling pooling) {
  const Scope scope("pooling");
  switch (pooling) {
    case Pooling::first:
      return segment_first(x, offsets);
    case Pooling::mean:
      return segment_mean(x, offsets);
    case Pooling::max:
      break;
  }
  return segment_max(x, offsets);
}

Tensor text_of(const Tensor& x, int64_t texts, int64_t which) {
  if (texts == 1) return x;
  const int64_t rows = x.shape()[0] / texts, cols = x.shape()[1];
  return slice(reshape(x, {rows, texts * cols}), 1, which * cols, (which + 1) * cols);
}

}  // namespace tapedeck
