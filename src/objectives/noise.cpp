// Consistency under random noise: the prediction at x + e must agree with the prediction at x. To second order a penalty on the
// gradient of the outputs (kexue.fm/archives/7466); with a symmetric KL and tiny noise it is R3F. Next: vat.cpp, the worst noise.
#include <tapedeck/objectives/divergence.h>
#include <tapedeck/objectives/objective.h>
#include <tapedeck/objectives/perturbation.h>

namespace tapedeck {
namespace {

struct NoiseConsistency : Wrapper {
  WeightSchedule strength;
  std::string at = "embedding";
  Noise::Kind kind = Noise::Kind::normal;
  double size = 0.1;
  Divergence divergence;
  DropoutMasks masks = DropoutMasks::same;

  void describe(Fields& f) override {
    f("loss", inner, "what is trained beside: a task loss or another objective");
    strength.describe(f, "weight of the divergence");
    f("at", at, "where noise is added: a site of the model or a parameter");
    f.names("noise", kind, {{"normal", Noise::Kind::normal}, {"uniform", Noise::Kind::uniform}, {"ball", Noise::Kind::ball}, {"direction", Noise::Kind::direction}},
            "normal, deviation `size`; uniform in [-size, size]; ball, uniform in [-1, 1] times size / sqrt(elements of the sequence); "
            "direction, of length `size` for each sequence");
    f("size", size, "size of the noise").at_least(0);
    divergence.describe(f);
    f.names("stop_gradient", divergence.detach_clean, {{"none", false}, {"clean", true}}, "clean: the clean prediction is a constant target");
    f.names("dropout", masks, {{"same", DropoutMasks::same}, {"fresh", DropoutMasks::fresh}}, "masks of the noisy pass: the clean pass's or others");
  }
  std::vector<std::string> own_sites() const override { return {at}; }
  bool couples_examples() const override { return inner->couples_examples() || at.find('.') != at.npos; }

  Tensor loss(Step& step) override {
    const Tensor task = inner->loss(step);
    const double weight = strength.at(step);
    if (weight == 0) return task;
    const View clean = step.cached_forward();
    const Noise noise(step.key() / "noise" / at, kind, size, NormBall::l2, step.is_parameter(at) ? NormScope::tensor : NormScope::sample);
    Step noisy = step.with(at, std::allocate_shared<Noise>(PoolAllocator<Noise>(), noise), masks);
    const Tensor disagreement = divergence(clean, noisy.forward(), step);
    step.report("divergence", disagreement.item());
    return task + disagreement * weight;
  }
};
TAPEDECK_PART(Objective, NoiseConsistency, "noise_consistency", "The prediction under noise must agree with the prediction without: l(f(x + e), f(x)) + l(f(x), y).",
              {.equation = "L + weight D(f(x), f(x + e)), e drawn anew at every update\n"
                           "to second order in e ~ N(0, s^2): L + weight s^2 / 2 * sum_i lambda_i |df_i/dx|^2 (KL: sum_i f_i |dlog f_i/dx|^2)",
               .source = "kexue.fm/archives/7466; the consistency form of Bachman, Alsharif and Precup 2014, arXiv 1412.4864",
               .cost = "2F + 2B",
               .pitfalls = "Noise below the scale of the embeddings' differences does nothing: compare size with their deviation.\n"
                           "With other dropout masks in the noisy pass it also measures dropout, as r_drop does: dropout \"fresh\"."});

struct R3f final : NoiseConsistency {
  R3f() { size = 1e-5; divergence.usual = Distance::symmetric_kl; }
};
TAPEDECK_PART(Objective, R3f, "r3f", "Fine-tuning in a trust region made of tiny noise: L + weight KL_S(f(x), f(x + z)) (Aghajanyan et al. 2021).",
              {.equation = "L + weight [KL(f(x)||f(x + z)) + KL(f(x + z)||f(x))], z ~ N(0, size^2) or U(-size, size); no gradient is stopped",
               .source = "Aghajanyan et al., Better Fine-Tuning by Reducing Representational Collapse, ICLR 2021, arXiv 2008.03156, section 3",
               .cost = "2F + 2B",
               .pitfalls = "The paper's size 1e-5 is for pre-trained models; its divergence is near rounding in f32 while weights are small.\n"
                           "R4F adds spectral normalisation of the head, which is not part of this."});

}  // namespace
}  // namespace tapedeck
