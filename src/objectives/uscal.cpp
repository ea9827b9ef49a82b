// USCAL (Miao et al. 2021, arXiv 2111.13301): SCAL without labels. The ascent direction of the contrast between two dropout
// passes makes a third, adversarial view that both must recognise. Next: scal.cpp, with labels.
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/objectives/adversary.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct Uscal final : Objective {
  Choice<Adversary> adversary{"fgm"};
  double alpha = 0.5, temperature = 0.05;
  Choice<Loss> task_loss{"similarity"};
  Uscal() {
    adversary->at = "embedding";
    adversary->epsilon = 0.3;
  }

  void describe(Fields& f) override {
    f("adversary", adversary, "who attacks the contrast of the two passes, where and how far");
    f("alpha", alpha, "weight of the second pass's contrast").at_least(0);
    f("temperature", temperature, "tau: cosines are divided by it").above(0);
    f("loss", task_loss, "task loss that evaluation reports; training does not use it");
  }
  const Loss& task() const override { return *task_loss; }
  std::vector<std::string> sites() const override { return {adversary->at}; }
  bool needs_labels() const override { return false; }
  bool couples_examples() const override { return true; }

  Tensor loss(Step& step) override {
    step.watch(adversary->at);
    const Tensor a = step.forward().embedding(), b = step.forward().embedding(), clean = info_nce(a, b, temperature);
    const AttackObjective climb = [this](Step& s) {
      const Tensor first = s.forward().embedding();
      return info_nce(first, s.forward().embedding(), temperature);
    };
    Step shifted = adversary->attack(step, climb, adversary->starts_clean() ? step.grad(clean, adversary->at) : Tensor{});
    const Tensor adversarial = shifted.forward().embedding();                    // the masks of the first pass
    step.report("clean_contrast", clean.item());
    return info_nce(a, adversarial, temperature) + info_nce(b, adversarial, temperature) * alpha;
  }
};
TAPEDECK_PART(Objective, Uscal, "uscal", "Two dropout passes must both recognise an adversarial third (Miao et al. 2021).",
              {.equation = "h, h' = two dropout passes; delta = epsilon g / |g| for each sentence, g = d InfoNCE(h, h')/dx, held constant\n"
                           "L = InfoNCE(h, h_adv) + alpha InfoNCE(h', h_adv), h_adv = f(x + delta)",
               .source = "Miao et al., Simple Contrastive Representation Adversarial Learning for NLP Tasks, 2021, arXiv 2111.13301, abstract; "
                         "which term carries alpha is our reading",
               .cost = "3F + 5B",
               .pitfalls = "The formulas follow descriptions of the paper: no official code exists.\n"
                           "The adversarial pass keeps the masks of the first pass, so the distance to it is the attack alone.\n"
                           "A batch of one sentence has no negatives: the direction is 0 and so is the loss."});

}  // namespace
}  // namespace tapedeck
