// R-Drop (Liang et al., NeurIPS 2021, arXiv 2106.14448): passes with different dropout must agree.
//   L = sum_j CE_j + (alpha/2) pool_{i<j} [KL(P_i||P_j) + KL(P_j||P_i)]
// Published code scales this in several ways: presets name them, docs/guide/methods/r_drop.md compares them.
#include <algorithm>
#include <cmath>

#include <tapedeck/base/error.h>
#include <tapedeck/objectives/divergence.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

enum class Preset { paper, readme, su, vit, hf_bert, bert4torch };
enum class PairPool { mean, sum, to_mean };

/// loss = ce * sum_j CE_j + alpha * kl * D, D reduced over the batch as named.
struct Scaling { double ce, kl; Reduction reduction; };
Scaling scaling_of(Preset preset) {
  switch (preset) {
    case Preset::paper: return {1, 0.5, Reduction::batchmean};
    case Preset::readme: return {0.5, 0.5, Reduction::batchmean};
    case Preset::su: return {0.5, 0.25, Reduction::batchmean};
    case Preset::vit: return {1, 1, Reduction::batchmean};
    case Preset::hf_bert: return {1, 0.5, Reduction::sum};
    case Preset::bert4torch: break;
  }
  return {0.5, 0.25, Reduction::mean};
}

struct RDrop final : Objective {
  double alpha = 1;
  Choice<Loss> task_loss{"cross_entropy"};
  Preset preset = Preset::paper;
  std::optional<std::string> ce, kl_reduction;
  std::optional<double> kl_weight;
  std::optional<std::string> distance;
  int64_t every = 1, passes = 2;
  Duration ramp;
  PairPool pool = PairPool::mean;
  std::vector<double> dropout;

  void describe(Fields& f) override {
    f("alpha", alpha, "weight of the agreement term").at_least(0);
    f("loss", task_loss, "task loss of each pass");
    f.names("preset", preset, {{"paper", Preset::paper}, {"readme", Preset::readme}, {"su", Preset::su}, {"vit", Preset::vit},
                               {"hf_bert", Preset::hf_bert}, {"bert4torch", Preset::bert4torch}},
            "scaling: paper CE1+CE2 + alpha/2 D; readme (CE1+CE2)/2 + alpha/2 D; su (CE1+CE2)/2 + alpha/4 D; vit CE1+CE2 + alpha D; "
            "hf_bert CE1+CE2 + alpha/2 D summed over the batch; bert4torch (CE1+CE2)/2 + alpha/4 D / classes");
    f("ce", ce, "sum or mean of the passes' losses, instead of the preset's").one_of({"sum", "mean"});
    f("kl_weight", kl_weight, "factor between alpha and D = KL12 + KL21, instead of the preset's").at_least(0);
    f("kl_reduction", kl_reduction, "how D is reduced over the batch, instead of the preset's").one_of({"sum", "mean", "batchmean", "tokenmean"});
    f("distance", distance, "D: symmetric_kl; bernoulli, for logits that are decisions of their own (span scores, kexue.fm/archives/9039); mse, the "
                            "squared difference, the default for numbers").one_of({"symmetric_kl", "bernoulli", "mse"});
    f("ramp", ramp, "alpha grows from 0 over so many updates").in({Duration::Unit::steps});
    f("every", every, "apply the agreement term on every k-th update only; other updates make one pass").at_least(1);
    f("passes", passes, "dropout passes per update").range(2, 16);
    f.names("pair_pool", pool, {{"mean", PairPool::mean}, {"sum", PairPool::sum}, {"to_mean", PairPool::to_mean}},
            "with more than two passes: mean or sum of D over the pairs, or KL of each pass to their mean distribution");
    f("dropout", dropout, "one drop probability per pass, instead of the model's").at_least(0).below(1);
  }

  const Loss& task() const override { return *task_loss; }

  Tensor loss(Step& step) override {
    if (!dropout.empty() && int64_t(dropout.size()) != passes)
      throw Error(ErrorKind::config, text("r_drop: dropout lists ", dropout.size(), " rates for ", passes, " passes"), "give one rate per pass");
    const std::string_view measure = measured(step.batch().answer.link);
    if (measure != "bernoulli") require_classes(step, "this distance of r_drop");
    const Scaling scale = scaling();
    if (step.number() % every != 0) return step.loss(step.forward()) * (scale.ce * double(passes));   // the same size as a full update
    List<Tensor> logits;
    Tensor ce;
    for (int64_t j = 0; j < passes; ++j) {
      const View view = step.forward(dropout.empty() ? std::nullopt : std::optional(dropout[size_t(j)]));
      const Tensor one = step.loss(view);
      ce = ce ? ce + one : one;
      logits.push_back(view.logits);
    }
    const Tensor d = disagreement(measure, logits, scale.reduction, double(step.batch().total_rows()));
    step.report("ce", ce.item() / double(passes));
    step.report("kl", d.item());
    const double grown = ramp.amount > 0 ? std::min(1.0, double(step.number()) / ramp.amount) : 1;
    return ce * scale.ce + d * (alpha * grown * scale.kl);
  }

 private:
  Scaling scaling() const {
    Scaling s = scaling_of(preset);
    if (ce) s.ce = *ce == "sum" ? 1 : 1.0 / double(passes);
    else if (s.ce == 0.5) s.ce = 1.0 / double(passes);
    if (kl_weight) s.kl = *kl_weight;
    if (kl_reduction)
      s.reduction = *kl_reduction == "sum" ? Reduction::sum : *kl_reduction == "mean" ? Reduction::mean
                    : *kl_reduction == "batchmean" ? Reduction::batchmean : Reduction::tokenmean;
    return s;
  }

  std::string_view measured(Link link) const {
    return distance ? std::string_view(*distance) : link == Link::identity ? "mse" : link == Link::sigmoid ? "bernoulli" : "symmetric_kl";
  }
  /// D of two passes; the squared difference (paper, section 2.2) counts once per direction.
  static Tensor between(std::string_view measure, const Tensor& a, const Tensor& b, Reduction reduction, double rows) {
    if (measure == "mse") return reduce(square(a - b) * 2.0, reduction, {}, rows);
    return measure == "bernoulli" ? sigmoid_divergence(a, b, reduction, {}, rows) : symmetric_kl(a, b, reduction, {}, rows);
  }

  Tensor disagreement(std::string_view measure, const List<Tensor>& logits, Reduction reduction, double rows) const {
    Tensor total;
    auto add = [&](const Tensor& d) { total = total ? total + d : d; };
    if (pool == PairPool::to_mean) {
      if (measure != "symmetric_kl")
        throw Error(ErrorKind::config, text("r_drop: pair_pool \"to_mean\" is a KL to the mean distribution, but the distance is ", measure),
                    "use pair_pool \"mean\" or \"sum\"");
      const Tensor mean = mean_log_probability(logits);
      for (auto& l : logits) {
        const Tensor log_p = log_softmax(l);
        add(reduce(exp(log_p) * (log_p - mean), reduction, {}, rows));
      }
      return total;
    }
    for (size_t i = 0; i < logits.size(); ++i) for (size_t j = i + 1; j < logits.size(); ++j) add(between(measure, logits[i], logits[j], reduction, rows));
    const double pairs = double(logits.size() * (logits.size() - 1) / 2);
    return pool == PairPool::mean && pairs > 1 ? total / pairs : total;
  }

  /// log((1/m) sum_j P_j), [B,C].
  static Tensor mean_log_probability(const List<Tensor>& logits) {
    const Shape shape = logits[0].shape();
    Tensors stacked;
    for (auto& l : logits) stacked.push_back(reshape(log_softmax(l), {shape[0], 1, shape[1]}));
    return logsumexp(concat(In(stacked), 1), 1) - std::log(double(logits.size()));
  }
};
TAPEDECK_PART(Objective, RDrop, "r_drop",
              "Dropout twice, and the two answers must agree: CE1 + CE2 + (alpha/2) [KL(P1||P2) + KL(P2||P1)] (Liang et al. 2021).",
              {.equation = "L = sum_j CE_j + (alpha/2) pool_{i<j} [KL(P_i||P_j) + KL(P_j||P_i)], P_j = softmax of dropout pass j\n"
                           "KL(P||Q) + KL(Q||P) = sum_c (p_c - q_c)(a_c - b_c) for logits a, b; the gradient flows through both passes",
               .source = "Liang et al., R-Drop: Regularized Dropout for Neural Networks, NeurIPS 2021, arXiv 2106.14448, section 2; preset "
                         "su: kexue.fm/archives/8496",
               .cost = "passes * (1F + 1B); with every: k, 1F + 1B on the other updates",
               .pitfalls = "Published code scales the loss in at least six ways: alpha means something else under each preset.\n"
                           "The passes must draw different masks; without dropout the term is 0.\n"
                           "It needs more updates than plain training and ends lower: train longer.\n"
                           "With preset hf_bert the agreement is summed over the batch, so alpha depends on the batch size."});

}  // namespace
}  // namespace tapedeck
