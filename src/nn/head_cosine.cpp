// "cosine": a class vector for every class, and the cosine of the pooled vector with each. What arc_face and cos_face expect.
#include <tapedeck/nn/head.h>
#include <tapedeck/ops/normalize.h>

namespace tapedeck {
namespace {

struct CosineHead final : Head {
  CosineHead(Params params, double dropout, double scale, int64_t width, int64_t outputs)
      : scope(params.scope()),
        weight(params.make("weight", {outputs, width}, Init::xavier({outputs, width}))),
        dropout(dropout),
        scale(scale) {}
  Tensor forward(Pass& pass, const Tensor& pooled) const override {
    Scope here(scope);
    const Tensor h = pass.dropout(pooled, dropout, Rows::sequences);
    const Tensor cosines = matmul(normalize(h), normalize(pass(weight)), false, true);
    return scale == 1 ? cosines : cosines * scale;
  }
  ScopeId scope;
  Param weight;
  double dropout, scale;
};

struct CosineHeadSpec final : HeadSpec {
  double dropout = 0, scale = 1;
  void describe(Fields& f) override {
    f("dropout", dropout, "drop probability of the pooled vector").at_least(0).below(1);
    f("scale", scale,
      "factor on the cosines; 1 for losses that scale themselves (arc_face, cos_face), 16 or so for cross_entropy")
        .above(0);
  }
  std::unique_ptr<Head> build(Params params, int64_t width, int64_t outputs) const override {
    return std::make_unique<CosineHead>(params, dropout, scale, width, outputs ? outputs : width);
  }
};
TAPEDECK_PART(HeadSpec, CosineHeadSpec, "cosine", "logits_c = scale cos(h, w_c): class vectors w on the unit sphere.",
              {.equation = "logits_c = scale <h / |h|, w_c / |w_c|>",
               .source = "NormFace, Wang et al. 2017, arXiv 1704.06369; what arc_face and cos_face are defined on",
               .cost = "one product of examples and classes",
               .pitfalls = "With scale 1 and plain cross_entropy the loss cannot become small: cosines differ by 2 at most.\n"
                           "There is no bias: frequent classes get no head start."});

}  // namespace
}  // namespace tapedeck
