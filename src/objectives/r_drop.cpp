// R-Drop (Liang et al., NeurIPS 2021, arXiv 2106.14448): passes with different dropout must agree.
//   L = sum_j CE_j + (alpha/2) pool_{i<j} [KL(P_i||P_j) + KL(P_j||P_i)]
// Published code scales this in several ways: presets name them, docs/guide/methods/r_drop.md compares them.
#include <tapedeck/objectives/divergence.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

/// loss = ce * sum_j CE_j + alpha * kl * D, ce 1 or one over the passes, D reduced over the batch as named.
struct Scaling {
  bool mean_ce;
  double kl;
  Reduction reduction;
  bool operator==(const Scaling&) const = default;
};
const std::vector<std::pair<std::string, Scaling>> presets = {
    {"paper", {false, 0.5, Reduction::batchmean}}, {"readme", {true, 0.5, Reduction::sum}},
    {"su", {true, 0.25, Reduction::batchmean}},    {"vit", {false, 1, Reduction::sum}},
    {"hf_bert", {false, 0.5, Reduction::sum}},     {"bert4torch", {true, 0.25, Reduction::mean}}};

struct RDrop final : TaskObjective {
  WeightSchedule schedule;  // alpha, ramp, every
  Scaling preset = presets[0].second;
  std::optional<std::string> ce, kl_reduction;
  std::optional<double> kl_weight;
  Agreement agreement;
  int64_t passes = 2;
  std::vector<double> dropout;

  void describe(Fields& f) override {
    f("alpha", schedule.weight, "weight of the agreement term").at_least(0);
    f("loss", task_loss, "task loss of each pass");
    f.names("preset", preset, presets,
            "scaling: paper CE1+CE2 + alpha/2 D; su (CE1+CE2)/2 + alpha/4 D; bert4torch (CE1+CE2)/2 + alpha/4 D / classes; with "
            "D summed over "
            "the batch: readme (CE1+CE2)/2 + alpha/2 D; vit CE1+CE2 + alpha D; hf_bert CE1+CE2 + alpha/2 D");
    f("ce", ce, "sum or mean of the passes' losses, instead of the preset's").one_of({"sum", "mean"});
    f("kl_weight", kl_weight, "factor between alpha and D = KL12 + KL21, instead of the preset's").at_least(0);
    f("kl_reduction", kl_reduction, "how D is reduced over the batch, instead of the preset's")
        .one_of({"sum", "mean", "batchmean", "tokenmean"});
    agreement.describe_distance(f);
    f("ramp", schedule.ramp, "alpha grows from 0 over so many updates").in({Duration::Unit::steps});
    f("every", schedule.every, "apply the agreement term on every k-th update only; other updates make one pass").at_least(1);
    f("passes", passes, "dropout passes per update").range(2, 16);
    agreement.describe_pool(f);
    describe_stop_grad(f, agreement.stop);
    f("dropout", dropout, "one drop probability per pass, instead of the model's").at_least(0).below(1);
  }

  Tensor loss(Step& step) override {
    if (!dropout.empty() && int64_t(dropout.size()) != passes)
      throw Error(ErrorKind::config, text("r_drop: dropout lists ", dropout.size(), " rates for ", passes, " passes"),
                  "give one rate per pass");
    agreement.measure(step);  // an error before the first pass
    const double scale = (ce ? *ce == "mean" : preset.mean_ce) ? 1.0 / double(passes) : 1;
    if (step.number() % schedule.every != 0)
      return step.loss(step.forward()) * (scale * double(passes));  // the same size as a full update
    List<Tensor> logits;
    Tensor sum;
    for (int64_t j = 0; j < passes; ++j) {
      const View view = step.forward(dropout.empty() ? std::nullopt : std::optional(dropout[size_t(j)]));
      const Tensor one = step.loss(view);
      sum = sum ? sum + one : one;
      logits.push_back(view.logits);
    }
    const Tensor d = agreement(logits, step, kl_reduction ? reduction_of(*kl_reduction) : preset.reduction);
    step.report_loss("ce", sum.item() / double(passes));
    step.report("kl", d.item());
    return sum * scale + d * (schedule.at(step) * kl_weight.value_or(preset.kl));
  }
};
TAPEDECK_PART(
    Objective, RDrop, "r_drop",
    "Dropout twice, and the two answers must agree: CE1 + CE2 + (alpha/2) [KL(P1||P2) + KL(P2||P1)] (Liang et al. 2021).",
    {.equation = "L = sum_j CE_j + (alpha/2) pool_{i<j} [KL(P_i||P_j) + KL(P_j||P_i)], P_j = softmax of dropout pass j\n"
                 "KL(P||Q) + KL(Q||P) = sum_c (p_c - q_c)(a_c - b_c) for logits a, b; the gradient flows through both passes",
     .source = "Liang et al., R-Drop: Regularized Dropout for Neural Networks, NeurIPS 2021, arXiv 2106.14448, section 2; preset "
               "su: kexue.fm/archives/8496",
     .cost = "passes * (1F + 1B); with every: k, 1F + 1B on the other updates",
     .pitfalls =
         "Published code scales the loss in at least six ways: alpha means something else under each preset.\n"
         "The passes must draw different masks; without dropout the term is 0.\n"
         "It needs more updates than plain training and ends lower: train longer.\n"
         "With presets hf_bert, vit and readme the agreement is summed over the batch, so alpha depends on the batch size.\n"
         "Differs from the semi-supervised code of kexue.fm/archives/8496: that makes one pass on labelled rows and gives the "
         "rows "
         "without labels an optimizer of their own at half the rate."});

}  // namespace
}  // namespace tapedeck
