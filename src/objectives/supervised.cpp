// One pass, one loss. A task loss may also be named directly as the objective: "objective": "cross_entropy".
#include <tapedeck/base/error.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {

double Objective::run(Step& step) {
  const Tensor value = loss(step);
  const double number = value.item();
  step.backward(value);
  return number;
}

namespace {

using Places = std::vector<std::pair<std::string, Objective*>>;

/// The objectives among the options of a part, whatever groups and lists they stand in.
void collect_inner(Part& part, const std::string& path, Places& found) {
  const auto below = [&](const std::string& name) { return path.empty() ? name : path + "." + name; };
  const auto chosen = [&](AnyChoice& choice, const std::string& place) {
    if (!choice.part()) return;
    if (auto* inner = dynamic_cast<Objective*>(choice.part())) found.emplace_back(place, inner);
    collect_inner(*choice.part(), place, found);
  };
  Fields fields;
  part.describe(fields);
  for (Field& field : fields.all) {
    const std::string place = below(field.name);
    if (AnyChoice** choice = std::get_if<AnyChoice*>(&field.target)) chosen(**choice, place);
    else if (Part** group = std::get_if<Part*>(&field.target)) collect_inner(**group, place, found);
    else if (AnyList* list = std::get_if<AnyList>(&field.target))
      for (size_t i = 0; i < list->size(); ++i) collect_inner(*list->at(i), text(place, ".", i), found);
    else if (AnyChoices* several = std::get_if<AnyChoices>(&field.target))
      for (size_t i = 0; i < several->size(); ++i) chosen(*several->at(i), text(place, ".", i));
  }
}

}  // namespace

std::vector<std::pair<std::string, Objective*>> with_inner(Objective& objective) {
  Places found{{"", &objective}};
  collect_inner(objective, "", found);
  return found;
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
