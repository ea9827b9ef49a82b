// One pass, one loss. A task loss may also be named directly as the objective: "objective": "cross_entropy". Next: r_drop.cpp.
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct Supervised final : TaskObjective {
  void describe(Fields& f) override { f("loss", task_loss, "task loss"); }
  Tensor loss(Step& step) override { return step.loss(step.forward()); }
};
TAPEDECK_PART(Objective, Supervised, "supervised", "One forward pass and the task loss.",
              {.equation = "L = loss(logits, labels), mean over the labelled examples of the update",
               .source = "the baseline that every method is compared with",
               .cost = "1F + 1B",
               .pitfalls = "Compare methods at equal numbers of passes as well as at equal numbers of updates."});

/// A loss under its own name, with its own options.
struct Named : TaskObjective {
  explicit Named(std::string_view name) { task_loss = Choice<Loss>(name); }
  void describe(Fields& f) override { task_loss->describe(f); }
  Tensor loss(Step& step) override { return step.loss(step.forward()); }
};
struct NamedCrossEntropy final : Named {
  NamedCrossEntropy() : Named("cross_entropy") {}
};
struct NamedMse final : Named {
  NamedMse() : Named("mse") {}
};
TAPEDECK_PART(Objective, NamedCrossEntropy, "cross_entropy",
              "One forward pass and cross-entropy: -sum_c q_c log softmax(logits)_c.");
TAPEDECK_PART(Objective, NamedMse, "mse", "One forward pass and the mean squared error.");

}  // namespace
}  // namespace tapedeck
