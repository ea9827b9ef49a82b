// The curves of the learning rate: constant, linear, cosine, each after a linear warm-up. Warm-up and decay match
// get_{constant,linear,cosine}_schedule_with_warmup of transformers. Next: trainer.cpp.
#include <tapedeck/train/schedule.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include <tapedeck/base/error.h>

namespace tapedeck {
namespace {

using Unit = Duration::Unit;

/// Rounds up, but not because of the last bits of 0.1 * 30; no run is longer than 2^53 steps.
int64_t round_up(double steps) { return int64_t(std::min(std::ceil(steps * (1 - 1e-12)), 0x1p53)); }

void describe_warmup(Fields& f, Duration& warmup) {
  f("warmup", warmup, "linear rise from 0 to the learning rate").in({Unit::percent, Unit::steps, Unit::epochs, Unit::examples});
}

/// Factor of the warm-up, or the share of the steps after it that are done.
struct Phase {
  bool warming;
  double value;
};
Phase place(const Schedule& schedule, int64_t step, const StepCounts& counts) {
  const int64_t warmup = counts.steps(schedule.warmup, "schedule.warmup");
  if (step < warmup) return {true, double(step) / double(warmup)};
  return {false, std::min(1.0, double(step - warmup) / double(std::max<int64_t>(1, counts.total - warmup)))};
}

/// end_lr as a share of the learning rate.
double end_share(double end_lr, double base_lr) {
  if (end_lr > base_lr)
    throw Error(ErrorKind::config, text("schedule.end_lr ", end_lr, " is above the learning rate ", base_lr),
                "schedules fall: lower end_lr, or raise optimizer.lr");
  return base_lr > 0 ? end_lr / base_lr : 0;
}

struct Constant final : Schedule {
  void describe(Fields& f) override { describe_warmup(f, warmup); }
  double factor(int64_t step, const StepCounts& counts) const override {
    const Phase at = place(*this, step, counts);
    return at.warming ? at.value : 1;
  }
};
TAPEDECK_PART(Schedule, Constant, "constant", "The learning rate stays as it is after the warm-up.");

struct Linear final : Schedule {
  void describe(Fields& f) override {
    describe_warmup(f, warmup);
    f("end_lr", end_lr_, "learning rate at the end of training").at_least(0);
  }
  double factor(int64_t step, const StepCounts& counts) const override {
    const Phase at = place(*this, step, counts);
    const double end = end_share(end_lr_, base_lr);
    return at.warming ? at.value : end + (1 - end) * (1 - at.value);
  }

 private:
  double end_lr_ = 0;
};
TAPEDECK_PART(Schedule, Linear, "linear",
              "Falls along a line to end_lr: end + (lr - end) (1 - t), t the share of the steps after warm-up.");

struct Cosine final : Schedule {
  void describe(Fields& f) override {
    describe_warmup(f, warmup);
    f("end_lr", end_lr_, "learning rate at the bottom of the curve").at_least(0);
    f("cycles", cycles_, "cosine periods over the run; 0.5 falls once").above(0);
  }
  double factor(int64_t step, const StepCounts& counts) const override {
    const Phase at = place(*this, step, counts);
    const double end = end_share(end_lr_, base_lr);
    return at.warming ? at.value : end + (1 - end) * 0.5 * (1 + std::cos(2 * std::numbers::pi * cycles_ * at.value));
  }

 private:
  double end_lr_ = 0, cycles_ = 0.5;
};
TAPEDECK_PART(Schedule, Cosine, "cosine",
              "Falls along a cosine: end + (lr - end) (1 + cos(2 pi cycles t)) / 2 (Loshchilov and Hutter 2017).");

}  // namespace

int64_t StepCounts::steps(const Duration& duration, const char* what) const {
  switch (duration.unit) {
    case Unit::none:
      return 0;
    case Unit::steps:
      return round_up(duration.amount);
    case Unit::epochs:
      return round_up(duration.amount * double(per_epoch));
    case Unit::evaluations:
      return round_up(duration.amount * double(evaluation));
    case Unit::examples:
      return round_up(duration.amount / double(batch_size));
    case Unit::percent:
      return round_up(duration.amount * double(total) / 100);
    case Unit::seconds:
      break;
  }
  throw Error(ErrorKind::config, text(what, " cannot be given in seconds: \"", duration.str(), "\""),
              "give it in steps or epochs");
}

}  // namespace tapedeck
