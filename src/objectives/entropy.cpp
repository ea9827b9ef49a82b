// Entropy of the prediction as a regulariser: added it separates classes on data without labels, subtracted it keeps a model from
// being too sure. Next: divergence.h.
#include <tapedeck/losses/classification.h>
#include <tapedeck/objectives/divergence.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct EntropyMinimisation final : Regulariser {
  bool minimise = true;
  EntropyMinimisation() : Regulariser("entropy") {}

  void describe(Fields& f) override {
    describe_loss(f, "weight of the entropy");
    f.names("towards", minimise, {{"low", true}, {"high", false}},
            "low: add the entropy; high: subtract it (confidence penalty)");
  }
  void prepare(Step& step) const override { require_classes(step, "entropy"); }
  Tensor term(Step& step, const Tensor&) override {
    return entropy(step.cached_forward().logits, {}, double(step.batch().total_rows()));
  }
  double sign() const override { return minimise ? 1 : -1; }
};
TAPEDECK_PART(
    Objective, EntropyMinimisation, "entropy",
    "Adds the entropy of the prediction, labels or not (Grandvalet and Bengio 2005); subtracts it as a confidence penalty.",
    {.equation = "L + weight mean H(p), H(p) = -sum_c p_c log p_c; towards \"high\": L - weight mean H(p)",
     .source = "Grandvalet and Bengio, Semi-Supervised Learning by Entropy Minimization, NeurIPS 2005; Pereyra et al. 2017, "
               "arXiv 1701.06548",
     .cost = "1F + 1B: the first pass of the inner objective is reused",
     .pitfalls = "Alone, or with many more unlabelled than labelled examples, the minimum is one class for everything.\n"
                 "Made to go with vat: entropy(vat(cross_entropy)) is VAT + EntMin."});

}  // namespace
}  // namespace tapedeck
