// "model": {"type": "tagger"}: an encoder and the scores of every tag for every word, which is represented by its first token.
// Heads: each word by itself, or with scores of one tag after another, which the losses crf and memm train.
#include <tapedeck/nn/transformer.h>

namespace tapedeck {
namespace {

enum class TagHead { softmax, crf, memm };

struct Tagger final : Model {
  std::unique_ptr<Encoder> encoder;
  Linear out;
  Param transitions;  // undefined: each word by itself
  ScopeId scope = 0;
  double dropout = 0;

  Output forward(Pass& pass) const override {
    const Tensor hidden = pass.site("hidden", encoder->forward(pass));
    const Tensor pooled = pass.site("pooled", pool(hidden, pass.batch().offsets, Pooling::mean));
    Scope here(scope);
    const Tensor kept = pass.dropout(hidden, dropout, Rows::tokens);
    return {out(pass, gather(kept, pass.batch().words)), pooled, hidden, {}, transitions ? pass(transitions) : Tensor{}};
  }
  Rows logit_rows() const override { return Rows::words; }
  std::vector<std::string> sites() const override {
    auto all = encoder->sites();
    all.insert(all.end(), {"hidden", "pooled"});
    return all;
  }
};

struct TaggerSpec final : ModelSpec {
  Choice<EncoderSpec> encoder{"transformer"};
  TagHead head = TagHead::softmax;
  double dropout = 0.1;

  void describe(Fields& f) override {
    f("encoder", encoder, "tokens to vectors");
    f.names("head", head, {{"softmax", TagHead::softmax}, {"crf", TagHead::crf}, {"memm", TagHead::memm}},
            "softmax: each word by itself; crf: also scores of a tag after another, of the first and of the last; memm: of a tag "
            "after another. "
            "The loss has the same name (cross_entropy for softmax)");
    f("dropout", dropout, "drop probability of the encoder's vectors").at_least(0).below(1);
  }
  std::unique_ptr<Model> build(Params params, const ModelInput& input) const override {
    auto model = std::make_unique<Tagger>();
    model->encoder = encoder->build(params / "encoder", input);
    const Params own = params / "head";
    model->scope = own.scope();
    model->out = Linear(own, model->encoder->width(), input.outputs);
    model->dropout = dropout;
    const int64_t edges = head == TagHead::crf ? 2 : 0;
    if (head != TagHead::softmax)
      model->transitions = own.make("transitions", {input.outputs + edges, input.outputs}, Init::zeros());
    return model;
  }
};
TAPEDECK_PART(ModelSpec, TaggerSpec, "tagger",
              "Encoder, and scores of every tag for every word; head softmax, crf or memm. Sites: embedding, hidden, pooled.");

}  // namespace
}  // namespace tapedeck
