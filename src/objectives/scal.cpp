// SCAL (Miao et al. 2021, arXiv 2111.13301, section 3.1): the ascent direction of the task loss makes an adversarial view, and
// clean and adversarial rows of one example attract each other. Next: uscal.cpp, the same without labels.
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/objectives/adversary.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct Scal final : Objective {
  Choice<Adversary> adversary{"fgm"};
  double weight = 1, temperature = 0.05;
  bool both_ways = false;
  Choice<Loss> task_loss{"cross_entropy"};
  Scal() {
    adversary->at = "embedding";
    adversary->epsilon = 0.3;
  }

  void describe(Fields& f) override {
    f("adversary", adversary, "who attacks the task loss, where and how far (paper: one step of 0.1 to 0.5 at the embeddings)");
    f("weight", weight, "weight of the contrast").at_least(0);
    f("temperature", temperature, "tau: cosines are divided by it").above(0);
    f.names("candidates", both_ways, {{"n", false}, {"2n-1", true}}, "n: a clean row against all adversarial ones; 2n-1: both against all others");
    f("loss", task_loss, "task loss of both passes; its gradient is the direction");
  }
  const Loss& task() const override { return *task_loss; }
  std::vector<std::string> sites() const override { return {adversary->at}; }
  bool couples_examples() const override { return true; }

  Tensor loss(Step& step) override {
    step.watch(adversary->at);
    const View clean = step.forward();
    const Tensor clean_loss = step.loss(clean);
    const Tensor g = adversary->starts_clean() ? step.grad(clean_loss, adversary->at) : Tensor{};
    Step shifted = adversary->attack(step, [](Step& s) { return s.loss(s.forward()); }, g);
    const View adversarial = shifted.forward();
    const Tensor adversarial_loss = shifted.loss(adversarial);
    const Tensor &a = clean.embedding(), &b = adversarial.embedding();
    const Tensor contrast = both_ways ? nt_xent(a, b, temperature) : info_nce(a, b, temperature);
    step.report("adversarial_loss", adversarial_loss.item());
    step.report("contrast", contrast.item());
    return clean_loss + adversarial_loss + contrast * weight;
  }
};
TAPEDECK_PART(Objective, Scal, "scal", "Clean and adversarial rows of an example attract each other, both are classified (Miao et al. 2021).",
              {.equation = "delta = epsilon g / |g| for each example, g = dCE(x)/dx, held constant\n"
                           "L = CE(x) + CE(x + delta) + weight mean_i -log e^{cos(h_i, h_i') / tau} / sum_j e^{cos(h_i, h_j') / tau}, h' at x + delta",
               .source = "Miao, Zhang, Xie, Song, Li, Jia and Guo, Simple Contrastive Representation Adversarial Learning for NLP Tasks, 2021, "
                         "arXiv 2111.13301, abstract; weight, candidates and masks are left open there",
               .cost = "2F + 3B",
               .pitfalls = "The formulas follow descriptions of the paper: no official code exists.\n"
                           "A contrast over a handful of rows is weak: raise batch_size.\n"
                           "Length 0 and no dropout: 2 CE plus the contrast of identical views."});

}  // namespace
}  // namespace tapedeck
