// Temporal ensembling (Laine and Aila 2017, arXiv 1610.02242): the prediction agrees with the running mean of the model's own
// earlier predictions for the same example. Next: teacher.cpp, the same idea on weights.
#include <cmath>

#include <tapedeck/base/error.h>
#include <tapedeck/objectives/divergence.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct TemporalEnsembling final : Wrapper {
  WeightSchedule schedule;
  double decay = 0.6;
  Tensor mean, visits;  // f64 [examples, outputs]: running mean of softmax; f64 [examples]
  Tensor seen, fresh;   // of the update under way: u8 [examples], f64 [examples, outputs]

  void describe(Fields& f) override {
    f("loss", inner, "what is trained beside: a task loss or another objective");
    schedule.describe(f, "weight of the agreement with earlier predictions");
    f("decay", decay, "share of the running mean that a new prediction keeps").at_least(0).below(1);
  }

  void begin(const SetupContext& setup) override {
    if (setup.outputs == 0)
      throw Error(ErrorKind::config, "temporal_ensembling remembers a prediction per example, but these data have one per token",
                  "use mean_teacher");
    mean = Tensor::zeros({setup.examples, setup.outputs}, DType::f64);
    visits = Tensor::zeros({setup.examples}, DType::f64);
    seen = Tensor::zeros({setup.examples}, DType::u8);
    fresh = mean.clone();
  }
  std::map<std::string, Tensor> extra_state() const override { return {{"mean", mean}, {"visits", visits}}; }

  /// Z <- decay Z + (1 - decay) z for the examples of the update; a prediction counts once however often it was made.
  void updated(const ParamStore&, int64_t) override {
    const int64_t classes = mean.shape()[1];
    for (int64_t i = 0; i < visits.size(); ++i) {
      if (!seen.raw<uint8_t>()[i]) continue;
      seen.raw<uint8_t>()[i] = 0;
      visits.raw<double>()[i] += 1;
      for (int64_t c = i * classes; c < (i + 1) * classes; ++c)
        mean.raw<double>()[c] = decay * mean.raw<double>()[c] + (1 - decay) * fresh.raw<double>()[c];
    }
  }

  Tensor loss(Step& step) override {
    require_classes(step, "temporal_ensembling");
    const Tensor task = inner->loss(step), p = softmax(step.cached_forward().logits);
    if (!visits || !step.batch().indices) return task;
    const Tensor target = remembered(step.batch(), p);
    remember(step.batch(), p);
    const double weight = schedule.at(step), rows = double(std::max<int64_t>(1, step.batch().total_sequences));
    const Tensor apart = sum(square(p - target)) / rows;
    step.report("disagreement", apart.item());
    return task + apart * weight;
  }

 private:
  /// Z / (1 - decay^visits) for each example; its own prediction, detached, where there is no earlier one.
  Tensor remembered(const Batch& batch, const Tensor& p) const {
    const Tensor target = p.detach().clone();
    const int64_t classes = p.shape()[1];
    dispatch(p.dtype(), [&](auto tag) {
      for (int64_t b = 0; b < batch.indices.size(); ++b) {
        const int64_t i = batch.indices.raw<int32_t>()[b];
        if (visits.item(i) == 0) continue;
        const double bias = 1 - std::pow(decay, visits.item(i));
        for (int64_t c = 0; c < classes; ++c)
          target.raw<decltype(tag)>()[b * classes + c] = decltype(tag)(mean.item(i * classes + c) / bias);
      }
    });
    return target;
  }
  void remember(const Batch& batch, const Tensor& p) const {
    const int64_t classes = p.shape()[1];
    for (int64_t b = 0; b < batch.indices.size(); ++b) {
      const int64_t i = batch.indices.raw<int32_t>()[b];
      if (seen.raw<uint8_t>()[i]) continue;
      seen.raw<uint8_t>()[i] = 1;
      for (int64_t c = 0; c < classes; ++c) fresh.raw<double>()[i * classes + c] = p.item(b * classes + c);
    }
  }
};
TAPEDECK_PART(
    Objective, TemporalEnsembling, "temporal_ensembling",
    "The prediction agrees with the running mean of earlier ones (Laine and Aila 2017).",
    {.equation = "L + weight(t) mean_i |softmax f(x_i) - Z_i / (1 - decay^v_i)|^2, v_i: how often x_i was seen before\n"
                 "Z_i <- decay Z_i + (1 - decay) softmax f(x_i) after the update",
     .source = "Laine and Aila, Temporal Ensembling for Semi-Supervised Learning, ICLR 2017, arXiv 1610.02242, algorithm 2",
     .cost = "1F + 1B",
     .pitfalls =
         "Remembers examples x classes numbers; they are part of every checkpoint.\n"
         "The first time an example is seen there is nothing to agree with: its term is 0.\n"
         "Differs from s-laine/tempens in three constants: its distance is a mean over classes, so its weight is this one "
         "times the classes; its task loss is a mean over all examples, labelled or not; its ramp is ramp_shape "
         "\"sigmoid\"."});

}  // namespace
}  // namespace tapedeck
