// "model": {"type": "language_model"}: a causal encoder, and at every token the logits of the next one. Tied weights: Press and
// Wolf 2017, "Using the output embedding to improve language models" (arXiv 1608.05859).
#include <tapedeck/base/error.h>
#include <tapedeck/nn/transformer.h>

namespace tapedeck {
namespace {

struct LanguageModel final : Model {
  std::unique_ptr<Encoder> encoder;
  ScopeId scope = 0;
  Param table, bias;  // [vocabulary, width], [vocabulary]; no bias where the encoder brings none

  Output forward(Pass& pass) const override {
    const Tensor hidden = pass.site("hidden", encoder->forward(pass));
    Scope here(scope);
    return {linear(hidden, pass(table), bias ? pass(bias) : Tensor{}), {}, hidden};
  }
  Rows logit_rows() const override { return Rows::tokens; }
  std::vector<std::string> sites() const override {
    auto all = encoder->sites();
    all.push_back("hidden");
    return all;
  }
};

struct LanguageModelSpec final : ModelSpec {
  Choice<EncoderSpec> encoder;
  bool tied = true;

  LanguageModelSpec() {
    auto causal = std::make_unique<TransformerSpec>();
    causal->norm = Norm::pre;
    causal->causal = true;
    encoder.set("transformer", std::move(causal));
  }
  void describe(Fields& f) override {
    f("encoder", encoder, "tokens to vectors; must be causal");
    f("tied", tied, "true: the word table of the encoder gives the logits; false: they have a matrix of their own");
  }
  std::unique_ptr<Model> build(Params params, const ModelInput& input) const override {
    auto model = std::make_unique<LanguageModel>();
    model->encoder = encoder->build(params / "encoder", input);
    if (!model->encoder->causal())
      throw Error(ErrorKind::config,
                  "language_model: the encoder lets a token see later ones, so it could copy what it has to tell",
                  "set \"causal\": true in the encoder");
    const Params head = params / "head";
    const Shape shape{input.outputs, model->encoder->width()};
    model->scope = head.scope();
    model->table = tied ? model->encoder->word_table() : head.make("weight", shape, weight_init(Initializer::xavier, shape));
    if (model->encoder->logit_bias()) model->bias = head.make("bias", {input.outputs}, Init::zeros());
    if (!model->table)
      throw Error(ErrorKind::config, "language_model: the encoder has no word table to share", "set tied to false");
    return model;
  }
};
TAPEDECK_PART(ModelSpec, LanguageModelSpec, "language_model",
              "Causal encoder h, and for every token the logits E h + b of the next; E is the word table when tied. "
              "Sites: embedding, hidden.");

}  // namespace
}  // namespace tapedeck
