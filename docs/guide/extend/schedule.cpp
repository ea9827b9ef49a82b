// inverse_root: a linear warm-up, then one over the square root of the update. Vaswani et al. 2017, "Attention is all you need",
// equation 3, scaled so that its peak is the optimizer's learning rate.
#include <algorithm>
#include <cmath>

#include <tapedeck/train/schedule.h>

namespace tapedeck {
namespace {

struct InverseRoot final : Schedule {
  InverseRoot() { warmup = {10, Duration::Unit::percent}; }
  void describe(Fields& f) override {
    f("warmup", warmup, "linear rise from 0 to the learning rate").in({Duration::Unit::percent, Duration::Unit::steps, Duration::Unit::epochs});
  }
  double factor(int64_t step, const StepCounts& counts) const override {
    const double peak = std::max<double>(1, double(counts.steps(warmup, "schedule.warmup")));
    return std::min(double(step) / peak, std::sqrt(peak / std::max<double>(1, double(step))));
  }
};
TAPEDECK_PART(Schedule, InverseRoot, "inverse_root", "Warm-up, then sqrt(warmup / step) (Vaswani et al. 2017, equation 3).");

}  // namespace
}  // namespace tapedeck
