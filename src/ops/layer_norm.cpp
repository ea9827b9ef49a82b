// layer_norm: each row to mean 0 and variance 1, then gain and bias (Ba, Kiros, Hinton 2016). Mean and 1/deviation of
// every row are kept for the backward pass. Next: residual_norm.cpp.
#include "packed.h"

namespace tapedeck {
namespace {

struct LayerNorm final : Op {  // in: x[...,c], gain[c], bias[c]; out: y, mean[rows], rstd[rows]
  double epsilon;
  explicit LayerNorm(double epsilon) : epsilon(epsilon) {}

  std::string_view name() const override { return "layer_norm"; }

  Specs infer(In x) const override {
    require_defined(name(), "x", x[0]);
    if (x[0].shape().rank() < 1 || x[0].shape().cols() < 1) shape_error(name(), x, "x needs a last axis to normalise over");
    require_shape(name(), "gain", x[1], {x[0].shape().cols()});
    require_shape(name(), "bias", x[2], {x[0].shape().cols()});
    require_floating(name(), x);
    const Spec per_row{{x[0].shape().rows()}, x[0].dtype()};
    return {{x[0].shape(), x[0].dtype()}, per_row, per_row};
  }

  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().layer_norm(x[0].shape().rows(), x[0].shape().cols(), epsilon, at<T>(x[0]), at<T>(x[1]),
                                            at<T>(x[2]), at<T>(y[0]), at<T>(y[1]), at<T>(y[2]));
    });
  }

  bool backward(In x, In y, In dy, Grads dx) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().layer_norm_backward(x[0].shape().rows(), x[0].shape().cols(), at<T>(x[0]), at<T>(x[1]),
                                                     at<T>(y[1]), at<T>(y[2]), at<T>(dy[0]), target<T>(dx[0]), dx[0].accumulate,
                                                     target<T>(dx[1]), dx[1].accumulate, target<T>(dx[2]), dx[2].accumulate);
    });
    return true;
  }

  Tensors reference(In x) const override {
    const Tensor centred = x[0] - mean(x[0], -1, true);
    const Tensor variance = mean(square(centred), -1, true);
    return {centred * rsqrt(variance + epsilon) * x[1] + x[2]};
  }

  Saves saves() const override {
    return {{Save::input, 0, "normalised rows are recomputed"},
            {Save::input, 1, "dy passes the gain"},
            {Save::output, 1, "mean of each row"},
            {Save::output, 2, "1/deviation of each row"}};
  }
  void attributes(Attributes& a) const override { a("epsilon", epsilon); }
};

std::vector<OpCase> layer_norm_cases(DType t) {
  std::vector<OpCase> rows;
  const auto row = [&](std::string name, Shape x, double epsilon) {
    const int64_t c = x.cols();
    rows.push_back(case_of(std::move(name), {case_input(x, "x", t), case_input({c}, "gain", t), case_input({c}, "bias", t)},
                           [epsilon](In v) { return layer_norm(v[0], v[1], v[2], epsilon); }));
  };
  row("3x5", {3, 5}, 1e-5);
  row("2x2x4", {2, 2, 4}, 1e-12);
  row("one row", {7}, 1e-5);
  row("large epsilon", {3, 4}, 0.5);
  row("one column", {4, 1}, 1e-2);
  row("many rows", {130, 40}, 1e-5);
  row("no rows", {0, 4}, 1e-5);
  return rows;
}

std::vector<OpMisuse> layer_norm_misuses() {
  const Tensor x = Tensor::zeros({2, 3}), three = Tensor::zeros({3});
  return {{"gain of the wrong size", [=] { layer_norm(x, Tensor::zeros({2}), three); }, ErrorKind::shape,
           "gain has shape [2]; needs [3]"},
          {"bias of the wrong rank",
           [=] {
             layer_norm(x, three, Tensor::zeros({1, 3}));
           },
           ErrorKind::shape, "bias has shape [1,3]"},
          {"a number", [=] { layer_norm(Tensor::scalar(1), three, three); }, ErrorKind::shape, "last axis"},
          {"mixed dtypes", [=] { layer_norm(x.to(DType::f64), three, three); }, ErrorKind::dtype, "f64"}};
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& gain, const Tensor& bias, double epsilon) {
  return apply(LayerNorm(epsilon), {x, gain, bias});
}

TAPEDECK_OP(layer_norm, "y = (x - mean) / sqrt(variance + epsilon) * gain + bias over the last axis", layer_norm_cases,
            layer_norm_misuses);

}  // namespace tapedeck
