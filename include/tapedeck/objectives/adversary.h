// The attacker inside a training method: where it shifts, how far, and how it looks for the worst shift. A part of its own
// ("adversary": {"type": "pgd", ...}) and, with the same options, the inside of fgm, pgd, freelb, vat and smart.
#pragma once
#include <functional>

#include <tapedeck/objectives/divergence.h>
#include <tapedeck/objectives/perturbation.h>
#include <tapedeck/objectives/step.h>

namespace tapedeck {

/// What an attack climbs: the loss of a step shifted by a candidate.
using AttackObjective = std::function<Tensor(Step&)>;

struct Adversary : Part {
  static constexpr const char* kind = "adversary";
  std::string at = "embedding";
  double epsilon = 1;
  NormBall ball = NormBall::l2;
  std::optional<std::string> scope;
  DropoutMasks masks = DropoutMasks::same;

  void describe(Fields& f) override;
  /// `step` shifted to where the attack ends; no gradient flows through the search. clean: the gradient of the climbed loss at
  /// the unshifted site where the caller has it already (see starts_clean), or undefined.
  virtual Step attack(Step& step, const AttackObjective& climb, const Tensor& clean = {}) const = 0;
  /// The same where `loss` is the climbed loss at the unshifted site, still on the tape.
  Step attack_from(Step& step, const Tensor& loss, const AttackObjective& climb) const {
    return attack(step, climb, starts_clean() ? step.grad(loss, at) : Tensor{});
  }
  /// The search begins at the input itself: `clean` saves it a pass.
  virtual bool starts_clean() const { return false; }
  /// One norm over the whole batch, or a table that every example reads, whatever its norm is taken over.
  bool couples_examples() const { return at.find('.') != at.npos || (scope && (*scope == "tensor" || *scope == "batch")); }
  /// on: the next search is remembered, and attacks after it only go where it ended; off: forgotten.
  void remember(bool on) const { remembers_ = on, found_ = {}; }
  /// What the norm is taken over here; throws Error{config} for "sample" at a parameter.
  NormScope over(const Step& step) const;

 protected:
  Step arrive(Step& step, const Tensor& delta) const {
    if (remembers_) found_ = delta;
    return step.with(at, delta, masks);
  }
  const Tensor& found() const { return found_; }  // undefined: search

 private:
  mutable bool remembers_ = false;
  mutable Tensor found_;
};

/// Climbs the gradient: FGM and FGSM (one step of length epsilon), PGD (several, projected), the ascent of FreeLB and SMART.
struct GradientAttack : Adversary {
  enum class Direction { steepest, unit, gradient };
  enum class Projection { ball, border, none };
  int64_t steps = 1;
  std::optional<double> step_size;  // default: epsilon
  double start = 0;
  Noise::Kind start_kind = Noise::Kind::ball;
  Direction direction = Direction::steepest;
  Projection projection = Projection::none;

  void describe(Fields& f) override;
  void describe_search(Fields& f);  // the options beyond Adversary's
  bool starts_clean() const override { return start == 0 && !found(); }
  Step attack(Step& step, const AttackObjective& climb, const Tensor& clean = {}) const override;
  /// `step` where the search begins (delta undefined) or shifted by delta.
  Step shifted(const Step& step, const Tensor& delta) const;
  /// One ascent step from delta (undefined: where the search begins), projected.
  Tensor advance(const Step& step, const Tensor& delta, const Tensor& g) const;
};

/// The direction in which the prediction changes most, without labels (VAT): power iteration on the divergence from the clean
/// prediction, d <- normalised gradient of D(p(x), p(x + xi d)) at d, then epsilon d.
struct VirtualAttack : Adversary {
  double xi = 1e-3;
  int64_t iterations = 1;
  Divergence divergence;

  void describe(Fields& f) override;
  Step attack(Step& step, const AttackObjective& climb,
              const Tensor& clean = {}) const override;  // climbs the divergence, whatever climb is
};

}  // namespace tapedeck
