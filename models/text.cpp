// "model": {"type": "text"}: encoder, pooling and head over one text or a pair. The model to copy for a new one.
#include <tapedeck/nn/head.h>
#include <tapedeck/nn/transformer.h>

namespace tapedeck {
namespace {

struct TextModel final : Model {
  std::unique_ptr<Encoder> encoder;
  std::unique_ptr<Head> head, projection;
  Pooling pooling = Pooling::first;

  Output forward(Pass& pass) const override {
    const Tensor hidden = pass.site("hidden", encoder->forward(pass));
    const Tensor pooled = pass.site("pooled", pool(hidden, pass.batch().offsets, pooling));
    Output out{head->forward(pass, pooled), pooled, hidden};
    if (projection && pass.training()) out.projection = pass.site("projection", projection->forward(pass, pooled));
    return out;
  }
  std::vector<std::string> sites() const override {
    auto all = encoder->sites();
    all.insert(all.end(), {"hidden", "pooled"});
    if (projection) all.push_back("projection");
    return all;
  }
};

struct TextModelSpec final : ModelSpec {
  Choice<EncoderSpec> encoder{"transformer"};
  Pooling pooling = Pooling::first;
  Choice<HeadSpec> head{"linear"}, projection;

  void describe(Fields& f) override {
    f("encoder", encoder, "tokens to vectors");
    f.names("pooling", pooling,
            {{"first", Pooling::first}, {"cls", Pooling::first}, {"mean", Pooling::mean}, {"max", Pooling::max}},
            "how the vectors of a sequence become one (cls is another word for first)");
    f("head", head, "pooled vector to logits");
    f("projection", projection, "while training: what contrastive objectives compare instead of the pooled vector");
  }
  std::unique_ptr<Model> build(Params params, const ModelInput& input) const override {
    auto model = std::make_unique<TextModel>();
    model->encoder = encoder->build(params / "encoder", input);
    model->head = head->build(params / "head", model->encoder->width(), input.outputs);
    if (projection) model->projection = projection->build(params / "projection", model->encoder->width(), 0);
    model->pooling = pooling;
    return model;
  }
};
TAPEDECK_PART(ModelSpec, TextModelSpec, "text",
              "Text or text pair to logits: encoder, pooling, head. Sites: embedding, hidden, pooled, projection.");

}  // namespace
}  // namespace tapedeck
