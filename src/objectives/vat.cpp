// VAT (Miyato et al. 2018, arXiv 1704.03976): the prediction must not change in the direction in which it changes most.
//   L + weight D(stop p(x), p(x + r)), r = epsilon g / |g|, g = grad_r D(p(x), p(x + r)) at r = xi d, d random, repeated
// Needs no labels: examples without one count in D. Next: smart.cpp.
#include <tapedeck/objectives/adversary.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct Vat final : Wrapper {
  VirtualAttack search;
  WeightSchedule strength;
  Vat() { search.divergence.detach_clean = true; }

  void describe(Fields& f) override {
    f("loss", inner, "what is trained beside: a task loss or another objective");
    strength.describe(f, "weight of the divergence");
    search.describe(f);
  }
  std::vector<std::string> own_sites() const override { return {search.at}; }
  bool couples_examples() const override { return inner->couples_examples() || search.couples_examples(); }

  Tensor loss(Step& step) override {
    const Tensor task = inner->loss(step);
    const double weight = strength.at(step);
    if (weight == 0) return task;
    const View clean = step.cached_forward();
    Step shifted = search.attack(step, {});
    const Tensor smoothness = search.divergence(clean, shifted.forward(), step);
    step.report("divergence", smoothness.item());
    return task + smoothness * weight;
  }
};
TAPEDECK_PART(Objective, Vat, "vat", "Virtual adversarial training: the prediction must hold in the direction in which it changes most (Miyato et al. 2018).",
              {.equation = "L + weight KL(stop p(x) || p(x + r)), r = epsilon g / |g|\n"
                           "g = grad_r KL(p(x) || p(x + r)) at r = xi d / |d|, d normal, d <- g repeated (power iteration on the Hessian)",
               .source = "Miyato, Maeda, Koyama and Ishii, Virtual Adversarial Training, 2018, arXiv 1704.03976, section 3; for text: arXiv 1605.07725",
               .cost = "3F + 3B with one iteration (the clean pass is the loss's own); each further iteration 1F + 1B",
               .pitfalls = "The masks of all passes must be the same, or the divergence measures dropout: that is the default.\n"
                           "The divergence is quadratic in xi: in f32 an xi below 1e-4 drowns in rounding.\n"
                           "It counts examples without labels too; many of them can overwhelm few labels: lower weight."});

}  // namespace
}  // namespace tapedeck
