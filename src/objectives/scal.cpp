// SCAL and USCAL (Miao et al. 2021, arXiv 2111.13301, section 3.1): an adversarial view of every example must be recognised. Its
// direction climbs the task loss, or, without labels, the contrast between two dropout passes. Next: simcse.cpp, without an
// attack.
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/objectives/adversary.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct AdversarialContrast : TaskObjective {
  Choice<Adversary> adversary{"fgm"};
  double weight = 1, temperature = 0.05;
  bool mask_equal = true;
  AdversarialContrast() { adversary->at = "embedding", adversary->epsilon = 0.3; }
  std::vector<std::string> sites() const override { return {adversary->at}; }
  const Adversary* attacker() const override { return &*adversary; }
  bool couples_examples() const override { return true; }
  void describe_contrast(Fields& f, const char* attack, const char* weight_name, const char* what) {
    f("adversary", adversary, attack);
    f(weight_name, weight, what).at_least(0);
    f("temperature", temperature, "tau: cosines are divided by it").above(0);
    f.names("duplicates", mask_equal, {{"mask", true}, {"keep", false}},
            "equal texts in a batch: mask, they are no negatives of each other; keep, they are");
  }
  Tensor equal(const Step& step) const { return mask_equal ? share_a_text(step.batch().equal) : Tensor{}; }
  Tensor contrast(const Tensor& a, const Tensor& b, const Step& step) const {
    return info_nce(a, b, temperature, Similarity::cosine, equal(step));
  }
};

struct Scal final : AdversarialContrast {
  bool both_ways = false;

  void describe(Fields& f) override {
    describe_contrast(f, "who attacks the task loss, where and how far (paper: one step of 0.1 to 0.5 at the embeddings)",
                      "weight", "weight of the contrast");
    f.names("candidates", both_ways, {{"n", false}, {"2n-1", true}},
            "n: a clean row against all adversarial ones; 2n-1: both against all others");
    f("loss", task_loss, "task loss of both passes; its gradient is the direction");
  }
  Tensor loss(Step& step) override {
    step.watch(adversary->at);
    const View clean = step.forward();
    const Tensor clean_loss = step.loss(clean);
    Step shifted = adversary->attack_from(step, clean_loss, [](Step& s) { return s.loss(s.forward()); });
    const View adversarial = shifted.forward();
    const Tensor adversarial_loss = shifted.loss(adversarial);
    const Tensor &a = clean.embedding(), &b = adversarial.embedding();
    const Tensor pull = both_ways ? nt_xent(a, b, temperature, Similarity::cosine, equal(step)) : contrast(a, b, step);
    step.report_loss("adversarial_loss", adversarial_loss.item());
    step.report("contrast", pull.item());
    return clean_loss + adversarial_loss + pull * weight;
  }
};
TAPEDECK_PART(
    Objective, Scal, "scal",
    "Clean and adversarial rows of an example attract each other, both are classified (Miao et al. 2021).",
    {.equation = "delta = epsilon g / |g| for each example, g = dCE(x)/dx, held constant\n"
                 "L = CE(x) + CE(x + delta) + weight mean_i -log e^{cos(h_i, h_i') / tau} / sum_j e^{cos(h_i, h_j') / tau}, h' "
                 "at x + delta",
     .source =
         "Miao, Zhang, Xie, Song, Li, Jia and Guo, Simple Contrastive Representation Adversarial Learning for NLP Tasks, 2021, "
         "arXiv 2111.13301, abstract; weight, candidates and masks are left open there",
     .cost = "2F + 3B",
     .pitfalls = "The formulas follow descriptions of the paper: no official code exists.\n"
                 "A contrast over a handful of rows is weak: raise batch_size.\n"
                 "Length 0 and no dropout: 2 CE plus the contrast of identical views."});

struct Uscal final : AdversarialContrast {
  Uscal() { weight = 0.5, task_loss = Choice<Loss>("similarity"); }

  void describe(Fields& f) override {
    describe_contrast(f, "who attacks the contrast of the two passes, where and how far", "alpha",
                      "weight of the second pass's contrast");
    f("loss", task_loss, "task loss that evaluation reports; training does not use it");
  }
  bool needs_labels() const override { return false; }

  Tensor loss(Step& step) override {
    step.watch(adversary->at);
    const Tensor a = step.forward().embedding(), b = step.forward().embedding(), clean = contrast(a, b, step);
    Step shifted = adversary->attack_from(step, clean, [this](Step& s) {
      const Tensor first = s.forward().embedding();
      return contrast(first, s.forward().embedding(), s);
    });
    const Tensor adversarial = shifted.forward().embedding();  // the masks of the first pass
    step.report("clean_contrast", clean.item());
    return contrast(a, adversarial, step) + contrast(b, adversarial, step) * weight;
  }
};
TAPEDECK_PART(
    Objective, Uscal, "uscal", "Two dropout passes must both recognise an adversarial third (Miao et al. 2021).",
    {.equation = "h, h' = two dropout passes; delta = epsilon g / |g| for each sentence, g = d InfoNCE(h, h')/dx, held constant\n"
                 "L = InfoNCE(h, h_adv) + alpha InfoNCE(h', h_adv), h_adv = f(x + delta)",
     .source =
         "Miao et al., Simple Contrastive Representation Adversarial Learning for NLP Tasks, 2021, arXiv 2111.13301, abstract; "
         "which term carries alpha is our reading",
     .cost = "3F + 5B",
     .pitfalls = "The formulas follow descriptions of the paper: no official code exists.\n"
                 "The adversarial pass keeps the masks of the first pass, so the distance to it is the attack alone.\n"
                 "A batch of one sentence has no negatives: the direction is 0 and so is the loss."});

}  // namespace
}  // namespace tapedeck
