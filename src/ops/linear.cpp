// linear: act(x w^T + bias) in one GEMM with an epilogue. The backward pass turns dy into the gradient before the
// activation once, and makes two GEMMs and a column sum of it.
#include <tapedeck/tensor/machine.h>

#include "packed.h"

namespace tapedeck {
namespace {

struct ActivationRow {
  kernels::Activation epilogue;
  kernels::Unary unary;
  const char* name;
  bool by_output;
};
/// by_output: the derivative needs act(z) only, so z is not kept.
constexpr ActivationRow activations[] = {
    {kernels::Activation::none, kernels::Unary::count, "none", true},
    {kernels::Activation::relu, kernels::Unary::relu, "relu", true},
    {kernels::Activation::gelu_erf, kernels::Unary::gelu, "gelu", false},
    {kernels::Activation::gelu_tanh, kernels::Unary::gelu_tanh, "gelu_tanh", false},
    {kernels::Activation::silu, kernels::Unary::silu, "silu", false},
    {kernels::Activation::tanh, kernels::Unary::tanh, "tanh", true},
};

/// The product with operands as they are, or rounded to bf16 (runtime.precision).
template <class T>
void multiply(const kernels::Gemm& g, const Tensor& a, const Tensor& b, const Tensor& c,
              const kernels::Epilogue<T>* after = nullptr) {
  const auto& table = kernels::kernel_table<T>();
  const auto product = multiplies_bf16() && table.gemm_bf16 ? table.gemm_bf16 : table.gemm;
  product(g, at<T>(a), at<T>(b), at<T>(c), after);
}

struct LinearOp final : Op {  // in: x[...,k], w[n,k], bias[n] if any; out: y[...,n], z = x w^T + bias if kept
  Activation act;
  bool has_bias;
  LinearOp(Activation act, bool has_bias) : act(act), has_bias(has_bias) {}

  const ActivationRow& activation() const { return activations[size_t(act)]; }
  std::string_view name() const override { return "linear"; }

  Specs infer(In x) const override {
    require_defined(name(), "x", x[0]);
    require_rank(name(), "w", x[1], 2);
    require_floating(name(), x);
    const int64_t n = x[1].shape()[0], k = x[1].shape()[1];
    if (x[0].shape().rank() < 1 || x[0].shape().cols() != k)
      shape_error(name(), x, text("w takes ", k, " columns and x has ", x[0].shape().rank() < 1 ? 0 : x[0].shape().cols()));
    if (has_bias) require_shape(name(), "bias", x[2], {n});
    const Spec y{x[0].shape().with(x[0].shape().rank() - 1, n), x[0].dtype()};
    return activation().by_output ? Specs{y} : Specs{y, y};
  }

  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      const kernels::Gemm g{x[0].shape().rows(), x[1].shape()[0], x[1].shape()[1], false, true, false};
      const kernels::Epilogue<T> after{has_bias ? at<T>(x[2]) : nullptr, activation().epilogue,
                                       activation().by_output ? nullptr : at<T>(y[1])};
      multiply<T>(g, x[0], x[1], y[0], has_bias || act != Activation::none ? &after : nullptr);
    });
  }

  bool backward(In x, In y, In dy, Grads dx) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      const auto& table = kernels::kernel_table<T>();
      const int64_t m = x[0].shape().rows(), n = x[1].shape()[0], k = x[1].shape()[1];
      const bool in_place = dy[0].unique();  // then nobody reads dy again
      const Tensor dz = act == Activation::none || in_place ? dy[0] : Tensor::empty(dy[0].shape(), dy[0].dtype());
      if (act != Activation::none) {
        const Tensor& z = activation().by_output ? y[0] : y[1];
        table.unary_backward(activation().unary, 0, 0, m * n, at<T>(z), at<T>(y[0]), at<T>(dy[0]), at<T>(dz), false);
      }
      if (dx[0].wanted) multiply<T>({m, k, n, false, false, dx[0].accumulate}, dz, x[1], dx[0].into);
      if (dx[1].wanted) multiply<T>({n, k, m, true, false, dx[1].accumulate}, dz, x[0], dx[1].into);
      if (has_bias && dx[2].wanted) table.reduce(kernels::Reduce::sum, 1, m, n, at<T>(dz), at<T>(dx[2].into), dx[2].accumulate);
    });
    return true;
  }

  Tensors reference(In x) const override {
    Tensor z = matmul(reshape(x[0], {x[0].shape().rows(), x[0].shape().cols()}), x[1], false, true);
    if (has_bias) z = z + x[2];
    z = reshape(z, x[0].shape().with(x[0].shape().rank() - 1, x[1].shape()[0]));
    switch (act) {
      case Activation::none:
        return {z};
      case Activation::relu:
        return {relu(z)};
      case Activation::gelu:
        return {gelu(z)};
      case Activation::gelu_tanh:
        return {gelu_tanh(z)};
      case Activation::silu:
        return {silu(z)};
      case Activation::tanh:
        return {tanh(z)};
    }
    return {};
  }

  Saves saves() const override {
    Saves s{{Save::input, 0, "dw = dz^T x"}, {Save::input, 1, "dx = dz w"}};
    if (act != Activation::none && activation().by_output) s.push_back({Save::output, 0, "act' is short in act(z)"});
    if (!activation().by_output) s.push_back({Save::output, 1, "dz = dy act'(z); act(z) is recomputed from it"});
    return s;
  }
  uint32_t recomputes() const override { return activation().by_output ? 0 : 1; }
  bool recompute(In, Out y, size_t) const override {
    dispatch(y[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().unary(activation().unary, 0, 0, y[0].size(), at<T>(y[1]), at<T>(y[0]));
    });
    return true;
  }
  Cost recompute_cost(In, In y, size_t) const override {
    return {double(y[0].size()) * unary_flops(activation().unary), bytes_of(y[0]) + bytes_of(y[1])};
  }
  void attributes(Attributes& a) const override { a("act", activation().name)("bias", has_bias); }
};

std::vector<OpCase> linear_cases(DType t) {
  std::vector<OpCase> rows;
  const auto row = [&](std::string name, Shape x, int64_t n, Activation act, bool bias) {
    std::vector<Tensor> in{case_input(x, "x", t), case_input({n, x.cols()}, "w", t)};
    if (bias) in.push_back(case_input({n}, "bias", t));
    rows.push_back(case_of(std::move(name), in, [act](In v) { return linear(v[0], v[1], v.size() > 2 ? v[2] : Tensor{}, act); }));
  };
  row("3x4 -> 5, bias", {3, 4}, 5, Activation::none, true);
  row("2x3x4 -> 2, no bias", {2, 3, 4}, 2, Activation::none, false);
  row("vector of 4 -> 3", {4}, 3, Activation::none, true);
  row("relu", {3, 4}, 5, Activation::relu, true);
  row("gelu", {3, 4}, 5, Activation::gelu, true);
  row("gelu_tanh, no bias", {2, 4}, 3, Activation::gelu_tanh, false);
  row("silu", {3, 4}, 2, Activation::silu, true);
  row("tanh", {3, 4}, 5, Activation::tanh, true);
  row("gelu, many rows", {150, 24}, 40, Activation::gelu, true);
  row("no rows", {0, 3}, 2, Activation::gelu, true);
  return rows;
}

std::vector<OpMisuse> linear_misuses() {
  const Tensor x = Tensor::zeros({2, 3});
  return {{"inner sizes differ",
           [=] {
             linear(x, Tensor::zeros({4, 5}));
           },
           ErrorKind::shape, "w takes 5 columns and x has 3"},
          {"w is a vector", [=] { linear(x, Tensor::zeros({3})); }, ErrorKind::shape, "rank 2"},
          {"bias of the wrong size",
           [=] {
             linear(x, Tensor::zeros({4, 3}), Tensor::zeros({3}));
           },
           ErrorKind::shape, "needs [4]"},
          {"mixed dtypes",
           [=] {
             linear(x, Tensor::zeros({4, 3}, DType::f64));
           },
           ErrorKind::dtype, "f64"},
          {"integers",
           [=] {
             linear(Tensor::zeros({2, 3}, DType::i32), Tensor::zeros({4, 3}));
           },
           ErrorKind::dtype, "i32"}};
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, Activation act) {
  const LinearOp op(act, bool(bias));
  return bias ? apply(op, {x, w, bias}) : apply(op, {x, w});
}

TAPEDECK_OP(linear, "y = act(x w^T + bias)", linear_cases, linear_misuses);

}  // namespace tapedeck
