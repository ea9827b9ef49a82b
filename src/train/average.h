// The mean of the weights along the way, beside the weights. Next: average.cpp.
#pragma once
#include <optional>

#include <tapedeck/nn/params.h>
#include <tapedeck/train/trainer.h>

namespace tapedeck {

class AveragedWeights {
 public:
  AveragedWeights(const ParamStore& store, const WeightAverage& average, const StepCounts& counts);
  /// After update `step`, from 1.
  void update(int64_t step);
  /// Exchanges weights and mean: what was the mean is then in the store, and the weights are in mean().
  void swap();
  const Tensor& mean() const { return mean_; }

 private:
  const ParamStore& store_;
  const WeightAverage& average_;
  StepCounts counts_;
  Tensor mean_;  // laid out like the values
};

/// While it lives, the store holds the mean, if there is one.
class Averaged {
 public:
  explicit Averaged(std::optional<AveragedWeights>& weights) : weights_(weights) {
    if (weights_) weights_->swap();
  }
  ~Averaged() {
    if (weights_) weights_->swap();
  }
  Averaged(const Averaged&) = delete;

 private:
  std::optional<AveragedWeights>& weights_;
};

}  // namespace tapedeck
