// averaging: an encoder without attention: every token's vector through layers of its own, to be averaged by the pooling. Iyyer et
// al. 2015, "Deep unordered composition rivals syntactic methods for text classification", section 2.
#include <tapedeck/nn/transformer.h>

namespace tapedeck {
namespace {

/// "encoder": {"type": "averaging", "width": 64}
struct Averaging final : EncoderSpec {
  int64_t layers = 2, width = 128;
  double dropout = 0.1;
  void describe(Fields& f) override {
    f("layers", layers, "layers of each token").at_least(1);
    f("width", width, "size of a token's vector").at_least(1);
    f("dropout", dropout, "drop probability of the embeddings").at_least(0).below(1);
  }

  struct Built final : Encoder {
    Built(Params params, const Averaging& spec, const ModelInput& input)
        : size(spec.width),
          embeddings(params / "embeddings", {.vocabulary = input.vocabulary, .width = spec.width, .max_length = input.max_length,
                                             .positions = false, .segments = input.pairs, .norm = false, .dropout = spec.dropout}) {
      for (int64_t i = 0; i < spec.layers; ++i) layers.emplace_back(params / "layers" / i, spec.width, spec.width, Activation::tanh);
    }
    Tensor forward(Pass& pass) const override {
      Tensor h = embeddings(pass);                // [T, width]
      for (const Linear& layer : layers) h = layer(pass, h);
      return h;
    }
    int64_t width() const override { return size; }
    bool causal() const override { return true; }  // a token sees no other
    Param word_table() const override { return embeddings.word(); }
    std::vector<std::string> sites() const override { return {"embedding"}; }

    int64_t size;
    Embedding embeddings;
    std::vector<Linear> layers;
  };
  std::unique_ptr<Encoder> build(Params params, const ModelInput& input) const override {
    return std::make_unique<Built>(params, *this, input);
  }
};
TAPEDECK_PART(EncoderSpec, Averaging, "averaging", "h_t = tanh layers of the embedding of token t alone (Iyyer et al. 2015). Sites: embedding.");

}  // namespace
}  // namespace tapedeck
