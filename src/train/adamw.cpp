// AdamW: w -= lr (m^ / (sqrt(v^) + eps) + decay w), m and v running means of g and g^2, ^ corrected for their start at 0.
// Loshchilov and Hutter, "Decoupled weight decay regularization", algorithm 2. Adam (Kingma and Ba 2015) with decay adds decay w
// to the gradient instead, as PyTorch does. Next: sgd.cpp.
#include <cmath>

#include "kernels/kernels.h"
#include "src/train/parameter_runs.h"

namespace tapedeck {
namespace {

struct AdamW : Optimizer {
  explicit AdamW(bool decoupled = true) : decoupled_(decoupled), weight_decay_(decoupled ? 0.01 : 0) {}
  void describe(Fields& f) override {
    f("lr", lr, "learning rate").at_least(0);
    f("betas", betas_, "decay of the running means of g and g^2").length(2, 2).at_least(0).below(1);
    f("eps", epsilon_, "added to the root of the second moment").above(0);
    f("weight_decay", weight_decay_, decoupled_ ? "decoupled weight decay" : "added to the gradient as decay * w").at_least(0);
    describe_groups(f);
  }

  void bind(const ParamStore& store) override {
    store_ = &store;
    const MemoryFor moments(Memory::moments);
    runs_ = parameter_runs(store, *this, weight_decay_);
    first_ = Tensor::zeros(store.values().shape(), store.dtype());
    second_ = Tensor::zeros(store.values().shape(), store.dtype());
  }

  void update(double factor, double grad_scale, int64_t step) override {
    dispatch(store_->dtype(), [&](auto tag) {
      using T = decltype(tag);
      T *w = store_->values().raw<T>(), *g = store_->gradients().raw<T>(), *m = first_.raw<T>(), *v = second_.raw<T>();
      for (const ParameterRun& run : runs_) {
        const int64_t at = run.offset;
        if (!run.trainable) {
          kernels::kernel_table<T>().fill(run.size, T(0), g + at);
          continue;
        }
        const double correction1 = 1 - std::pow(betas_[0], double(step)), correction2 = 1 - std::pow(betas_[1], double(step));
        if (!decoupled_ && run.weight_decay != 0 && grad_scale != 0)  // the kernel scales g, but the decay is not to be clipped
          kernels::kernel_table<T>().add_scaled(run.size, run.weight_decay / grad_scale, w + at, g + at);
        const double decay = decoupled_ ? run.weight_decay : 0;
        const kernels::AdamW settings{run.lr * factor, betas_[0],   betas_[1],  epsilon_, decay,
                                      correction1,     correction2, grad_scale, true};
        kernels::kernel_table<T>().adamw(run.size, settings, w + at, g + at, m + at, v + at);
      }
    });
  }

  std::map<std::string, Tensor> state() const override { return {{"m", first_}, {"v", second_}}; }

 private:
  std::vector<double> betas_{0.9, 0.999};
  bool decoupled_;
  double epsilon_ = 1e-8, weight_decay_;
  const ParamStore* store_ = nullptr;
  std::vector<ParameterRun> runs_;
  Tensor first_, second_;  // m and v, laid out as the value slab
};
TAPEDECK_PART(Optimizer, AdamW, "adamw", "Adam with decoupled weight decay (Loshchilov and Hutter 2019).");

struct Adam final : AdamW {
  Adam() : AdamW(false) {}
};
TAPEDECK_PART(Optimizer, Adam, "adam", "Adam with coupled weight decay, by default none (Kingma and Ba 2015), as in PyTorch.");

}  // namespace
}  // namespace tapedeck
