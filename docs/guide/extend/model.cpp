// concat_pooling: a text model that reads the first vector, the mean and the maximum of a sequence at once. Howard and Ruder 2018,
// "Universal language model fine-tuning for text classification", section 3.3.
#include <tapedeck/nn/head.h>
#include <tapedeck/nn/transformer.h>

namespace tapedeck {
namespace {

/// "model": {"type": "concat_pooling", "encoder": {...}, "head": {...}}
struct ConcatPooling final : ModelSpec {
  Choice<EncoderSpec> encoder{"transformer"};
  Choice<HeadSpec> head{"linear"};
  void describe(Fields& f) override {
    f("encoder", encoder, "tokens to vectors");
    f("head", head, "the three pooled vectors, one after another, to logits");
  }

  struct Built final : Model {
    Built(Params params, const ConcatPooling& spec, const ModelInput& input)
        : scope((params / "pooling").scope()), encoder(spec.encoder->build(params / "encoder", input)),
          head(spec.head->build(params / "head", 3 * encoder->width(), input.outputs)) {}
    Output forward(Pass& pass) const override {
      const Tensor hidden = pass.site("hidden", encoder->forward(pass));                // [T, width]
      const Tensor pooled = pass.site("pooled", three(hidden, pass.batch().offsets));   // [B, 3 width]
      return {head->forward(pass, pooled), pooled, hidden};
    }
    Tensor three(const Tensor& hidden, const Tensor& offsets) const {
      Scope here(scope);
      return concat({pool(hidden, offsets, Pooling::first), pool(hidden, offsets, Pooling::mean), pool(hidden, offsets, Pooling::max)}, 1);
    }
    std::vector<std::string> sites() const override {
      auto all = encoder->sites();
      all.insert(all.end(), {"hidden", "pooled"});
      return all;
    }
    ScopeId scope;
    std::unique_ptr<Encoder> encoder;
    std::unique_ptr<Head> head;
  };
  std::unique_ptr<Model> build(Params params, const ModelInput& input) const override {
    return std::make_unique<Built>(params, *this, input);
  }
};
TAPEDECK_PART(ModelSpec, ConcatPooling, "concat_pooling",
              "Encoder, then head of [first; mean; max] (Howard and Ruder 2018). Sites: embedding, hidden, pooled.");

}  // namespace
}  // namespace tapedeck
