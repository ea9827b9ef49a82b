// FGM (Miyato, Dai, Goodfellow 2017, arXiv 1605.07725): delta = epsilon g / |g| at a site, g the gradient of the loss there;
// train on the shifted loss, with or without the clean one. What published code leaves implicit is an option here.
#include <tapedeck/base/error.h>
#include <tapedeck/objectives/objective.h>
#include <tapedeck/objectives/perturbation.h>

namespace tapedeck {
namespace {

struct Fgm final : Objective {
  Choice<Objective> inner{"cross_entropy"};
  double epsilon = 1;
  Ball ball = Ball::l2;
  std::optional<std::string> scope;
  std::string at = "encoder.embeddings.word";
  bool both = true;
  DropoutMasks masks = DropoutMasks::same;

  void describe(Fields& f) override {
    f("loss", inner, "what is attacked and trained: a task loss or another objective");
    f("epsilon", epsilon, "length of the step").above(0);
    f.names("norm", ball, {{"l2", Ball::l2}, {"linf", Ball::linf}, {"l1", Ball::l1}}, "norm in which the step has length epsilon");
    f("scope", scope, "what the norm is taken over: tensor or batch (all of it), sample (one sequence), token; default tensor for a "
                      "parameter, sample for an activation").one_of({"tensor", "batch", "sample", "token"});
    f("at", at, "where: a parameter (encoder.embeddings.word moves the table) or a site of the model (embedding moves each position)");
    f.names("train", both, {{"both", true}, {"adversarial", false}}, "both: clean + adversarial gradients; adversarial: the shifted loss alone");
    f.names("dropout", masks, {{"same", DropoutMasks::same}, {"fresh", DropoutMasks::fresh}}, "masks of the shifted pass");
  }

  const Loss& task() const override { return inner->task(); }
  std::vector<std::string> sites() const override {
    auto all = inner->sites();
    all.push_back(at);
    return all;
  }
  /// One norm over the whole batch, or a table that every example reads: micro-batches would attack differently.
  bool couples_examples() const override {
    return inner->couples_examples() || (scope ? *scope == "tensor" || *scope == "batch" : at.find('.') != at.npos);
  }

  Tensor loss(Step& step) override {
    step.watch(at);
    const Tensor clean = inner->loss(step);
    Step shifted = step.with(at, attack(step, step.grad(clean, at)), masks);
    const Tensor adversarial = inner->loss(shifted);
    return both ? clean + adversarial : adversarial;
  }

  double run(Step& step) override {
    step.watch(at);
    const Tensor clean = inner->loss(step);
    const double clean_value = clean.item();
    const Tensor g = both ? step.backward(clean, at) : step.grad(clean, at);
    Step shifted = step.with(at, attack(step, g), masks);
    const double adversarial = inner->run(shifted);
    step.report("clean_loss", clean_value);
    step.report("adversarial_loss", adversarial);
    return both ? clean_value + adversarial : adversarial;
  }

 private:
  Tensor attack(const Step& step, const Tensor& g) const {
    const bool table = step.is_parameter(at);
    NormScope over = table ? NormScope::tensor : NormScope::sample;
    if (scope) over = *scope == "tensor" ? NormScope::tensor : *scope == "batch" ? NormScope::batch : *scope == "sample" ? NormScope::sample : NormScope::token;
    if (table && over == NormScope::sample)
      throw Error(ErrorKind::config, text("fgm: scope \"sample\" has no meaning at the parameter ", at), "use scope \"tensor\", or attack the site \"embedding\"");
    return steepest_step(g, epsilon, ball, over, step.batch().offsets);
  }
};
TAPEDECK_PART(Objective, Fgm, "fgm", "Fast gradient method: shift a site by epsilon g / |g| and train on the shifted loss (Miyato et al. 2017).",
              {.equation = "delta = epsilon g / |g|, g = dL/dx; the update follows the gradient of L(x) + L(x + delta), delta held constant",
               .source = "Miyato, Dai and Goodfellow, Adversarial Training Methods for Semi-Supervised Text Classification, ICLR 2017, arXiv "
                         "1605.07725, section 3",
               .cost = "2F + 2B",
               .pitfalls = "What the norm is taken over (tensor, sample, token) changes the attack more than epsilon does.\n"
                           "A model can beat a fixed epsilon by growing its embeddings: weight decay or a norm after them helps.\n"
                           "The masks of the shifted pass are those of the clean one unless dropout is \"fresh\"."});

}  // namespace
}  // namespace tapedeck
