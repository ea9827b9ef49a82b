// Distances between the predictions of two passes, and the strength of a regulariser over time. Next: vat.cpp.
#include <tapedeck/objectives/divergence.h>

#include <algorithm>

#include <tapedeck/base/error.h>

namespace tapedeck {
namespace {

const std::vector<std::pair<std::string, Distance>> names = {
    {"kl", Distance::kl}, {"reverse_kl", Distance::reverse_kl}, {"symmetric_kl", Distance::symmetric_kl},
    {"js", Distance::js}, {"hellinger", Distance::hellinger},   {"bernoulli", Distance::bernoulli},
    {"brier", Distance::brier}, {"mse", Distance::mse}};

Tensor between(Distance distance, const Tensor& a, const Tensor& b) {
  switch (distance) {
    case Distance::kl: return kl_divergence(a, b, Reduction::sum);
    case Distance::reverse_kl: return kl_divergence(b, a, Reduction::sum);
    case Distance::symmetric_kl: return symmetric_kl(a, b, Reduction::sum);
    case Distance::js: return jensen_shannon(a, b, Reduction::sum);
    case Distance::hellinger: return hellinger(a, b, Reduction::sum);
    case Distance::bernoulli: return sigmoid_divergence(a, b, Reduction::sum);
    case Distance::brier: return sum(square(softmax(a) - softmax(b)));
    case Distance::mse: break;
  }
  return sum(square(a - b));
}

}  // namespace

void require_classes(const Step& step, std::string_view method) {
  if (step.batch().answer.link == Link::sigmoid)
    throw Error(ErrorKind::config, text(method, " reads probabilities of classes, but the model scores ", name_of(step.batch().answer), ", each a decision of its own"),
                "between two passes: a distance of \"bernoulli\"");
}

void Divergence::describe(Fields& f) {
  std::vector<std::string> choices;
  for (auto& [name, value] : names) choices.push_back(name);
  f("distance", distance, "between clean and shifted prediction: kl (clean first), reverse_kl, symmetric_kl, js, hellinger, "
                          "bernoulli (every logit a decision of its own), brier (squared difference of probabilities), mse; default mse for numbers, bernoulli for spans and sets of classes")
      .one_of(choices);
}

Tensor Divergence::operator()(const View& clean, const View& other, const Step& step) const {
  const Link link = step.batch().answer.link;
  Distance measure = link == Link::identity ? Distance::mse : link == Link::sigmoid ? Distance::bernoulli : usual;
  if (distance) for (auto& [name, value] : names) if (name == *distance) measure = value;
  if (measure != Distance::bernoulli) require_classes(step, "this distance");
  const Tensor reference = detach_clean ? clean.logits.detach() : clean.logits;
  return between(measure, reference, other.logits) / double(std::max<int64_t>(1, step.batch().total_rows()));
}

void WeightSchedule::describe(Fields& f, const char* what) {
  f("weight", weight, what).at_least(0);
  f("every", every, "only on every k-th update; the others do without its passes").at_least(1);
  f("ramp", ramp, "the weight grows from 0 over so many updates").in({Duration::Unit::steps});
}

double WeightSchedule::at(const Step& step) const {
  if (step.number() % every) return 0;
  return ramp.amount > 0 ? weight * std::min(1.0, double(step.number()) / ramp.amount) : weight;
}

}  // namespace tapedeck
