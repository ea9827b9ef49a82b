// "model": {"type": "span"}: an encoder and a score for every span of every type (GlobalPointer, Su et al. 2022, arXiv
// 2208.03054). Trained by the loss global_pointer on data with marked spans.
#include <tapedeck/nn/global_pointer.h>
#include <tapedeck/nn/transformer.h>

namespace tapedeck {
namespace {

struct SpanModel final : Model {
  std::unique_ptr<Encoder> encoder;
  GlobalPointer spans;

  Output forward(Pass& pass) const override {
    const Tensor hidden = pass.site("hidden", encoder->forward(pass));
    const Tensor pooled = pass.site("pooled", pool(hidden, pass.batch().offsets, Pooling::mean));
    return {spans(pass, hidden), pooled, hidden};
  }
  Rows logit_rows() const override { return Rows::spans; }
  std::vector<std::string> sites() const override {
    auto all = encoder->sites();
    all.insert(all.end(), {"hidden", "pooled"});
    return all;
  }
};

struct SpanModelSpec final : ModelSpec {
  Choice<EncoderSpec> encoder{"transformer"};
  GlobalPointerOptions options;

  void describe(Fields& f) override {
    f("encoder", encoder, "tokens to vectors");
    f("head_size", options.head_size, "length of the query and key that are compared; even when rotary").at_least(1);
    f("rotary", options.rotary, "relative positions; without them short spans and long ones look alike");
    f("efficient", options.efficient, "types share queries and keys and differ by a bias of each token (kexue.fm/archives/8877)");
  }
  std::unique_ptr<Model> build(Params params, const ModelInput& input) const override {
    auto model = std::make_unique<SpanModel>();
    model->encoder = encoder->build(params / "encoder", input);
    GlobalPointerOptions mine = options;
    mine.width = model->encoder->width();
    mine.types = input.outputs;
    model->spans = GlobalPointer(params / "spans", mine);
    return model;
  }
};
TAPEDECK_PART(
    ModelSpec, SpanModelSpec, "span",
    "Encoder, and a score for every span of every type: above 0 it is one (GlobalPointer). Sites: embedding, hidden, pooled.");

}  // namespace
}  // namespace tapedeck
