// "model": {"type": "sentence"}: every text of an example becomes one vector of its own (Reimers and Gurevych 2019). The score
// of a pair is the cosine of its vectors; a projection, if any, is what contrastive objectives compare while training.
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/nn/head.h>
#include <tapedeck/nn/transformer.h>

namespace tapedeck {
namespace {

struct SentenceModel final : Model {
  std::unique_ptr<Encoder> encoder;
  std::unique_ptr<Head> projection;
  Pooling pooling = Pooling::mean;
  bool project_always = false;

  Output forward(Pass& pass) const override {
    const Tensor hidden = pass.site("hidden", encoder->forward(pass));
    const Tensor pooled = pass.site("pooled", pool(hidden, pass.batch().offsets, pooling));
    Output out{{}, pooled, hidden, {}};
    if (projection && (project_always || pass.training())) out.projection = pass.site("projection", projection->forward(pass, pooled));
    const int64_t texts = pass.batch().texts;
    if (texts > 1) {
      const Tensor z = normalize(out.projection ? out.projection : pooled);
      out.logits = sum(text_of(z, texts, 0) * text_of(z, texts, 1), 1, /*keep=*/true);
    }
    return out;
  }
  std::vector<std::string> sites() const override {
    auto all = encoder->sites();
    all.insert(all.end(), {"hidden", "pooled"});
    if (projection) all.push_back("projection");
    return all;
  }
};

struct SentenceModelSpec final : ModelSpec {
  Choice<EncoderSpec> encoder{"transformer"};
  Pooling pooling = Pooling::mean;
  Choice<HeadSpec> projection;
  bool project_always = false;

  void describe(Fields& f) override {
    f("encoder", encoder, "tokens to vectors");
    f.names("pooling", pooling, {{"mean", Pooling::mean}, {"first", Pooling::first}, {"cls", Pooling::first}, {"max", Pooling::max}},
            "how the vectors of a sequence become one (cls is another word for first)");
    f("projection", projection, "what contrastive objectives compare instead of the pooled vector: dense (SimCSE), projection (SupCon)");
    f.names("projection_active", project_always, {{"training", false}, {"always", true}}, "training: evaluation compares pooled vectors");
  }
  Texts texts() const override { return Texts::apart; }
  std::unique_ptr<Model> build(Params params, const ModelInput& input) const override {
    auto model = std::make_unique<SentenceModel>();
    model->encoder = encoder->build(params / "encoder", input);
    if (projection) model->projection = projection->build(params / "projection", model->encoder->width(), 0);
    model->pooling = pooling;
    model->project_always = project_always;
    return model;
  }
};
TAPEDECK_PART(ModelSpec, SentenceModelSpec, "sentence",
              "Each text of an example to one vector; a pair scores the cosine of its two. Sites: embedding, hidden, pooled, projection.");

}  // namespace
}  // namespace tapedeck
