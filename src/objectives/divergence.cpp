// Distances between the predictions of two passes or of several. Next: consistency.cpp, r_drop.cpp.
#include <tapedeck/objectives/divergence.h>

#include <algorithm>
#include <cmath>

#include <tapedeck/base/error.h>

namespace tapedeck {
namespace {

const std::vector<std::pair<std::string, Distance>> names = {{"kl", Distance::kl},
                                                             {"reverse_kl", Distance::reverse_kl},
                                                             {"symmetric_kl", Distance::symmetric_kl},
                                                             {"js", Distance::js},
                                                             {"hellinger", Distance::hellinger},
                                                             {"bernoulli", Distance::bernoulli},
                                                             {"brier", Distance::brier},
                                                             {"mse", Distance::mse}};

/// The distance with its targets held; `of` measures two logits.
template <class F>
Tensor held(StopGrad stop, Distance distance, const Tensor& a, const Tensor& b, F of) {
  if (stop == StopGrad::none) return of(distance, a, b);
  if (stop == StopGrad::target) return of(distance, a.detach(), b);
  if (distance != Distance::symmetric_kl)
    throw Error(ErrorKind::config, "stop_grad \"both\" holds the target of each direction, which only a symmetric KL has",
                "use distance \"symmetric_kl\", or stop_grad \"none\" or \"target\"");
  return of(Distance::kl, a.detach(), b) + of(Distance::kl, b.detach(), a);
}

Tensor between(Distance distance, const Tensor& a, const Tensor& b) {
  switch (distance) {
    case Distance::kl:
      return kl_divergence(a, b, Reduction::sum);
    case Distance::reverse_kl:
      return kl_divergence(b, a, Reduction::sum);
    case Distance::symmetric_kl:
      return symmetric_kl(a, b, Reduction::sum);
    case Distance::js:
      return jensen_shannon(a, b, Reduction::sum);
    case Distance::hellinger:
      return hellinger(a, b, Reduction::sum);
    case Distance::bernoulli:
      return sigmoid_divergence(a, b, Reduction::sum);
    case Distance::brier:
      return sum(square(softmax(a) - softmax(b)));
    case Distance::mse:
      break;
  }
  return sum(square(a - b));
}

const char* name_of(Distance distance) {
  for (auto& [name, value] : names)
    if (value == distance) return name.c_str();
  return "";
}

/// The distance that is named, or the one that suits the task.
Distance measured(const std::optional<std::string>& named, Distance usual, const Step& step, std::string_view asker) {
  const Link link = step.batch().answer.link;
  Distance measure = link == Link::identity ? Distance::mse : link == Link::sigmoid ? Distance::bernoulli : usual;
  if (named)
    for (auto& [name, value] : names)
      if (name == *named) measure = value;
  if (measure != Distance::bernoulli) require_classes(step, asker);
  return measure;
}

/// Of two passes, both directions: the squared difference (R-Drop, section 2.2) counts once for each.
Tensor between_passes(Distance distance, const Tensor& a, const Tensor& b, Reduction reduction, double rows) {
  if (distance == Distance::mse) return reduce(square(a - b) * 2.0, reduction, {}, rows);
  if (distance == Distance::kl) return kl_divergence(a, b, reduction, {}, rows);
  return distance == Distance::bernoulli ? sigmoid_divergence(a, b, reduction, {}, rows)
                                         : symmetric_kl(a, b, reduction, {}, rows);
}

/// What a reduction divides by in place of the rows of this batch. A batch of span scores is one row of all of them, and its mean
/// divides by how many the step has.
double rows_of(Reduction reduction, const Batch& batch) {
  if (reduction != Reduction::mean || batch.answer.rows != Rows::spans) return double(batch.total_rows());
  return batch.total_pairs > 0 ? double(batch.total_pairs) / double(std::max<int64_t>(1, batch.pairs())) : 1;
}

/// log((1/m) sum_j P_j), [B,C].
Tensor mean_log_probability(std::span<const Tensor> logits) {
  const Shape shape = logits[0].shape();
  Tensors stacked;
  for (const Tensor& l : logits) stacked.push_back(reshape(log_softmax(l), {shape[0], 1, shape[1]}));
  return logsumexp(concat(In(stacked), 1), 1) - std::log(double(logits.size()));
}

}  // namespace

void require_classes(const Step& step, std::string_view method) {
  if (step.batch().answer.link == Link::sigmoid)
    throw Error(ErrorKind::config,
                text(method, " reads probabilities of classes, but the model scores ", name_of(step.batch().answer),
                     ", each a decision of its own"),
                "between two passes: a distance of \"bernoulli\"");
}

void describe_stop_grad(Fields& f, StopGrad& stop) {
  f.names("stop_grad", stop, {{"none", StopGrad::none}, {"target", StopGrad::target}, {"both", StopGrad::both}},
          "constants of the gradient: none; target, the first (clean) prediction; both, the target of each direction of a "
          "symmetric KL "
          "(mt-dnn)");
}

void Divergence::describe(Fields& f) {
  std::vector<std::string> choices;
  for (auto& [name, value] : names) choices.push_back(name);
  f("distance", distance,
    "between clean and shifted prediction: kl (clean first), reverse_kl, symmetric_kl, js, hellinger, "
    "bernoulli (every logit a decision of its own), brier (squared difference of probabilities), mse; default mse for numbers, "
    "bernoulli for spans and sets of classes")
      .one_of(choices);
}

Tensor Divergence::operator()(const View& clean, const View& other, const Step& step) const {
  const Distance measure = measured(distance, usual, step, "this distance");
  return held(stop, measure, clean.logits, other.logits, between) / double(std::max<int64_t>(1, step.batch().total_rows()));
}

void Agreement::describe_distance(Fields& f) {
  f("distance", distance,
    "D: symmetric_kl; bernoulli, for logits that are decisions of their own (span scores, kexue.fm/archives/9039); mse, the "
    "squared difference, the default for numbers")
      .one_of({"symmetric_kl", "bernoulli", "mse"});
}
void Agreement::describe_pool(Fields& f) {
  f.names("pair_pool", pool, {{"mean", Pool::mean}, {"sum", Pool::sum}, {"to_mean", Pool::to_mean}},
          "with more than two passes: mean or sum of D over the pairs, or KL of each pass to their mean distribution");
}
Distance Agreement::measure(const Step& step) const {
  return measured(distance, Distance::symmetric_kl, step, "this distance of r_drop");
}

Tensor Agreement::operator()(std::span<const Tensor> logits, const Step& step, Reduction reduction) const {
  const Distance distance = measure(step);
  const double rows = rows_of(reduction, step.batch());
  Tensor total;
  const auto add = [&](const Tensor& d) { total = total ? total + d : d; };
  if (pool == Pool::to_mean) {
    if (distance != Distance::symmetric_kl)
      throw Error(ErrorKind::config,
                  text("r_drop: pair_pool \"to_mean\" is a KL to the mean distribution, but the distance is ", name_of(distance)),
                  "use pair_pool \"mean\" or \"sum\"");
    const Tensor mean = mean_log_probability(logits);
    for (const Tensor& l : logits) add(kl_to_mean(l, mean, reduction, rows));
    return total;
  }
  const auto of = [&](Distance d, const Tensor& a, const Tensor& b) { return between_passes(d, a, b, reduction, rows); };
  for (size_t i = 0; i < logits.size(); ++i)
    for (size_t j = i + 1; j < logits.size(); ++j) add(held(stop, distance, logits[i], logits[j], of));
  const double pairs = double(logits.size() * (logits.size() - 1) / 2);
  return pool == Pool::mean && pairs > 1 ? total / pairs : total;
}

Reduction reduction_of(std::string_view name) {
  return name == "sum"         ? Reduction::sum
         : name == "mean"      ? Reduction::mean
         : name == "batchmean" ? Reduction::batchmean
                               : Reduction::tokenmean;
}

}  // namespace tapedeck
