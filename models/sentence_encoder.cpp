// "model": {"type": "sentence"}: every text of an example becomes one vector of its own (Reimers and Gurevych 2019). The score
// of a pair is the cosine of its vectors; a projection, if any, is what contrastive objectives compare while training.
#include <tapedeck/base/error.h>
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/nn/head.h>
#include <tapedeck/nn/transformer.h>

namespace tapedeck {
namespace {

struct SentenceModel final : Model {
  std::unique_ptr<Encoder> encoder;
  std::unique_ptr<Head> projection;
  Pooling pooling = Pooling::mean;
  bool read_mask = false, project_always = false;

  Output forward(Pass& pass) const override {
    const Tensor hidden = pass.site("hidden", encoder->forward(pass));
    const Tensor pooled =
        pass.site("pooled", read_mask ? gather(hidden, pass.batch().mask_rows) : pool(hidden, pass.batch().offsets, pooling));
    Output out{{}, pooled, hidden, {}};
    if (projection && (project_always || pass.training()))
      out.projection = pass.site("projection", projection->forward(pass, pooled));
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
  std::string pooling = "mean";
  std::vector<std::string> templates;
  Choice<HeadSpec> projection;
  bool project_always = false;

  void describe(Fields& f) override {
    f("encoder", encoder, "tokens to vectors");
    f("pooling", pooling,
      "how the vectors of a sequence become one; mask: the vector at [MASK] in the template; cls is another word for first")
        .one_of({"mean", "first", "cls", "max", "mask"});
    f("templates", templates,
      "sentences with {} for the text and [MASK] where its vector is read (PromptBERT); a training text goes into "
      "each, so that two make a pair; all others go into the first")
        .length(0, 16);
    f("projection", projection,
      "what contrastive objectives compare instead of the pooled vector: dense (SimCSE), projection (SupCon)");
    f.names("projection_active", project_always, {{"training", false}, {"always", true}},
            "training: evaluation compares pooled vectors");
  }
  TextForm text_form() const override { return {true, templates}; }
  std::unique_ptr<Model> build(Params params, const ModelInput& input) const override {
    if ((pooling == "mask") != !templates.empty())
      throw Error(ErrorKind::config, templates.empty() ? "pooling \"mask\" needs templates" : "templates need pooling \"mask\"",
                  "give both: \"pooling\": \"mask\", \"templates\": [\"This sentence : {} means [MASK] .\"]");
    auto model = std::make_unique<SentenceModel>();
    model->encoder = encoder->build(params / "encoder", input);
    if (projection) model->projection = projection->build(params / "projection", model->encoder->width(), 0);
    model->read_mask = pooling == "mask";
    model->pooling = pooling == "mean" ? Pooling::mean : pooling == "max" ? Pooling::max : Pooling::first;
    model->project_always = project_always;
    return model;
  }
};
TAPEDECK_PART(
    ModelSpec, SentenceModelSpec, "sentence",
    "Each text of an example to one vector; a pair scores the cosine of its two. Sites: embedding, hidden, pooled, projection.");

}  // namespace
}  // namespace tapedeck
