// squared_relu: y = max(x, 0)^2, dx = 2 max(x, 0) dy. So et al. 2021, "Primer: searching for efficient transformers", section 3.
#include <tapedeck/ops/author.h>

namespace tapedeck {
namespace {

constexpr int64_t grain = 1 << 14;                // elements that one thread takes at a time

struct SquaredRelu final : Op {                   // in: x, any shape; out: y, like x
  std::string_view name() const override { return "squared_relu"; }
  Specs infer(In x) const override {
    require_defined(name(), "x", x[0]);
    require_floating(name(), x);
    return {{x[0].shape(), x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      parallel_ranges(x[0].size(), grain, [in = x[0].raw<T>(), out = y[0].raw<T>()](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) out[i] = in[i] < 0 ? T(0) : in[i] * in[i];
      });
    });
  }
  bool backward(In x, In, In dy, Grads dx) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      const T *in = x[0].raw<T>(), *up = dy[0].raw<T>();
      parallel_ranges(x[0].size(), grain, [=, to = dx[0].into.raw<T>(), add = dx[0].accumulate](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) to[i] = (add ? to[i] : T(0)) + (in[i] < 0 ? T(0) : 2 * in[i] * up[i]);
      });
    });
    return true;
  }
  Tensors reference(In x) const override { return {square(relu(x[0]))}; }   // second derivatives go through this
  Saves saves() const override { return {{Save::input, 0, "the slope is 2 max(x, 0)"}}; }
};

}  // namespace

Tensor squared_relu(const Tensor& x) { return apply(SquaredRelu(), {x}); }

namespace {

std::vector<OpCase> cases(DType t) {
  const auto call = [](In v) { return squared_relu(v[0]); };
  return {case_of("3x5", {case_away_from({0}, {3, 5}, "x", t)}, call), case_of("no elements", {case_input({0}, "x", t)}, call),
          case_of("several grains", {case_away_from({0}, {3, 7000}, "x", t)}, call)};
}
std::vector<OpMisuse> misuses() {
  return {{"integers", [] { squared_relu(Tensor::zeros({2}, DType::i32)); }, ErrorKind::dtype, "needs f32 or f64"}};
}
TAPEDECK_OP(squared_relu, "y = max(x, 0)^2 (So et al. 2021)", cases, misuses);

}  // namespace
}  // namespace tapedeck
