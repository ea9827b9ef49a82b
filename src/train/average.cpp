// Weight averages: "ema" and "swa". What is measured and kept in checkpoints is the mean of the weights along the way; the
// optimizer goes on from the weights themselves. Next: trainer.cpp.
#include "src/train/average.h"

#include <algorithm>
#include <cmath>

#include <tapedeck/base/error.h>

namespace tapedeck {
namespace {

struct Ema final : WeightAverage {
  double decay = 0.999;
  bool ramp = true;
  void describe(Fields& f) override {
    f("decay", decay, "share of the mean that an update keeps").range(0, 1);
    f("ramp", ramp, "keep at most (1 + t) / (10 + t) after t updates, so that the start is forgotten quickly");
  }
  double share(int64_t step, const StepCounts&) const override {
    const double t = double(step);
    return 1 - (ramp ? std::min(decay, (1 + t) / (10 + t)) : decay);
  }
};
TAPEDECK_PART(
    WeightAverage, Ema, "ema",
    "mean <- decay mean + (1 - decay) weights after every update (Polyak and Juditsky 1992; Tarvainen and Valpola 2017).");

struct Swa final : WeightAverage {
  Duration start{75, Duration::Unit::percent}, every{1, Duration::Unit::epochs};
  void describe(Fields& f) override {
    f("start", start, "where averaging begins; before, the weights themselves count")
        .in({Duration::Unit::percent, Duration::Unit::epochs, Duration::Unit::steps});
    f("every", every, "time between the weights that are averaged")
        .in({Duration::Unit::epochs, Duration::Unit::steps, Duration::Unit::percent});
  }
  /// 1/n at the n-th sample, 0 between samples.
  double share(int64_t step, const StepCounts& counts) const override {
    const int64_t first = std::max<int64_t>(1, counts.steps(start, "training.average.start"));
    const int64_t period = std::max<int64_t>(1, counts.steps(every, "training.average.every"));
    if (first >= counts.total)
      throw Error(ErrorKind::config,
                  text("training.average.start \"", start.str(), "\" is step ", first, ", but the run has ", counts.total,
                       ": nothing would be averaged"),
                  "begin earlier, or lengthen training.duration");
    if (step <= first) return 1;
    return (step - first) % period ? 0 : 1 / double((step - first) / period + 1);
  }
};
TAPEDECK_PART(WeightAverage, Swa, "swa",
              "Equal mean of the weights at regular distances from some point on (Izmailov et al. 2018).");

}  // namespace

AveragedWeights::AveragedWeights(const ParamStore& store, const WeightAverage& average, const StepCounts& counts)
    : store_(store), average_(average), counts_(counts), mean_(store.values().clone()) {}

void AveragedWeights::update(int64_t step) {
  const double share = average_.share(step, counts_);
  if (share == 0) return;
  dispatch(store_.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* w = store_.values().raw<T>();
    T* mean = mean_.raw<T>();
    if (share == 1) std::copy_n(w, mean_.size(), mean);
    else
      for (int64_t i = 0; i < mean_.size(); ++i) mean[i] += T(share) * (w[i] - mean[i]);
  });
}

void AveragedWeights::swap() {
  dispatch(store_.dtype(), [&](auto tag) {
    using T = decltype(tag);
    std::swap_ranges(mean_.raw<T>(), mean_.raw<T>() + mean_.size(), store_.values().raw<T>());
  });
}

}  // namespace tapedeck
