// signum: m = beta m + (1 - beta) g; w -= lr (sign(m) + weight_decay w). Bernstein et al. 2018, "signSGD", algorithm 2, with
// the decay decoupled.
#include <tapedeck/train/optimizer.h>

namespace tapedeck {
namespace {

struct Signum final : Optimizer {
  double beta = 0.9, weight_decay = 0;

  void describe(Fields& f) override {
    f("lr", lr, "learning rate").at_least(0);
    f("beta", beta, "share of the momentum that is kept").at_least(0).below(1);
    f("weight_decay", weight_decay, "decoupled weight decay").at_least(0);
  }
  void bind(const ParamStore& store) override {
    store_ = &store;
    momentum_ = Tensor::zeros(store.values().shape(), store.dtype());
  }
  /// One walk over the slabs: values, gradients and momentum have the same layout. Leaves the gradients at zero.
  void update(double factor, double grad_scale, int64_t /*step*/) override {
    dispatch(store_->dtype(), [&](auto tag) {
      using T = decltype(tag);
      const T rate = T(lr * factor), decay = T(weight_decay), keep = T(beta), scale = T(grad_scale);
      for (const Parameter& p : store_->all()) {
        T *w = p.value.raw<T>(), *g = p.gradient.raw<T>(), *m = store_->window(momentum_, p).raw<T>();
        for (int64_t i = 0; i < p.shape.size(); ++i) {
          if (p.trainable) {
            m[i] = keep * m[i] + (1 - keep) * scale * g[i];
            w[i] -= rate * (T(m[i] > 0) - T(m[i] < 0) + decay * w[i]);
          }
          g[i] = 0;
        }
      }
    });
  }
  std::map<std::string, Tensor> state() const override { return {{"momentum", momentum_}}; }   // saved with every checkpoint

 private:
  const ParamStore* store_ = nullptr;
  Tensor momentum_;                               // laid out like store.values()
};
TAPEDECK_PART(Optimizer, Signum, "signum", "Steps along the sign of the momentum (Bernstein et al. 2018), decoupled weight decay.");

}  // namespace
}  // namespace tapedeck
