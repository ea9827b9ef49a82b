// Attention, feed-forward and their pre- and post-norm blocks on packed tokens. Next: heads.cpp.
#include <tapedeck/nn/transformer.h>

namespace tapedeck {

MultiHeadAttention::MultiHeadAttention(Params params, const AttentionOptions& options, Initializer init)
    : scope_(params.scope()),
      options_(options),
      qkv_(params / "qkv", options.width, 3 * options.width, Activation::none, init),
      out_(params / "out", options.width, options.width, Activation::none, init) {}

Tensor MultiHeadAttention::operator()(Pass& pass, const Tensor& x) const {
  Tensor qkv = qkv_(pass, x);
  Tensor mixed;
  {
    Scope scope(scope_);
    if (options_.rotary) qkv = rotary(qkv, pass.batch().positions, 2 * options_.width, options_.width / options_.heads);
    mixed = attention(qkv, pass.batch().offsets,
                      {options_.heads, options_.causal, pass.attention_dropout(options_.dropout, options_.heads)});
    mixed = drop_heads(pass, mixed, options_.drop_heads, options_.heads);
  }
  return out_(pass, mixed);
}

namespace {

struct Layer {
  Layer(Params params, const TransformerSpec& spec, const AttentionOptions& attention_options)
      : segment(params.segment()),
        scope(params.scope()),
        attention(params / "attention", attention_options, spec.initializer),
        attention_norm(params / "attention" / "layer_norm", spec.width, spec.epsilon),
        feed_forward(params / "feed_forward", spec.width, spec.feed_forward.value_or(4 * spec.width), spec.activation,
                     spec.initializer),
        feed_forward_norm(params / "feed_forward" / "layer_norm", spec.width, spec.epsilon) {}
  Segment segment;
  ScopeId scope;
  MultiHeadAttention attention;
  LayerNorm attention_norm;  // post: after the residual; pre: before attention
  FeedForward feed_forward;
  LayerNorm feed_forward_norm;
};

class Transformer final : public Encoder {
 public:
  Transformer(Params params, const TransformerSpec& spec, const ModelInput& input) : spec_(spec) {
    EmbeddingOptions embedding;
    const TableSizes rows = spec.tables.value_or(TableSizes{input.vocabulary, input.max_length, input.pairs ? 2 : 0});
    embedding.vocabulary = rows.words;
    embedding.width = spec.width;
    embedding.max_length = rows.positions;
    embedding.positions = spec.positions == Positions::learned;
    embedding.segments = rows.segments > 0;
    embedding.segment_rows = rows.segments;
    embedding.norm = spec.norm == Norm::post;
    embedding.epsilon = spec.epsilon;
    embedding.dropout = spec.noise.dropout == DropoutKind::standard ? spec.dropout : 0;
    embedding_ = Embedding(params / "embeddings", embedding);
    embedding_scope_ = (params / "embeddings").scope();
    const AttentionOptions attention{spec.width,
                                     spec.heads,
                                     spec.causal,
                                     spec.positions == Positions::rotary,
                                     spec.attention_dropout.value_or(spec.dropout),
                                     spec.noise.drop_heads};
    for (int64_t i = 0; i < spec.layers; ++i) layers_.emplace_back(params / "layers" / i, spec, attention);
    if (spec.norm == Norm::pre) last_norm_ = LayerNorm(params / "layer_norm", spec.width, spec.epsilon);
  }

  int64_t width() const override { return spec_.width; }
  bool causal() const override { return spec_.causal; }
  Param word_table() const override { return embedding_.word(); }
  bool logit_bias() const override { return spec_.logit_bias; }
  std::vector<std::string> sites() const override { return {"embedding"}; }

  Tensor forward(Pass& pass) const override {
    const Tensor x = embed(pass);
    return spec_.norm == Norm::post ? post(pass, x) : pre(pass, x);
  }

 private:
  Tensor embed(Pass& pass) const {
    const Tensor x = embedding_(pass);
    Scope here(embedding_scope_);
    const Tensor noisy = neftune(pass, add_noise(pass, x, spec_.noise.embedding, Rows::tokens), spec_.noise.neftune);
    if (spec_.noise.dropout == DropoutKind::standard) return noisy;  // the layer has drawn it
    return drop(pass, noisy, spec_.dropout, Rows::tokens, spec_.noise.dropout);
  }

  /// residual + dropout(x) and its norm; the fused op does it unless the branch has noise of its own.
  ResidualNorm join(Pass& pass, size_t layer, const LayerNorm& norm, const Tensor& x, const Tensor& residual) const {
    if (!spec_.noise.on_branches()) return norm.after(pass, x, residual, spec_.dropout);
    Tensor branch;
    {
      Scope here(norm.scope());
      const double path = spec_.noise.drop_path * double(layer + 1) / double(layers_.size());
      branch = drop_path(pass, drop(pass, x, spec_.dropout, Rows::tokens, spec_.noise.dropout), path);
    }
    return norm.after(pass, branch, residual, 0);
  }

  bool skipped(Pass& pass, const Layer& layer) const {
    Scope here(layer.scope);
    return layer_dropped(pass, spec_.noise.layer_drop);
  }
  Tensor handed_on(Pass& pass, const Layer& layer, const Tensor& x) const {
    Scope here(layer.scope);
    return add_noise(pass, x, spec_.noise.hidden, Rows::tokens);
  }

  Tensor post(Pass& pass, Tensor x) const {
    for (size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      if (skipped(pass, layer)) continue;
      x = pass.segment(layer.segment, [&]() -> Tensors {
        const Tensor h = join(pass, i, layer.attention_norm, layer.attention(pass, x), x).norm;
        return {handed_on(pass, layer, join(pass, i, layer.feed_forward_norm, layer.feed_forward(pass, h), h).norm)};
      })[0];
    }
    return x;
  }

  /// The residual stream goes through untouched; each residual is fused with the norm of the block that follows it.
  Tensor pre(Pass& pass, const Tensor& x) const {
    ResidualNorm state{x, layers_.empty() ? last_norm_(pass, x) : layers_[0].attention_norm(pass, x)};
    for (size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      const LayerNorm& next = i + 1 < layers_.size() ? layers_[i + 1].attention_norm : last_norm_;
      if (skipped(pass, layer)) {
        state.norm = next(pass, state.sum);
        continue;
      }
      const Tensors out = pass.segment(layer.segment, [&]() -> Tensors {
        const ResidualNorm h = join(pass, i, layer.feed_forward_norm, layer.attention(pass, state.norm), state.sum);
        const auto [sum, norm] = join(pass, i, next, layer.feed_forward(pass, h.norm), h.sum);
        return {sum, handed_on(pass, layer, norm)};
      });
      state = {out[0], out[1]};
    }
    return state.norm;
  }

  TransformerSpec spec_;
  Embedding embedding_;
  ScopeId embedding_scope_ = 0;
  std::vector<Layer> layers_;
  LayerNorm last_norm_;
};

}  // namespace

void TransformerSpec::describe(Fields& f) {
  f("layers", layers, "number of layers").range(0, 1000);
  f("width", width, "size of a token's vector").range(1, 65536);
  f("heads", heads, "attention heads; must divide width").range(1, 1024);
  f("feed_forward", feed_forward, "hidden size of the feed-forward block (default 4 * width)").range(1, 1 << 20);
  f.names("norm", norm, {{"pre", Norm::pre}, {"post", Norm::post}}, "layer norm before (pre) or after (post) each block");
  f("dropout", dropout, "drop probability after embeddings, attention and feed-forward").at_least(0).below(1);
  f("attention_dropout", attention_dropout, "drop probability of attention weights (default: dropout)").at_least(0).below(1);
  f.names("positions", positions, {{"learned", Positions::learned}, {"rotary", Positions::rotary}, {"none", Positions::none}},
          "how a token knows its place");
  f("causal", causal, "a token sees only itself and earlier ones");
  f.names("activation", activation,
          {{"gelu", Activation::gelu},
           {"gelu_tanh", Activation::gelu_tanh},
           {"relu", Activation::relu},
           {"silu", Activation::silu},
           {"tanh", Activation::tanh}},
          "activation of the feed-forward block");
  f("epsilon", epsilon, "added to the variance in layer norm").above(0).below(1);
  f.names("initializer", initializer,
          {{"xavier", Initializer::xavier}, {"kaiming", Initializer::kaiming}, {"normal", Initializer::normal}},
          "starting values of weight matrices (normal: deviation 0.02)");
  f("noise", noise, "what training draws beside plain dropout");
}

std::unique_ptr<Encoder> TransformerSpec::build(Params params, const ModelInput& input) const {
  if (width % heads)
    throw Error(ErrorKind::config, text("encoder: width ", width, " is not a multiple of heads ", heads),
                text("choose heads that divide ", width));
  if (positions == Positions::rotary && (width / heads) % 2)
    throw Error(ErrorKind::config, text("encoder: rotary positions need an even head size, but width / heads = ", width / heads),
                "choose other heads or positions \"learned\"");
  return std::make_unique<Transformer>(params, *this, input);
}

TAPEDECK_PART(
    EncoderSpec, TransformerSpec, "transformer",
    "Transformer encoder on packed sequences: h + Attention(h), h + FeedForward(h), with layer norm before or after each block "
    "(Vaswani et al. 2017).");

}  // namespace tapedeck
