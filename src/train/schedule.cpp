// The curves of the learning rate after a linear warm-up, as get_*_schedule* of transformers has them, and PyTorch's one-cycle.
// Next: trainer.cpp.
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

struct Polynomial final : Schedule {
  void describe(Fields& f) override {
    describe_warmup(f, warmup);
    f("end_lr", end_lr_, "learning rate at the end of training").at_least(0);
    f("power", power_, "exponent; 1 is a line").above(0);
  }
  double factor(int64_t step, const StepCounts& counts) const override {
    const Phase at = place(*this, step, counts);
    const double end = end_share(end_lr_, base_lr);
    return at.warming ? at.value : end + (1 - end) * std::pow(1 - at.value, power_);
  }

 private:
  double end_lr_ = 0, power_ = 1;
};
TAPEDECK_PART(Schedule, Polynomial, "polynomial",
              "Falls along a power of the share of steps that is left: end + (lr - end) (1 - t)^power.");

struct InverseSqrt final : Schedule {
  void describe(Fields& f) override {
    describe_warmup(f, warmup);
    f("timescale", timescale_, "how slowly it falls; default: the length of the warm-up, or 10000 steps without one")
        .in({Unit::percent, Unit::steps, Unit::epochs, Unit::examples});
  }
  double factor(int64_t step, const StepCounts& counts) const override {
    const int64_t rise = counts.steps(warmup, "schedule.warmup");
    if (step < rise) return double(step) / double(rise);
    const int64_t given = timescale_.unit != Unit::none ? counts.steps(timescale_, "schedule.timescale") : rise ? rise : 10000;
    const auto scale = double(std::max<int64_t>(1, given));
    return std::sqrt(scale / (double(step - rise) + scale));
  }

 private:
  Duration timescale_{0, Unit::none};
};
TAPEDECK_PART(Schedule, InverseSqrt, "inverse_sqrt",
              "Falls with the root of the step: sqrt(s / (s + step - warmup)), s the timescale (Vaswani et al. 2017).");

struct OneCycle final : Schedule {
  enum class Anneal { cosine, linear };
  OneCycle() { warmup = {30, Unit::percent}; }
  void describe(Fields& f) override {
    f("warmup", warmup, "rise from lr / start_divisor to the learning rate")
        .in({Unit::percent, Unit::steps, Unit::epochs, Unit::examples});
    f.names("anneal", anneal_, {{"cosine", Anneal::cosine}, {"linear", Anneal::linear}}, "the form of both slopes");
    f("start_divisor", start_divisor_, "the first rate is lr / start_divisor").at_least(1);
    f("end_divisor", end_divisor_, "the last rate is the first one / end_divisor").at_least(1);
  }
  double factor(int64_t step, const StepCounts& counts) const override {
    const double first = 1 / start_divisor_, last = first / end_divisor_;
    // the top is reached at the last step of the rise, the bottom at the last step of all: PyTorch's count
    const double top = double(counts.steps(warmup, "schedule.warmup")) - 1, bottom = double(counts.total) - 1;
    const double at = double(step);
    if (at <= top) return slope(first, 1, top > 0 ? at / top : 1);
    return slope(1, last, bottom > top ? std::min(1.0, (at - top) / (bottom - top)) : 1);
  }

 private:
  double slope(double from, double to, double t) const {
    if (anneal_ == Anneal::linear) return from + (to - from) * t;
    return to + (from - to) * 0.5 * (1 + std::cos(std::numbers::pi * t));
  }
  Anneal anneal_ = Anneal::cosine;
  double start_divisor_ = 25, end_divisor_ = 1e4;
};
TAPEDECK_PART(Schedule, OneCycle, "one_cycle",
              "Rises to the learning rate and falls far below where it began (Smith and Topin 2018; OneCycleLR of PyTorch).");

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
