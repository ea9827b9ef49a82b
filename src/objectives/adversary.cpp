// Attacks on a site: by the gradient, by power iteration without labels, at random. Next: adversarial.cpp.
#include <tapedeck/objectives/adversary.h>

#include <tapedeck/base/error.h>

namespace tapedeck {

void Adversary::describe(Fields& f) {
  f("at", at,
    "where: a parameter (encoder.embeddings.word moves the table) or a site of the model (embedding moves each position)");
  f("epsilon", epsilon, "length of the shift; 0: none").at_least(0);
  f.names("norm", ball, {{"l2", NormBall::l2}, {"linf", NormBall::linf}, {"l1", NormBall::l1}},
          "norm in which the length is measured");
  f("scope", scope,
    "what the norm is taken over: tensor or batch (all of it), sample (one sequence), token; default tensor for a "
    "parameter, sample for an activation")
      .one_of({"tensor", "batch", "sample", "token"});
  f.names("dropout", masks, {{"same", DropoutMasks::same}, {"fresh", DropoutMasks::fresh}},
          "masks of the shifted passes: the clean pass's or others");
}

NormScope Adversary::over(const Step& step) const {
  const bool table = step.is_parameter(at);
  if (!scope) return table ? NormScope::tensor : NormScope::sample;
  if (table && *scope == "sample")
    throw Error(ErrorKind::config, text("scope \"sample\" has no meaning at the parameter ", at),
                "use scope \"tensor\", or attack the site \"embedding\"");
  return *scope == "tensor"   ? NormScope::tensor
         : *scope == "batch"  ? NormScope::batch
         : *scope == "sample" ? NormScope::sample
                              : NormScope::token;
}

void GradientAttack::describe(Fields& f) {
  Adversary::describe(f);
  describe_search(f);
}

void GradientAttack::describe_search(Fields& f) {
  f("steps", steps, "ascent steps").range(1, 1000);
  f("step_size", step_size, "length of one ascent step (default: epsilon)").at_least(0);
  f("start", start, "size of the random start; 0: the search begins at the input").at_least(0);
  f.names(
      "start_from", start_kind, {{"ball", Noise::Kind::ball}, {"uniform", Noise::Kind::uniform}, {"normal", Noise::Kind::normal}},
      "random start: ball, uniform and at most `start` long; uniform, elements in [-start, start]; normal, deviation `start`");
  f.names("direction", direction,
          {{"steepest", Direction::steepest}, {"unit", Direction::unit}, {"gradient", Direction::gradient}},
          "of an ascent step of length step_size: steepest, the one along which the loss grows most (linf: signs); unit, the "
          "gradient "
          "scaled to length 1 in the norm, for each part of the scope (as FreeLB's and SMART's code); gradient, step_size times "
          "the gradient "
          "itself, which shrinks with the batch");
  f.names("project", projection, {{"ball", Projection::ball}, {"border", Projection::border}, {"none", Projection::none}},
          "after each step: ball, back to length epsilon where it is longer; border, always to length epsilon; none");
}

Step GradientAttack::shifted(const Step& step, const Tensor& delta) const {
  if (delta) return step.with(at, delta, masks);
  if (start == 0) return step.fork(masks);
  const Noise noise(step.key() / "start" / at, start_kind, start, ball, over(step), at);
  return step.with(at, std::allocate_shared<Noise>(PoolAllocator<Noise>(), noise), masks);
}

Tensor GradientAttack::advance(const Step& step, const Tensor& delta, const Tensor& g) const {
  const NormScope scope = over(step);
  const Tensor& offsets = step.batch().offsets;
  const double size = step_size.value_or(epsilon);
  Tensor moved = direction == Direction::steepest ? steepest_step(g, size, ball, scope, offsets)
                 : direction == Direction::unit   ? unit_step(g, size, ball, scope, offsets)
                                                  : g * size;
  if (delta) moved = delta + moved;
  else if (start > 0)
    moved = Noise(step.key() / "start" / at, start_kind, start, ball, scope, at).draw(g.shape(), g.dtype(), step.batch()) + moved;
  if (projection == Projection::ball) return project(moved, epsilon, ball, scope, offsets);
  return projection == Projection::border ? rescale(moved, epsilon, ball, scope, offsets) : moved;
}

Step GradientAttack::attack(Step& step, const AttackObjective& climb, const Tensor& clean) const {
  if (found()) return arrive(step, found());
  Tensor delta, g = starts_clean() ? clean : Tensor{};
  for (int64_t i = 0; i < steps; ++i) {
    if (i > 0 || !g) {
      Step here = shifted(step, delta);
      here.watch(at);
      g = here.grad(climb(here), at, Order::first, Graph::free);
    }
    delta = advance(step, delta, g);
  }
  return arrive(step, delta);
}

void VirtualAttack::describe(Fields& f) {
  Adversary::describe(f);
  f("xi", xi, "length of the trial step whose divergence is differentiated").above(0);
  f("iterations", iterations, "power iterations").range(1, 100);
  divergence.describe(f);
}

Step VirtualAttack::attack(Step& step, const AttackObjective&, const Tensor&) const {
  if (found()) return arrive(step, found());
  const View constant = step.cached_forward().detach();
  const NormScope scope = over(step);
  auto slope = [&](Step trial) {
    return trial.grad(divergence(constant, trial.forward(), trial), at, Order::first, Graph::free);
  };
  const Noise start(step.key() / "start" / at, Noise::Kind::direction, xi, NormBall::l2, scope, at);
  Tensor g = slope(step.with(at, std::allocate_shared<Noise>(PoolAllocator<Noise>(), start), masks));
  for (int64_t i = 1; i < iterations; ++i)
    g = slope(step.with(at, steepest_step(g, xi, NormBall::l2, scope, step.batch().offsets), masks));
  return arrive(step, steepest_step(g, epsilon, ball, scope, step.batch().offsets));
}

namespace {

struct FgmAdversary final : GradientAttack {
  void describe(Fields& f) override { Adversary::describe(f); }
};
TAPEDECK_PART(Adversary, FgmAdversary, "fgm", "One step of length epsilon along the gradient (Miyato et al. 2017).");

struct FgsmAdversary final : GradientAttack {
  FgsmAdversary() { ball = NormBall::linf; }
  void describe(Fields& f) override { Adversary::describe(f); }
};
TAPEDECK_PART(Adversary, FgsmAdversary, "fgsm", "epsilon times the sign of the gradient (Goodfellow, Shlens and Szegedy 2015).");

struct PgdAdversary final : GradientAttack {
  PgdAdversary() {
    steps = 3;
    step_size = 0.3;
    projection = Projection::ball;
  }
};
TAPEDECK_PART(Adversary, PgdAdversary, "pgd", "Several ascent steps, projected back into the ball (Madry et al. 2018).");

struct VirtualAdversary final : VirtualAttack {};
TAPEDECK_PART(Adversary, VirtualAdversary, "vat",
              "The direction in which the prediction changes most, without labels (Miyato et al. 2018).");

/// The control experiment: noise of the same length (Miyato et al. 2017, table 2).
struct RandomAdversary final : Adversary {
  Step attack(Step& step, const AttackObjective&, const Tensor&) const override {
    const Noise noise(step.key() / "start" / at, Noise::Kind::direction, epsilon, ball, over(step), at);
    return step.with(at, std::allocate_shared<Noise>(PoolAllocator<Noise>(), noise), masks);
  }
};
TAPEDECK_PART(Adversary, RandomAdversary, "random", "A random direction of length epsilon: what an attack has to beat.");

}  // namespace
}  // namespace tapedeck
