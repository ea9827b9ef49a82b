// softmax, log_softmax and logsumexp over the last axis, each shifted by the row's maximum so that nothing overflows;
// an entry of -inf has probability 0. Their rules are written in each other. Next: select.cpp.
#include "support.h"

namespace tapedeck {
namespace {

void require_row(std::string_view op, In x) {
  require_defined(op, "x", x[0]);
  require_floating(op, x);
  if (x[0].shape().rank() == 0) shape_error(op, x, "needs one axis or more", "reshape it to [1]");
}
/// Flops of rows that take `each` per entry and `once` per row.
double row_flops(const Tensor& x, double each, double once) {
  return x.size() == 0 ? 0 : each * double(x.size()) + once * double(x.shape().rows());
}

struct Softmax final : Op {
  std::string_view name() const override { return "softmax"; }
  Specs infer(In x) const override {
    require_row("softmax", x);
    return {{x[0].shape(), x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    const Shape& s = x[0].shape();
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().softmax(s.rows(), s.cols(), x[0].raw<T>(), y[0].raw<T>());
    });
  }
  bool backward(In x, In y, In dy, Grads dx) const override {
    const Shape& s = x[0].shape();
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().softmax_backward(s.rows(), s.cols(), y[0].raw<T>(), dy[0].raw<T>(), dx[0].into.raw<T>(),
                                                  dx[0].accumulate);
    });
    return true;
  }
  /// dx = y (dy - sum_c dy y)
  Tensors vjp(In, In y, In dy, Wanted) const override {
    const Tensor g = dy[0] * y[0];
    return {g - y[0] * sum(g, -1, true)};
  }
  Saves saves() const override { return {{Save::output, 0, "the derivative is a function of y"}}; }
  Cost cost(In x) const override { return {row_flops(x[0], 4, 1), bytes_moved(x)}; }
};

struct LogSoftmax final : Op {
  std::string_view name() const override { return "log_softmax"; }
  Specs infer(In x) const override {
    require_row("log_softmax", x);
    return {{x[0].shape(), x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    const Shape& s = x[0].shape();
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().log_softmax(s.rows(), s.cols(), x[0].raw<T>(), y[0].raw<T>());
    });
  }
  bool backward(In x, In y, In dy, Grads dx) const override {
    const Shape& s = x[0].shape();
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().log_softmax_backward(s.rows(), s.cols(), y[0].raw<T>(), dy[0].raw<T>(), dx[0].into.raw<T>(),
                                                      dx[0].accumulate);
    });
    return true;
  }
  /// dx = dy - softmax(x) sum_c dy
  Tensors vjp(In, In y, In dy, Wanted) const override { return {dy[0] - exp(y[0]) * sum(dy[0], -1, true)}; }
  Saves saves() const override { return {{Save::output, 0, "exp(y) is the softmax"}}; }
  Cost cost(In x) const override { return {row_flops(x[0], 5, 1), bytes_moved(x)}; }
  static constexpr bool may_be_infinite = true;  // an entry of -inf stays -inf
};

/// [..., cols] -> [...]
struct LogSumExp final : Op {
  std::string_view name() const override { return "logsumexp"; }
  Specs infer(In x) const override {
    require_row("logsumexp", x);
    const Shape& s = x[0].shape();
    if (s.cols() == 0) shape_error("logsumexp", x, "there is nothing to add up");
    return {{s.without(s.rank() - 1), x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    const Shape& s = x[0].shape();
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().logsumexp(s.rows(), s.cols(), x[0].raw<T>(), y[0].raw<T>());
    });
  }
  /// dx = softmax(x) dy. Not exp(x - y) dy: at x = 10^4 the rounding of y alone costs f32 four digits.
  Tensors vjp(In x, In, In dy, Wanted) const override {
    const Shape& s = x[0].shape();
    return {softmax(x[0]) * reshape(dy[0], s.with(s.rank() - 1, 1))};
  }
  Saves saves() const override { return {{Save::input, 0, "the derivative is softmax(x)"}}; }
  Cost cost(In x) const override { return {row_flops(x[0], 3, 2), bytes_moved(x)}; }
  static constexpr bool may_be_infinite = true;  // of a row that is -inf throughout
};

}  // namespace

Tensor softmax(const Tensor& x) { return apply(Softmax{}, {x}); }
Tensor log_softmax(const Tensor& x) { return apply(LogSoftmax{}, {x}); }

Tensor logsumexp(const Tensor& x, int axis, bool keep) {
  const int at = require_axis("logsumexp", x, axis);
  const Tensor y = apply(LogSumExp{}, {axis_last(x, at)});
  return keep ? reshape(y, x.shape().with(at, 1)) : y;
}

// ---- cases -----------------------------------------------------------------------------------------------------------------
namespace {

template <Tensor (*f)(const Tensor&)>
std::vector<OpCase> row_cases(DType t) {
  std::vector<OpCase> cases;
  for (const Shape& s : {Shape{1}, Shape{7}, Shape{3, 15}, Shape{5, 17}, Shape{2, 3, 33}, Shape{4, 1}, Shape{0, 3}})
    cases.push_back(case_of(s.str(), {case_input(s, "x", t)}, [](In x) { return f(x[0]); }));
  cases.push_back(case_of("spread out", {case_uniform({3, 7}, "wide", t, -20, 20)}, [](In x) { return f(x[0]); }));
  return cases;
}
template <Tensor (*f)(const Tensor&)>
std::vector<OpMisuse> row_misuses() {
  return {
      {"a scalar", [] { f(Tensor::zeros({})); }, ErrorKind::shape, "one axis or more"},
      {"integers", [] { f(Tensor::zeros({2}, DType::i32)); }, ErrorKind::dtype, "i32"},
      {"undefined", [] { f(Tensor{}); }, ErrorKind::value, "undefined"},
  };
}

std::vector<OpCase> logsumexp_cases(DType t) {
  struct Row {
    const char* name;
    Shape shape;
    int axis;
    bool keep;
  };
  const Row rows[] = {
      {"vector", {15}, 0, false},         {"columns of 5x17", {5, 17}, -1, false},   {"kept", {3, 33}, 1, true},
      {"rows of 7x3", {7, 3}, 0, false},  {"middle axis, kept", {2, 5, 3}, 1, true}, {"axis of size 1", {4, 1}, 1, false},
      {"rank 4", {1, 2, 3, 7}, 2, false}, {"empty result", {0, 3}, 1, false},
  };
  std::vector<OpCase> cases;
  for (const Row& r : rows)
    cases.push_back(case_of(r.name, {case_input(r.shape, "x", t)},
                            [axis = r.axis, keep = r.keep](In x) { return logsumexp(x[0], axis, keep); }));
  return cases;
}
std::vector<OpMisuse> logsumexp_misuses() {
  return {
      {"axis",
       [] {
         logsumexp(Tensor::zeros({2, 3}), 2);
       },
       ErrorKind::shape, "axis 2"},
      {"empty axis",
       [] {
         logsumexp(Tensor::zeros({2, 0}), 1);
       },
       ErrorKind::shape, "nothing to add up"},
      {"integers", [] { logsumexp(Tensor::zeros({2}, DType::i32), 0); }, ErrorKind::dtype, "i32"},
  };
}

TAPEDECK_OP(softmax, "y = e^x / sum_c e^x_c over the last axis", row_cases<softmax>, row_misuses<softmax>);
TAPEDECK_OP(log_softmax, "y = x - ln sum_c e^x_c over the last axis", row_cases<log_softmax>, row_misuses<log_softmax>);
TAPEDECK_OP(logsumexp, "y = ln sum_c e^x_c over an axis; -inf entries add nothing", logsumexp_cases, logsumexp_misuses);

}  // namespace
}  // namespace tapedeck
