// Distances between the predictions of two passes, and the strength of a regulariser over time. Next: vat.cpp.
#include <tapedeck/objectives/divergence.h>

#include <algorithm>
#include <cmath>

namespace tapedeck {
namespace {

const std::vector<std::pair<std::string, Distance>> names = {
    {"kl", Distance::kl}, {"reverse_kl", Distance::reverse_kl}, {"symmetric_kl", Distance::symmetric_kl},
    {"js", Distance::js}, {"bernoulli", Distance::bernoulli},   {"mse", Distance::mse}};

/// (KL(P||M) + KL(Q||M)) / 2 with M = (P + Q) / 2, summed.
Tensor jensen_shannon(const Tensor& a, const Tensor& b) {
  const Tensor log_p = log_softmax(a), log_q = log_softmax(b), p = exp(log_p), q = exp(log_q);
  const Tensor log_m = log((p + q) * 0.5 + 1e-300);
  return (sum(p * (log_p - log_m)) + sum(q * (log_q - log_m))) * 0.5;
}

/// sum (sigmoid(a) - sigmoid(b))(a - b) over the cells that are finite in both.
Tensor bernoulli(const Tensor& a, const Tensor& b) {
  const Tensor finite = Tensor::empty(a.shape(), DType::u8), zero = Tensor::zeros(a.shape(), a.dtype());
  for (int64_t i = 0; i < a.size(); ++i) finite.raw<uint8_t>()[i] = std::isfinite(a.item(i)) && std::isfinite(b.item(i));
  const Tensor s = where(finite, a, zero), t = where(finite, b, zero);
  return sum((sigmoid(s) - sigmoid(t)) * (s - t));
}

Tensor between(Distance distance, const Tensor& a, const Tensor& b) {
  switch (distance) {
    case Distance::kl: return kl_divergence(a, b, Reduction::sum);
    case Distance::reverse_kl: return kl_divergence(b, a, Reduction::sum);
    case Distance::symmetric_kl: return symmetric_kl(a, b, Reduction::sum);
    case Distance::js: return jensen_shannon(a, b);
    case Distance::bernoulli: return bernoulli(a, b);
    case Distance::mse: break;
  }
  return sum(square(a - b));
}

}  // namespace

void Divergence::describe(Fields& f) {
  std::vector<std::string> choices;
  for (auto& [name, value] : names) choices.push_back(name);
  f("distance", distance, "between clean and shifted prediction: kl (clean first), reverse_kl, symmetric_kl, js, bernoulli (every logit a "
                          "decision of its own), mse; default mse for regression")
      .one_of(choices);
}

Tensor Divergence::operator()(const View& clean, const View& other, const Step& step) const {
  Distance measure = step.task().regression() ? Distance::mse : usual;
  if (distance) for (auto& [name, value] : names) if (name == *distance) measure = value;
  const Tensor reference = detach_clean ? clean.logits.detach() : clean.logits;
  return between(measure, reference, other.logits) / double(std::max<int64_t>(1, step.batch().total_sequences));
}

void Strength::describe(Fields& f, const char* what) {
  f("weight", weight, what).at_least(0);
  f("every", every, "only on every k-th update; the others do without its passes").at_least(1);
  f("ramp", ramp, "the weight grows from 0 over so many updates").in({Duration::Unit::steps});
}

double Strength::at(const Step& step) const {
  if (step.number() % every) return 0;
  return ramp.amount > 0 ? weight * std::min(1.0, double(step.number()) / ramp.amount) : weight;
}

}  // namespace tapedeck
