// Attacks on the parameters: the loss must be low in a whole neighbourhood of the weights, not at one point. SAM climbs inside
// one ball around all of them, AWP inside one around each parameter in proportion to its size. Next: adversarial.cpp, the same at
// inputs.
#include <cmath>
#include <utility>

#include <tapedeck/objectives/adversary.h>
#include <tapedeck/objectives/objective.h>
#include <tapedeck/tensor/in_place.h>

namespace tapedeck {
namespace {

class SharpnessAware : public Wrapper {
 public:
  bool couples_examples() const override { return true; }  // the norm of the whole batch's gradient

  Tensor loss(Step& step) override {
    const Remembered attacks(*this);
    const Tensor clean = inner->loss(step);
    Step climbed = step.with(climb(step.store(), step.grad(clean)), masks);
    const Tensor sharp = inner->loss(climbed);
    return both ? clean + sharp : sharp;
  }

  double run(Step& step) override {
    const Remembered attacks(*this);
    const Tensor clean = inner->loss(step);
    const double clean_value = clean.item();
    const Tensor g = step.grad(clean, Graph::free);
    if (both) add_into(step.store().gradients(), g);
    Step climbed = step.with(climb(step.store(), g), masks);
    const double sharp = inner->run(climbed);
    step.report_loss("clean_loss", clean_value);
    step.report_loss("sharp_loss", sharp);
    return both ? clean_value + sharp : sharp;
  }

 protected:
  /// The shift of all parameters, laid out like their gradient g.
  virtual Tensor climb(const ParamStore& store, const Tensor& g) const = 0;
  void describe_loss(Fields& f) { f("loss", inner, "what is trained: a task loss or another objective"); }
  void describe_training(Fields& f) {
    f("parameters", globs, "which parameters move (default: all that train); a pattern that matches nothing is an error");
    f.names("train", both, {{"adversarial", false}, {"both", true}},
            "adversarial: the gradient at the shifted weights; both: added to the clean one");
    f.names("dropout", masks, {{"same", DropoutMasks::same}, {"fresh", DropoutMasks::fresh}},
            "masks of the shifted pass: the clean pass's or others");
    f.names("attack", once, {{"once", true}, {"again", false}},
            "attacks inside the loss: once, at the unshifted weights, their shifted inputs kept for the second pass (AWP's "
            "code); again, "
            "searched anew at the shifted weights");
  }
  /// f(parameter, its gradient, its shift, elements) for every parameter that moves.
  template <class F>
  void for_moving(const ParamStore& store, const Tensor& g, const Tensor& shift, F f) const {
    if (moving_.empty()) moving_ = store.match(globs.empty() ? std::vector<std::string>{"*"} : globs, "parameters");
    for (int32_t i : moving_) {
      const Parameter& p = store.all()[size_t(i)];
      if (!p.trainable) continue;
      dispatch(g.dtype(), [&](auto tag) {
        using T = decltype(tag);
        f(p.value.raw<T>(), g.raw<T>() + p.offset, shift.raw<T>() + p.offset, p.shape.size());
      });
    }
  }
  std::vector<std::string> globs;
  bool both = false, once = false;
  DropoutMasks masks = DropoutMasks::same;

 private:
  /// While it lives, attacks inside the loss are searched once.
  struct Remembered {
    explicit Remembered(SharpnessAware& owner) : owner(owner) { owner.remember(owner.once); }
    ~Remembered() { owner.remember(false); }
    SharpnessAware& owner;
  };
  void remember(bool on) {
    if (on && !std::exchange(collected_, true))
      for (auto& [place, objective] : with_inner(*inner))
        if (objective->attacker()) attackers_.push_back(objective->attacker());
    for (const Adversary* attacker : attackers_) attacker->remember(on);
  }
  mutable std::vector<int32_t> moving_;      // found at the first update
  std::vector<const Adversary*> attackers_;  // inside the loss, found at the first update
  bool collected_ = false;
};

struct Sam final : SharpnessAware {
  double rho = 0.05;
  bool adaptive = false;

  void describe(Fields& f) override {
    describe_loss(f);
    f("rho", rho, "radius of the ball around the parameters; 0: plain training at twice the cost").at_least(0);
    f("adaptive", adaptive, "measure each weight's move relative to its size (ASAM)");
    describe_training(f);
  }
  /// rho t^2 g / |t g|, t = 1, or |w| when adaptive; 0 where the gradient is 0 or not finite.
  Tensor climb(const ParamStore& store, const Tensor& g) const override {
    const Tensor shift = Tensor::zeros(g.shape(), g.dtype());
    auto size_of_weight = [this](auto w) { return adaptive ? std::abs(double(w)) : 1.0; };
    double squares = 0;
    for_moving(store, g, shift, [&](auto* w, auto* d, auto*, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        const double v = double(d[i]) * size_of_weight(w[i]);
        squares += v * v;
      }
    });
    if (!(squares > 0) || !std::isfinite(squares)) return shift;
    const double scale = rho / std::sqrt(squares);
    for_moving(store, g, shift, [&](auto* w, auto* d, auto* e, int64_t n) {
      using T = std::remove_reference_t<decltype(*e)>;
      for (int64_t i = 0; i < n; ++i) {
        const double t = size_of_weight(w[i]);
        e[i] = T(double(d[i]) * t * t * scale);
      }
    });
    return shift;
  }
};
TAPEDECK_PART(
    Objective, Sam, "sam", "Sharpness-aware minimisation: the gradient at the worst weights within rho (Foret et al. 2021).",
    {.equation =
         "min_w max_{|e| <= rho} L(w + e), e = rho g / |g|, g = dL/dw over all parameters; the update follows dL/dw at w + e\n"
         "adaptive: e = rho t^2 g / |t g|, t = |w|",
     .source = "Foret et al., Sharpness-Aware Minimization, ICLR 2021, arXiv 2010.01412, equations 2 and 3; ASAM: Kwon et al. "
               "2021, arXiv 2102.11600",
     .cost = "2F + 2B",
     .pitfalls = "Differs from davda54/sam, whose second pass draws new dropout masks: dropout \"fresh\".\n"
                 "The norm is that of the whole batch's gradient: micro-batches cost a forward pass more.\n"
                 "The logged loss is the one at the shifted weights, higher than that of plain training."});

struct Awp final : SharpnessAware {
  double gamma = 0.01;
  std::optional<double> limit;
  Awp() { once = true; }

  void describe(Fields& f) override {
    describe_loss(f);
    f("gamma", gamma, "length of a parameter's move relative to the parameter's own").at_least(0);
    f("limit", limit, "no element moves by more than this share of itself").at_least(0);
    describe_training(f);
  }
  /// gamma |w| g / |g| for each parameter, element by element within limit |w_i|.
  Tensor climb(const ParamStore& store, const Tensor& g) const override {
    const Tensor shift = Tensor::zeros(g.shape(), g.dtype());
    for_moving(store, g, shift, [&](auto* w, auto* d, auto* e, int64_t n) {
      double of_gradient = 0, of_weight = 0;
      for (int64_t i = 0; i < n; ++i) {
        of_gradient += double(d[i]) * double(d[i]);
        of_weight += double(w[i]) * double(w[i]);
      }
      if (!(of_gradient > 0) || !std::isfinite(of_gradient)) return;
      const double scale = gamma * std::sqrt(of_weight / of_gradient);
      for (int64_t i = 0; i < n; ++i) {
        const double bound = limit ? *limit * std::abs(double(w[i])) : INFINITY;
        e[i] = std::remove_reference_t<decltype(*e)>(std::clamp(double(d[i]) * scale, -bound, bound));
      }
    });
    return shift;
  }
};
TAPEDECK_PART(
    Objective, Awp, "awp",
    "Adversarial weight perturbation: each parameter moves against training in proportion to its own length (Wu et al. 2020).",
    {.equation =
         "e_p = gamma |w_p| g_p / |g_p| for each parameter p, |e_i| <= limit |w_i|; the update follows the gradient at w + e",
     .source = "Wu, Xia and Wang, Adversarial Weight Perturbation Helps Robust Generalization, NeurIPS 2020, arXiv 2004.05884, "
               "section 4",
     .cost = "2F + 2B",
     .pitfalls = "A bias or norm that starts at 0 has length 0 and does not move.\n"
                 "Differs from csdongxian/AWP, which moves matrices only and draws new dropout masks: parameters [\"*weight\"], "
                 "dropout \"fresh\".\n"
                 "Public code starts it after an epoch or two: wrap it in objective \"periodic\" with `from`.\n"
                 "The paper uses it around adversarial training: awp(pgd(cross_entropy))."});

}  // namespace
}  // namespace tapedeck
