// Names that consumer/parts.cpp has already: an op and an objective. Nobody may hold both.
#include <tapedeck/objectives/objective.h>
#include <tapedeck/ops/author.h>

namespace tapedeck {
namespace {

std::vector<OpCase> cases(DType t) {
  return {case_of("3", {case_input({3}, "x", t)}, [](In v) { return tanh(v[0]); })};
}
std::vector<OpMisuse> misuses() { return {}; }
TAPEDECK_OP(soft_cap, "another op of this name", cases, misuses);

struct Again final : Objective {
  Choice<Loss> task_loss{"cross_entropy"};
  Tensor loss(Step& step) override { return step.loss(step.forward()); }
  const Loss& task() const override { return *task_loss; }
};
TAPEDECK_PART(Objective, Again, "twice", "Another objective of this name.");

}  // namespace
}  // namespace tapedeck
