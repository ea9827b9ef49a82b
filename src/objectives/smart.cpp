// SMART (Jiang et al. 2020, arXiv 1911.03437): the prediction must be smooth around every example.
//   L + weight max_{|delta| <= epsilon} D(f(x), f(x + delta)), D symmetric; the search climbs D itself, without labels
// Next: noise.cpp, the same without an attack.
#include <tapedeck/objectives/adversary.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct Smart final : Wrapper {
  WeightSchedule strength;
  GradientAttack search;
  Divergence divergence;

  Smart() {
    search.epsilon = search.start = 1e-5;
    search.step_size = 1e-3;
    search.ball = NormBall::linf;
    search.start_kind = Noise::Kind::normal;
    search.direction = GradientAttack::Direction::gradient;
    search.projection = GradientAttack::Projection::ball;
    divergence.usual = Distance::symmetric_kl;
  }

  void describe(Fields& f) override {
    f("loss", inner, "what is trained beside: a task loss or another objective");
    strength.describe(f, "weight of the smoothness term");
    search.describe(f);
    divergence.describe(f);
  }
  std::vector<std::string> own_sites() const override { return {search.at}; }
  bool couples_examples() const override { return inner->couples_examples() || search.couples_examples(); }

  Tensor loss(Step& step) override {
    const Tensor task = inner->loss(step);
    const double weight = strength.at(step);
    if (weight == 0) return task;
    const View clean = step.cached_forward(), constant = clean.detach();
    Step shifted = search.attack(step, [&](Step& s) { return divergence(constant, s.forward(), s); });
    const Tensor smoothness = divergence(clean, shifted.forward(), step);
    step.report("smoothness", smoothness.item());
    return task + smoothness * weight;
  }
};
TAPEDECK_PART(Objective, Smart, "smart", "Smoothness-inducing regularisation: the prediction holds in the direction in which a symmetric divergence grows (Jiang et al. 2020).",
              {.equation = "L + weight D(f(x), f(x + delta)), D = KL(P||Q) + KL(Q||P) (squared error for regression)\n"
                           "delta from N(0, start^2), steps times: delta <- project(delta + step_size dD/ddelta), |delta|_inf <= epsilon",
               .source = "Jiang et al., SMART: Robust and Efficient Fine-Tuning, ACL 2020, arXiv 1911.03437, section 3.1, algorithm 1",
               .cost = "3F + 3B with one step; each further step 1F + 1B",
               .pitfalls = "start 0 finds nothing: the divergence has gradient 0 at the input.\n"
                           "Published code scales delta to length 1 in the maximum norm instead of keeping it in the ball: epsilon 1, scope \"token\", project \"border\".\n"
                           "The paper's proximal term, a pull to the predictions of an average of earlier weights, is not part of this: nest it in a teacher.\n"
                           "start and epsilon of 1e-5 are of the size of rounding errors in f32: 1e-3 is a safer start for small models."});

}  // namespace
}  // namespace tapedeck
