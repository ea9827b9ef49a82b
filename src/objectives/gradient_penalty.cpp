// Gradient penalties: the size of dL/dx at a site joins the loss, by true double backward. With weight = epsilon/2 the squared
// one is, to first order, adversarial training with the step epsilon * dL/dx; the norm, with the step epsilon g / |g| (methods:
// pages).
#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

enum class Form { squared, norm, two_sided };

struct GradientPenalty final : Regulariser {
  std::string at = "embedding";
  bool per_sample = true;
  Form form = Form::squared;
  double target = 1, epsilon = 1e-12;
  GradientPenalty() : Regulariser("penalty", 0.5) {}

  void describe(Fields& f) override {
    describe_loss(f, "weight of the penalty (squared: epsilon / 2 of the equivalent attack; norm: its epsilon)",
                  "what is penalised: a task loss or another objective");
    f("at", at, "where the gradient is taken: a site of the model or a parameter");
    f("per_sample", per_sample,
      "true: mean over examples of a function of |d l_i / dx_i|, independent of the batch size (sites only); "
      "false: of |dL/dx| of the batch's mean loss");
    f.names("form", form, {{"squared", Form::squared}, {"norm", Form::norm}, {"two_sided", Form::two_sided}},
            "squared: |g|^2; norm: |g|; two_sided: (|g| - target)^2");
    f("target", target, "the norm that two_sided pulls to").at_least(0);
    f("norm_epsilon", epsilon, "added to |g|^2 under the root, which has no derivative at 0").above(0);
  }

  std::vector<std::string> own_sites() const override { return {at}; }
  bool second_order() const override { return true; }
  bool couples_examples() const override {
    return inner->couples_examples() || at.find('.') != at.npos || (!per_sample && form != Form::squared);
  }

  void prepare(Step& step) const override {
    if (per_sample && step.is_parameter(at))
      throw Error(ErrorKind::config,
                  text("gradient_penalty: examples share the parameter ", at, ", so it has no gradient per sample"),
                  "set per_sample to false, or take the site \"embedding\"");
    step.watch(at);
  }
  Tensor term(Step& step, const Tensor& task) override {
    const Tensor g = step.grad(task, at, Order::differentiable);
    // task is the sum of example losses over `total`: undo that division inside the square, then take the mean over examples.
    const double total = per_sample ? weight_of_step(step.batch()) : 1;
    const Tensor squares = (per_sample ? sum_per_sample(square(g), step.batch()) : sum(square(g))) * (total * total);
    return sum(shaped(squares)) / total;
  }

 private:
  static double weight_of_step(const Batch& b) {
    return b.total_weight > 0 ? b.total_weight : double(std::max<int64_t>(1, b.total_labelled ? b.total_labelled : b.examples()));
  }
  /// [rows, d] -> [sequences]; a site with a row per sequence is summed as it is.
  static Tensor sum_per_sample(const Tensor& x, const Batch& b) {
    if (x.shape().rows() == b.sequences()) return sum(x, 1);
    const auto starts = b.offsets.data<int32_t>();
    const Tensor lengths = Tensor::empty({b.sequences()}, x.dtype());
    dispatch(x.dtype(), [&](auto tag) {
      for (size_t i = 0; i + 1 < starts.size(); ++i) lengths.raw<decltype(tag)>()[i] = decltype(tag)(starts[i + 1] - starts[i]);
    });
    return sum(segment_mean(x, b.offsets), 1) * lengths;
  }
  Tensor shaped(const Tensor& squares) const {
    if (form == Form::squared) return squares;
    const Tensor norm = sqrt(squares + epsilon);
    return form == Form::norm ? norm : square(norm - target);
  }
};
TAPEDECK_PART(
    Objective, GradientPenalty, "gradient_penalty",
    "L + weight |dL/dx|^2 at a site, differentiated through (double backward; Ross and Doshi-Velez 2018).",
    {.equation = "squared: L + weight |dL/dx|^2; norm: L + weight |dL/dx|; two_sided: L + weight (|dL/dx| - target)^2\n"
                 "the gradient of the second term is a second derivative of the model",
     .source =
         "Ross and Doshi-Velez 2018, arXiv 1711.09404; equivalence with adversarial training: kexue.fm/archives/7234; two_sided: "
         "Gulrajani et al. 2017, arXiv 1704.00028, equation 3 (weight 10, target 1)",
     .cost = "1F + 1B kept as rows + a backward through both: about three plain updates",
     .pitfalls = "Squaring a gradient that was not recorded adds a constant: the loss looks larger and nothing else happens.\n"
                 "weight = epsilon / 2 (squared) matches an attack with the step epsilon dL/dx to first order only.\n"
                 "The batch's mean loss makes each example's gradient 1/B: per_sample undoes that.\n"
                 "Differs from Su's Keras code, which squares the gradient of the batch's mean loss: per_sample false."});

}  // namespace
}  // namespace tapedeck
