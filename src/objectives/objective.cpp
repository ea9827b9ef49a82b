// What objectives have in common: one inside the other, a weighted term beside a loss. Next: supervised.cpp, the plainest
// objective.
#include <algorithm>
#include <cmath>

#include <tapedeck/objectives/adversary.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {

double Objective::run(Step& step) {
  const Tensor value = loss(step);
  const double number = value.item();
  step.backward(value);
  return number;
}

std::vector<std::string> Wrapper::sites() const {
  auto all = inner->sites();
  if (attacker()) all.push_back(attacker()->at);
  for (auto& site : own_sites()) all.push_back(site);
  return all;
}

bool Wrapper::couples_examples() const { return inner->couples_examples() || (attacker() && attacker()->couples_examples()); }

void Regulariser::describe_loss(Fields& f, const char* weight, const char* loss) {
  f("loss", inner, loss);
  schedule.describe(f, weight);
}

Tensor Regulariser::loss(Step& step) {
  prepare(step);
  const Tensor task = inner->loss(step);
  const double weight = schedule.at(step);
  if (weight == 0) return task;
  const Tensor beside = term(step, task);
  step.report(reported_, beside.item());
  return task + beside * (sign() * weight);
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

void WeightSchedule::describe(Fields& f, const char* what) {
  f("weight", weight, what).at_least(0);
  f("every", every, "only on every k-th update; the others do without its passes").at_least(1);
  f("ramp", ramp, "the weight grows from 0 over so many updates").in({Duration::Unit::steps});
  f.names("ramp_shape", shape, {{"linear", Shape::linear}, {"sigmoid", Shape::sigmoid}},
          "with s the share of the ramp that is behind: linear, s; sigmoid, e^(-5 (1 - s)^2), which starts at e^-5 (temporal "
          "ensembling and mean teacher as published)");
}

double WeightSchedule::at(const Step& step) const {
  if (step.number() % every) return 0;
  if (!(ramp.amount > 0)) return weight;
  const double share = std::min(1.0, double(step.number()) / ramp.amount);
  return weight * (shape == Shape::linear ? share : std::exp(-5 * (1 - share) * (1 - share)));
}

std::vector<std::pair<std::string, Objective*>> with_inner(Objective& objective) {
  Places found{{"", &objective}};
  collect_inner(objective, "", found);
  return found;
}

}  // namespace tapedeck
