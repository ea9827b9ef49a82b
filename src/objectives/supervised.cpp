// One pass, one loss. A task loss may also be named directly as the objective: "objective": "cross_entropy".
#include <tapedeck/objectives/objective.h>

namespace tapedeck {

double Objective::run(Step& step) {
  const Tensor value = loss(step);
  const double number = value.item();
  step.backward(value);
  return number;
}

namespace {

struct Supervised final : Objective {
  Choice<Loss> task_loss{"cross_entropy"};
  void describe(Fields& f) override { f("loss", task_loss, "task loss"); }
  Tensor loss(Step& step) override { return step.loss(step.forward()); }
  const Loss& task() const override { return *task_loss; }
};
TAPEDECK_PART(Objective, Supervised, "supervised", "One forward pass and the task loss.",
              {.equation = "L = loss(logits, labels), mean over the labelled examples of the update",
               .source = "the baseline that every method is compared with",
               .cost = "1F + 1B",
               .pitfalls = "Compare methods at equal numbers of passes as well as at equal numbers of updates."});

/// A loss under its own name, with its own options.
struct Named : Objective {
  explicit Named(std::string_view name) : task_loss(name) {}
  Choice<Loss> task_loss;
  void describe(Fields& f) override { task_loss->describe(f); }
  Tensor loss(Step& step) override { return step.loss(step.forward()); }
  const Loss& task() const override { return *task_loss; }
};
struct NamedCrossEntropy final : Named { NamedCrossEntropy() : Named("cross_entropy") {} };
struct NamedMse final : Named { NamedMse() : Named("mse") {} };
TAPEDECK_PART(Objective, NamedCrossEntropy, "cross_entropy", "One forward pass and cross-entropy: -sum_c q_c log softmax(logits)_c.");
TAPEDECK_PART(Objective, NamedMse, "mse", "One forward pass and the mean squared error.");

}  // namespace
}  // namespace tapedeck
