// The prediction at a shifted input must agree with the prediction at the input: L + weight D(f(x), f(x + delta)). delta is the
// worst shift (vat, smart) or noise, a penalty on the gradient of the outputs to second order (kexue.fm/archives/7466). Labels or
// not.
#include <tapedeck/objectives/adversary.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct Consistency : Regulariser {
  using Regulariser::Regulariser;
  virtual const Divergence& divergence() const = 0;
  virtual Step shifted(Step& step, const View& clean) const = 0;
  Tensor term(Step& step, const Tensor&) final {
    const View clean = step.cached_forward();
    Step there = shifted(step, clean);
    return divergence()(clean, there.forward(), step);
  }
};

/// The direction in which the prediction changes most.
struct Vat final : Consistency {
  VirtualAttack search;
  Vat() : Consistency("divergence") { search.divergence.stop = StopGrad::target; }
  void describe(Fields& f) override {
    describe_loss(f, "weight of the divergence");
    search.describe(f);
    describe_stop_grad(f, search.divergence.stop);
  }
  const Adversary* attacker() const override { return &search; }
  const Divergence& divergence() const override { return search.divergence; }
  Step shifted(Step& step, const View&) const override { return search.attack(step, {}); }
};
TAPEDECK_PART(
    Objective, Vat, "vat",
    "Virtual adversarial training: the prediction must hold in the direction in which it changes most (Miyato et al. 2018).",
    {.equation = "L + weight KL(stop p(x) || p(x + r)), r = epsilon g / |g|\n"
                 "g = grad_r KL(p(x) || p(x + r)) at r = xi d / |d|, d normal, d <- g repeated (power iteration on the Hessian)",
     .source = "Miyato, Maeda, Koyama and Ishii, Virtual Adversarial Training, 2018, arXiv 1704.03976, section 3; for text: "
               "arXiv 1605.07725",
     .cost = "3F + 3B with one iteration (the clean pass is the loss's own); each further iteration 1F + 1B",
     .pitfalls = "The masks of all passes must be the same, or the divergence measures dropout: that is the default.\n"
                 "The divergence is quadratic in xi: in f32 an xi below 1e-4 drowns in rounding.\n"
                 "Published codes differ in xi, where this takes 1e-3: VAT-pytorch 10, vat_tf 1e-6.\n"
                 "It counts examples without labels too; many of them can overwhelm few labels: lower weight."});

/// namisan/mt-dnn, stable_kl: 2 sum_c p_c (logit p_c - logit q_c) summed over the batch, both logits held constant, p the shifted
/// and q the clean prediction. Not a KL: its gradient weighs each class by the odds.
Tensor stable_kl(const View& clean, const View& shifted) {
  const auto odds = [](const Tensor& p) {  // log(p / (1 - p)), kept finite as there
    return -log(clamp(1.0 / (p + 1e-6) + (1e-6 - 1), 1e-30, 1e30));
  };
  const Tensor p = softmax(shifted.logits);
  return sum(p * ((odds(p.detach()) - odds(softmax(clean.logits).detach())) * 2.0));
}

/// The direction in which a symmetric divergence grows: the search climbs the term itself.
struct Smart final : Consistency {
  enum class Climbs { divergence, stable_kl };
  static bool numbers(const Step& step) { return step.batch().answer.link == Link::identity; }
  GradientAttack search;
  Divergence distance;
  Climbs climbs = Climbs::divergence;
  Smart() : Consistency("smoothness") {
    search.epsilon = search.start = 1e-5;
    search.step_size = 1e-3;
    search.ball = NormBall::linf;
    search.start_kind = Noise::Kind::normal;
    search.direction = GradientAttack::Direction::unit;
    search.projection = GradientAttack::Projection::ball;
    distance.usual = Distance::symmetric_kl;
  }
  void describe(Fields& f) override {
    describe_loss(f, "weight of the smoothness term");
    search.describe(f);
    distance.describe(f);
    describe_stop_grad(f, distance.stop);
    f.names(
        "search", climbs, {{"divergence", Climbs::divergence}, {"stable_kl", Climbs::stable_kl}},
        "what the search climbs: divergence, the term itself; stable_kl, what mt-dnn's code climbs, 2 sum p (logit p - logit q) "
        "over the batch, the logits held (numbers: the summed squared difference)");
  }
  const Adversary* attacker() const override { return &search; }
  const Divergence& divergence() const override { return distance; }
  Step shifted(Step& step, const View& clean) const override {
    const View constant = clean.detach();
    if (climbs == Climbs::stable_kl && !numbers(step)) require_classes(step, "search \"stable_kl\"");
    return search.attack(step, [this, &constant](Step& s) {  // two pointers: std::function keeps them off the heap
      const View there = s.forward();
      if (climbs == Climbs::divergence) return distance(constant, there, s);
      return numbers(s) ? sum(square(there.logits - constant.logits)) : stable_kl(constant, there);
    });
  }
};
TAPEDECK_PART(
    Objective, Smart, "smart",
    "Smoothness-inducing regularisation: the prediction holds in the direction in which a symmetric divergence grows (Jiang et "
    "al. 2020).",
    {.equation = "L + weight D(f(x), f(x + delta)), D = KL(P||Q) + KL(Q||P) (squared error for regression)\n"
                 "delta from N(0, start^2), steps times: delta <- project(delta + step_size g / |g|_inf), g = dD/ddelta, "
                 "|delta|_inf <= epsilon",
     .source = "Jiang et al., SMART: Robust and Efficient Fine-Tuning, ACL 2020, arXiv 1911.03437, section 3.1, algorithm 1",
     .cost = "3F + 3B with one step; each further step 1F + 1B",
     .pitfalls =
         "start 0 finds nothing: the divergence has gradient 0 at the input.\n"
         "Differs from mt-dnn, which holds the target of each direction of D, climbs a form of its own and scales delta to "
         "length 1 for each token: stop_grad \"both\", search \"stable_kl\", direction \"gradient\", epsilon 1, scope "
         "\"token\", project \"border\".\n"
         "Differs from smart-pytorch, which takes a raw gradient and scales delta to length 1: direction \"gradient\", "
         "epsilon 1, scope \"token\", project \"border\".\n"
         "direction \"gradient\" hardly moves: it is the gradient of a mean over the batch, and small near the input.\n"
         "The paper's proximal term, a pull to the predictions of an average of earlier weights, is not part of this: "
         "nest it in a teacher.\n"
         "start and epsilon of 1e-5 are of the size of rounding errors in f32: 1e-3 is a safer start for small models."});

struct NoiseConsistency : Consistency {
  std::string at = "embedding";
  Noise::Kind kind = Noise::Kind::normal;
  double size = 0.1;
  Divergence distance;
  DropoutMasks masks = DropoutMasks::same;
  std::string hold;
  NoiseConsistency() : Consistency("divergence") {}
  void describe(Fields& f) override {
    describe_loss(f, "weight of the divergence");
    f("at", at, "where noise is added: a site of the model or a parameter");
    f.names("noise", kind,
            {{"normal", Noise::Kind::normal},
             {"uniform", Noise::Kind::uniform},
             {"ball", Noise::Kind::ball},
             {"direction", Noise::Kind::direction}},
            "normal, deviation `size`; uniform in [-size, size]; ball, uniform in [-1, 1] times size / sqrt(elements of the "
            "sequence); "
            "direction, of length `size` for each sequence");
    f("size", size, "size of the noise").at_least(0);
    distance.describe(f);
    describe_stop_grad(f, distance.stop);
    f.names("stop_gradient", distance.stop, {{"none", StopGrad::none}, {"clean", StopGrad::target}, {"both", StopGrad::both}},
            "the older name of stop_grad, clean being target");
    f.names("dropout", masks, {{"same", DropoutMasks::same}, {"fresh", DropoutMasks::fresh}},
            "masks of the noisy pass: the clean pass's or others");
    f("hold", hold,
      "a parameter or site that is a constant of the noisy pass (fairseq's R3F: encoder.embeddings.word); empty: none");
  }
  std::vector<std::string> own_sites() const override {
    return hold.empty() ? std::vector<std::string>{at} : std::vector<std::string>{at, hold};
  }
  bool couples_examples() const override { return Consistency::couples_examples() || at.find('.') != at.npos; }
  const Divergence& divergence() const override { return distance; }
  Step shifted(Step& step, const View&) const override {
    const NormScope scope = step.is_parameter(at) ? NormScope::tensor : NormScope::sample;
    const auto noise = std::allocate_shared<Noise>(PoolAllocator<Noise>(),
                                                   Noise(step.key() / "noise" / at, kind, size, NormBall::l2, scope, at));
    if (hold.empty()) return step.with(at, noise, masks);
    return step.with(hold, std::allocate_shared<Held>(PoolAllocator<Held>()), masks).with(at, noise);
  }
  struct Held final : SiteMap {
    Tensor operator()(const Tensor& x, const Batch&) const override { return x.detach(); }
  };
};
TAPEDECK_PART(
    Objective, NoiseConsistency, "noise_consistency",
    "The prediction under noise must agree with the prediction without: l(f(x + e), f(x)) + l(f(x), y).",
    {.equation =
         "L + weight D(f(x), f(x + e)), e drawn anew at every update\n"
         "to second order in e ~ N(0, s^2): L + weight s^2 / 2 * sum_i lambda_i |df_i/dx|^2 (KL: sum_i f_i |dlog f_i/dx|^2)",
     .source = "kexue.fm/archives/7466; the consistency form of Bachman, Alsharif and Precup 2014, arXiv 1412.4864",
     .cost = "2F + 2B",
     .pitfalls = "Noise below the scale of the embeddings' differences does nothing: compare size with their deviation.\n"
                 "With other dropout masks in the noisy pass it also measures dropout, as r_drop does: dropout \"fresh\"."});

struct R3f final : NoiseConsistency {
  R3f() { size = 1e-5, distance.usual = Distance::symmetric_kl; }
};
TAPEDECK_PART(
    Objective, R3f, "r3f",
    "Fine-tuning in a trust region made of tiny noise: L + weight KL_S(f(x), f(x + z)) (Aghajanyan et al. 2021).",
    {.equation =
         "L + weight [KL(f(x)||f(x + z)) + KL(f(x + z)||f(x))], z ~ N(0, size^2) or U(-size, size); no gradient is stopped",
     .source =
         "Aghajanyan et al., Better Fine-Tuning by Reducing Representational Collapse, ICLR 2021, arXiv 2008.03156, section 3",
     .cost = "2F + 2B",
     .pitfalls =
         "Differs from fairseq, whose noisy pass gives the word table no gradient: hold \"encoder.embeddings.word\", noise "
         "\"uniform\".\n"
         "The paper's size 1e-5 is for pre-trained models; its divergence is near rounding in f32 while weights are small.\n"
         "R4F adds spectral normalisation of the head, which is not part of this."});

}  // namespace
}  // namespace tapedeck
