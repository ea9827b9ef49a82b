// Supervised contrast (Khosla et al. 2020, arXiv 2004.11362): rows of one class attract each other, on projections of several
// dropout passes; joint with the task loss as in text fine-tuning (Gunel et al. 2021, arXiv 2011.01403). Next: simcse.cpp.
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/nn/layers.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct SupConObjective final : TaskObjective {
  SupCon contrast;
  double weight = 0.9;
  int64_t passes = 2;

  void describe(Fields& f) override {
    f("weight", weight, "share of the contrast; 1: the contrast alone, and the classifier learns nothing").range(0, 1);
    f("passes", passes, "dropout passes, each a view of the batch").range(1, 16);
    f("temperature", contrast.temperature, "tau: cosines are divided by it").above(0);
    f("base_temperature", contrast.base_temperature,
      "the contrast is multiplied by temperature / base_temperature (published code: 0.07); "
      "0: by 1")
        .at_least(0);
    f.names("form", contrast.form, {{"out", SupConForm::out}, {"in", SupConForm::in}},
            "mean over positives outside or inside the logarithm");
    f.names("anchors", contrast.contrast, {{"all", ContrastMode::all}, {"one", ContrastMode::one}},
            "rows of all views, or of the first view");
    f.names("no_positive", contrast.no_positive, {{"keep", NoPositive::keep}, {"drop", NoPositive::drop}},
            "an anchor without positives counts as 0 in the mean, or not at all");
    f("loss", task_loss, "task loss, mean over the passes");
  }
  bool couples_examples() const override { return true; }

  Tensor loss(Step& step) override {
    const int64_t texts = step.batch().texts;
    List<Tensor> views;
    Tensor supervised;
    for (int64_t p = 0; p < passes; ++p) {
      const View view = step.forward();
      for (int64_t t = 0; t < texts; ++t) views.push_back(text_of(view.embedding(), texts, t));
      if (weight == 1) continue;
      const Tensor one = step.loss(view) / double(passes);
      supervised = supervised ? supervised + one : one;
    }
    const Tensor pull = sup_con(views, step.batch().labels, contrast, texts == 1 ? step.batch().equal : Tensor{});
    step.report("contrast", pull.item());
    return supervised ? supervised * (1 - weight) + pull * weight : pull;
  }
};
TAPEDECK_PART(
    Objective, SupConObjective, "sup_con",
    "Rows of one class attract each other, joint with the task loss (Khosla et al. 2020; Gunel et al. 2021).",
    {.equation = "L = (1 - weight) CE + weight C\n"
                 "out: C = mean_i -1/|P(i)| sum_{p in P(i)} log e^{cos(z_i, z_p) / tau} / sum_{a != i} e^{cos(z_i, z_a) / tau}\n"
                 "in: C = mean_i -log [1/|P(i)| sum_p e^{cos(z_i, z_p) / tau} / sum_{a != i} e^{cos(z_i, z_a) / tau}]\n"
                 "P(i): the rows of all views that carry the label of i",
     .source =
         "Khosla et al., Supervised Contrastive Learning, NeurIPS 2020, arXiv 2004.11362, equations 2 and 3; joint with CE: "
         "Gunel et al., ICLR 2021, arXiv 2011.01403, equation 1",
     .cost = "2F + 2B (passes F + passes B)",
     .pitfalls =
         "Differs from Gunel et al., who use temperature 0.3 and one view beside cross-entropy: temperature 0.3, passes 1.\n"
         "Small batches with many classes hold few positives: use the sampler balanced.\n"
         "The contrast does not go to 0: other positives stay in the denominator.\n"
         "An anchor without positives (one pass, a class that occurs once) adds 0; a batch of one row has loss 0.\n"
         "Unlabelled rows are a class of their own: their other views, and those of equal texts, are their positives."});

}  // namespace
}  // namespace tapedeck
