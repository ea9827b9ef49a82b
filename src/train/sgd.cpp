// Stochastic gradient descent: g += decay w; u = momentum u + g; w -= lr u (Nesterov: lr (g + momentum u)). The conventions
// of PyTorch: decay is coupled, the first u is g. Sutskever et al. 2013. Next: schedule.cpp.
#include <tapedeck/base/error.h>

#include "kernels/kernels.h"
#include "src/train/parameter_runs.h"

namespace tapedeck {
namespace {

struct Sgd final : Optimizer {
  void describe(Fields& f) override {
    f("lr", lr, "learning rate").at_least(0);
    f("momentum", momentum_, "share of the last update that is kept").at_least(0).below(1);
    f("nesterov", nesterov_, "look ahead along the momentum");
    f("weight_decay", weight_decay_, "added to the gradient as decay * w").at_least(0);
    describe_groups(f);
  }

  void bind(const ParamStore& store) override {
    if (nesterov_ && momentum_ == 0)
      throw Error(ErrorKind::config, "optimizer.nesterov needs momentum", "set optimizer.momentum, for example to 0.9");
    store_ = &store;
    const MemoryFor moments(Memory::moments);
    runs_ = parameter_runs(store, *this, weight_decay_);
    if (momentum_ > 0) velocity_ = Tensor::zeros(store.values().shape(), store.dtype());
  }

  void update(double factor, double grad_scale, int64_t step) override {
    dispatch(store_->dtype(), [&](auto tag) {
      using T = decltype(tag);
      T *w = store_->values().raw<T>(), *g = store_->gradients().raw<T>(), *u = velocity_ ? velocity_.raw<T>() : nullptr;
      for (const ParameterRun& run : runs_) {
        const int64_t at = run.offset;
        if (!run.trainable) {
          kernels::kernel_table<T>().fill(run.size, T(0), g + at);
          continue;
        }
        const kernels::Sgd settings{run.lr * factor, momentum_, run.weight_decay, grad_scale, nesterov_, true, step == 1};
        kernels::kernel_table<T>().sgd(run.size, settings, w + at, g + at, u ? u + at : nullptr);
      }
    });
  }

  std::map<std::string, Tensor> state() const override {
    if (!velocity_) return {};
    return {{"momentum", velocity_}};
  }

 private:
  double momentum_ = 0, weight_decay_ = 0;
  bool nesterov_ = false;
  const ParamStore* store_ = nullptr;
  std::vector<ParameterRun> runs_;
  Tensor velocity_;  // laid out as the value slab
};
TAPEDECK_PART(Optimizer, Sgd, "sgd", "Stochastic gradient descent with momentum and coupled weight decay, as in PyTorch.");

}  // namespace
}  // namespace tapedeck
