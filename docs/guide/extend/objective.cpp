// calm: the task loss plus a pull of the logits towards zero, L + weight mean(logits^2).
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct Calm final : Objective {
  Choice<Loss> task_loss{"cross_entropy"};
  double weight = 0.01;

  void describe(Fields& f) override {
    f("loss", task_loss, "task loss");
    f("weight", weight, "weight of the squared logits").at_least(0);
  }
  Tensor loss(Step& step) override {
    const View view = step.forward();
    const double share = double(step.batch().examples()) / double(std::max<int64_t>(step.batch().total_sequences, 1));
    const Tensor pull = mean(square(view.logits)) * share;       // of the whole step's batch, of which this may be a part
    step.report("pull", pull.item());
    return step.loss(view) + pull * weight;
  }
  const Loss& task() const override { return *task_loss; }
};
TAPEDECK_PART(Objective, Calm, "calm", "The task loss plus weight times the mean squared logit.",
              {.equation = "L = L_task + weight mean(logits^2)",
               .source = "this tutorial",
               .cost = "1F + 1B",
               .pitfalls = "A large weight keeps every probability near uniform."});

}  // namespace
}  // namespace tapedeck
