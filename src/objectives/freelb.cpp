// FreeLB (Zhu et al. 2020, arXiv 1909.11764): every step of the attack also trains.
//   g_theta = (1/K) sum_t dL(x + delta_t)/dtheta;  delta_{t+1} = project(delta_t + step_size g_delta / |g_delta|)
// Next: consistency.cpp.
#include <tapedeck/objectives/adversary.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct FreeLb final : Wrapper {
  GradientAttack search;
  bool extra_pass = false;
  FreeLb() {
    search.steps = 3;
    search.epsilon = 0.3;
    search.step_size = 0.1;
    search.projection = GradientAttack::Projection::ball;
  }

  void describe(Fields& f) override {
    f("loss", inner, "what is attacked and trained: a task loss or another objective");
    search.describe(f);
    f.names("passes", extra_pass, {{"steps", false}, {"steps_and_one", true}},
            "passes that train: steps, K with K - 1 moves between them (the later code); steps_and_one, K + 1 with K moves (the "
            "fairseq scripts)");
  }
  const Adversary* attacker() const override { return &search; }

  Tensor loss(Step& step) override {
    Tensor sum;
    ascend(step, [&](Step& here, const Tensor& share, bool last) {
      sum = sum ? sum + share : share;
      return last ? Tensor{} : here.grad(share, search.at);
    });
    return sum;
  }

  double run(Step& step) override {
    double sum = 0;
    ascend(step, [&](Step& here, const Tensor& share, bool last) {
      sum += share.item();
      if (!last) return here.backward(share, search.at);
      here.backward(share);
      return Tensor{};
    });
    return sum;
  }

 private:
  /// Visits x + delta_0 ... x + delta_{K-1} with L / K there; visit returns the gradient that leads to the next.
  template <class Visit>
  void ascend(Step& step, Visit visit) {
    Tensor delta;
    const int64_t passes = search.steps + extra_pass;
    for (int64_t t = 0; t < passes; ++t) {
      Step here = search.shifted(step, delta);
      here.watch(search.at);
      const Tensor g = visit(here, inner->loss(here) / double(passes), t + 1 == passes);
      if (g) delta = search.advance(step, delta, g);
    }
  }
};
TAPEDECK_PART(
    Objective, FreeLb, "freelb",
    "Free large-batch adversarial training: the mean loss over the steps of an attack (Zhu et al. 2020).",
    {.equation =
         "L = (1/K) sum_{t<K} L(x + delta_t), delta_{t+1} = project(delta_t + step_size g / |g|), g = dL(x + delta_t)/ddelta",
     .source = "Zhu et al., FreeLB: Enhanced Adversarial Training for Natural Language Understanding, ICLR 2020, arXiv "
               "1909.11764, algorithm 1",
     .cost = "KF + KB; one of each more with passes steps_and_one",
     .pitfalls =
         "The paper's names: adv_lr is step_size, init_mag is start, max_norm is epsilon (0 there means no bound: project "
         "\"none\" here).\n"
         "Differs from the fairseq scripts, where adv_steps K makes K + 1 passes: passes \"steps_and_one\". With norm linf both "
         "codes scale the "
         "gradient by its largest entry: direction \"unit\".\n"
         "With start 0 the first pass is the clean one; with a random start no clean example is trained on.\n"
         "All passes share one dropout mask, as the paper asks; dropout \"fresh\" takes other masks than a clean pass would."});

}  // namespace
}  // namespace tapedeck
