// Adversarial training, min_theta max_{|delta| <= epsilon} L(x + delta): attack, then train on what the attack found. Which
// losses are trained, and what published code leaves implicit, are options. Next: freelb.cpp, which trains on every step.
#include <tapedeck/objectives/adversary.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

enum class Train { both, mean, adversarial };

class AdversarialTraining : public Wrapper {
 public:
  Tensor loss(Step& step) override {
    step.watch(adversary().at);
    const AttackObjective climb = [this](Step& s) { return inner->loss(s); };
    const Tensor clean = needs_clean() ? climb(step) : Tensor{};
    Step shifted = adversary().attack_from(step, clean, climb);
    const Tensor adversarial = inner->loss(shifted);
    return train == Train::both ? clean + adversarial : train == Train::mean ? (clean + adversarial) * 0.5 : adversarial;
  }

  double run(Step& step) override {
    step.watch(adversary().at);
    const AttackObjective climb = [this](Step& s) { return inner->loss(s); };
    double clean_value = 0;
    Tensor g;
    if (needs_clean()) {
      const Tensor clean = train == Train::mean ? climb(step) * 0.5 : climb(step);
      clean_value = clean.item();
      if (train == Train::adversarial) g = step.grad(clean, adversary().at, Order::first, Graph::free);
      else if (adversary().starts_clean()) g = step.backward(clean, adversary().at);
      else step.backward(clean);
    }
    Step shifted = adversary().attack(step, climb, g);
    const double adversarial = train == Train::mean ? run_half(shifted) : inner->run(shifted);
    if (needs_clean()) step.report_loss("clean_loss", clean_value);
    step.report_loss("adversarial_loss", adversarial);
    return train == Train::adversarial ? adversarial : clean_value + adversarial;
  }

 protected:
  const Adversary& adversary() const { return *attacker(); }
  virtual void describe_attack(Fields& f) = 0;
  void describe(Fields& f) final {
    f("loss", inner, "what is attacked and trained: a task loss or another objective");
    describe_attack(f);
    f.names("train", train, {{"both", Train::both}, {"mean", Train::mean}, {"adversarial", Train::adversarial}},
            "both: clean + shifted loss; mean: half of each; adversarial: the shifted loss alone");
  }
  Train train = Train::both;

 private:
  bool needs_clean() const { return train != Train::adversarial || adversary().starts_clean(); }
  double run_half(Step& step) const {
    const Tensor half = inner->loss(step) * 0.5;
    const double value = half.item();
    step.backward(half);
    return value;
  }
};

struct Adversarial final : AdversarialTraining {
  Choice<Adversary> chosen{"fgm"};
  void describe_attack(Fields& f) override { f("adversary", chosen, "who attacks, where and how far"); }
  const Adversary* attacker() const override { return &*chosen; }
};
TAPEDECK_PART(
    Objective, Adversarial, "adversarial",
    "Trains on the shift an adversary finds: any attack around any loss (Madry et al. 2018).",
    {.equation = "min_theta E max_{|delta| <= epsilon} L(x + delta); delta is a constant of the gradient",
     .source =
         "Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018, arXiv 1706.06083, section 2",
     .cost = "the adversary's passes + 1F + 1B (random, train adversarial: 1F + 1B in all)",
     .pitfalls = "Compare with the adversary \"random\" of the same length first: noise alone explains part of the gain.\n"
                 "What the norm is taken over (tensor, sample, token) changes the attack more than epsilon does."});

/// An attack whose options stand beside the objective's own.
struct WithGradientAttack : AdversarialTraining {
  GradientAttack search;
  const Adversary* attacker() const override { return &search; }
  void describe_attack(Fields& f) override { search.Adversary::describe(f); }
};

struct Fgm final : WithGradientAttack {
  Fgm() { search.at = "encoder.embeddings.word"; }
};
TAPEDECK_PART(
    Objective, Fgm, "fgm",
    "Fast gradient method: shift a site by epsilon g / |g| and train on the shifted loss (Miyato et al. 2017).",
    {.equation =
         "delta = epsilon g / |g|, g = dL/dx; the update follows the gradient of L(x) + L(x + delta), delta held constant",
     .source =
         "Miyato, Dai and Goodfellow, Adversarial Training Methods for Semi-Supervised Text Classification, ICLR 2017, arXiv "
         "1605.07725, section 3",
     .cost = "2F + 2B",
     .pitfalls = "What the norm is taken over (tensor, sample, token) changes the attack more than epsilon does.\n"
                 "A model can beat a fixed epsilon by growing its embeddings: weight decay or a norm after them helps.\n"
                 "The masks of the shifted pass are those of the clean one unless dropout is \"fresh\"."});

struct Fgsm final : WithGradientAttack {
  Fgsm() {
    search.ball = NormBall::linf;
    search.epsilon = 0.01;
    train = Train::mean;
  }
};
TAPEDECK_PART(Objective, Fgsm, "fgsm",
              "Fast gradient sign method: half the clean loss, half the loss at x + epsilon sign(g) (Goodfellow et al. 2015).",
              {.equation = "delta = epsilon sign(dL/dx), the exact maximiser of the linearised loss for |delta|_inf <= epsilon; "
                           "L = (L(x) + L(x + delta)) / 2",
               .source = "Goodfellow, Shlens and Szegedy, Explaining and Harnessing Adversarial Examples, ICLR 2015, arXiv "
                         "1412.6572, sections 4 and 6",
               .cost = "2F + 2B",
               .pitfalls = "epsilon is per element: its L2 length grows with the root of the number of elements.\n"
                           "A single step can overfit to itself: watch accuracy under pgd, or give the attack a random start "
                           "(objective \"pgd\", steps 1)."});

struct Pgd final : WithGradientAttack {
  Pgd() {
    search.steps = 3;
    search.step_size = 0.3;
    search.projection = GradientAttack::Projection::ball;
  }
  void describe_attack(Fields& f) override { search.describe(f); }
};
TAPEDECK_PART(
    Objective, Pgd, "pgd",
    "Projected gradient descent: several ascent steps inside a ball, then training on the last (Madry et al. 2018).",
    {.equation = "K times: delta <- project(delta + step_size g / |g|) onto |delta| <= epsilon (linf: sign(g), clipped); then "
                 "L(x) + L(x + delta)",
     .source = "Madry et al., ICLR 2018, arXiv 1706.06083, section 2.1; the NLP form (K 3, epsilon 1, step 0.3, no random start) "
               "is that of common PyTorch code",
     .cost = "(K+1)F + (K+1)B; with a random start and train \"both\" one of each more",
     .pitfalls = "A step_size above epsilon makes every step a projection: K then buys nothing.\n"
                 "Madry et al. train on the adversarial loss alone from a random start: train \"adversarial\", start epsilon."});

}  // namespace
}  // namespace tapedeck
