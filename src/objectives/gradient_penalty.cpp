// Gradient penalty: L + weight * sum |dL/dx|^2 at a site, by true double backward. With weight = epsilon/2 it is, to first order,
// adversarial training with the step epsilon * dL/dx (kexue.fm/archives/7466; Ross and Doshi-Velez 2018, arXiv 1711.09404).
#include <tapedeck/base/error.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct GradientPenalty final : Objective {
  Choice<Objective> inner{"cross_entropy"};
  double weight = 0.5;
  std::string at = "embedding";
  bool per_sample = true;

  void describe(Fields& f) override {
    f("loss", inner, "what is penalised: a task loss or another objective");
    f("weight", weight, "weight of the squared gradient (epsilon / 2 of the equivalent attack)").at_least(0);
    f("at", at, "where the gradient is taken: a site of the model or a parameter");
    f("per_sample", per_sample, "true: mean over examples of |d l_i / dx_i|^2, independent of the batch size (sites only); "
                                "false: |dL/dx|^2 of the batch's mean loss");
  }

  const Loss& task() const override { return inner->task(); }
  std::vector<std::string> sites() const override {
    auto all = inner->sites();
    all.push_back(at);
    return all;
  }
  bool second_order() const override { return true; }
  bool couples_examples() const override { return inner->couples_examples() || at.find('.') != at.npos; }

  Tensor loss(Step& step) override {
    if (per_sample && step.is_parameter(at))
      throw Error(ErrorKind::config, text("gradient_penalty: examples share the parameter ", at, ", so it has no gradient per sample"),
                  "set per_sample to false, or take the site \"embedding\"");
    step.watch(at);
    const Tensor task = inner->loss(step);
    const Tensor squared = sum(square(step.grad(task, at, Order::differentiable)));
    // task is the sum of example losses over `total`: undo that division inside the square, then take the mean over examples.
    const Batch& b = step.batch();
    const double total = b.total_weight > 0 ? b.total_weight : double(std::max<int64_t>(1, b.total_labelled ? b.total_labelled : b.examples()));
    const Tensor penalty = per_sample ? squared * total : squared;
    step.report("penalty", penalty.item());
    return task + penalty * weight;
  }
};
TAPEDECK_PART(Objective, GradientPenalty, "gradient_penalty",
              "L + weight |dL/dx|^2 at a site, differentiated through (double backward; Ross and Doshi-Velez 2018).",
              {.equation = "L + weight |dL/dx|^2; the gradient of the second term is a second derivative of the model",
               .source = "Ross and Doshi-Velez 2018, arXiv 1711.09404; the equivalence with adversarial training: kexue.fm/archives/7234",
               .cost = "1F + 1B kept as rows + a backward through both: about three plain updates",
               .pitfalls = "Squaring a gradient that was not recorded adds a constant: the loss looks larger and nothing else happens.\n"
                           "weight = epsilon / 2 matches an attack with the step epsilon dL/dx to first order only.\n"
                           "The batch's mean loss makes each example's gradient 1/B: per_sample undoes that."});

}  // namespace
}  // namespace tapedeck
