// residual_norm: the seam of a transformer block, residual + dropout(x) and its layer norm, in one pass over the rows.
// The dropout mask is drawn again in the backward pass; only the sum is kept.
#include "packed.h"

namespace tapedeck {
namespace {

struct ResidualNormOp final : Op {  // in: x[...,c], residual, gain[c], bias[c]; out: sum, norm, mean[rows], rstd[rows]
  double epsilon;
  DropoutSpec dropout;
  ResidualNormOp(double epsilon, DropoutSpec dropout) : epsilon(epsilon), dropout(dropout) {}

  std::string_view name() const override { return "residual_norm"; }

  Specs infer(In x) const override {
    require_defined(name(), "x", x[0]);
    require_shape(name(), "residual", x[1], x[0].shape());
    if (x[0].shape().rank() < 1 || x[0].shape().cols() < 1) shape_error(name(), x, "x needs a last axis to normalise over");
    require_shape(name(), "gain", x[2], {x[0].shape().cols()});
    require_shape(name(), "bias", x[3], {x[0].shape().cols()});
    require_floating(name(), x);
    require_dropout(name(), dropout);
    const Spec like_x{x[0].shape(), x[0].dtype()}, per_row{{x[0].shape().rows()}, x[0].dtype()};
    return {like_x, like_x, per_row, per_row};
  }

  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().residual_norm(x[0].shape().rows(), x[0].shape().cols(), epsilon, kernel_dropout(dropout),
                                               at<T>(x[0]), at<T>(x[1]), at<T>(x[2]), at<T>(x[3]), at<T>(y[0]), at<T>(y[1]),
                                               at<T>(y[2]), at<T>(y[3]));
    });
  }

  bool backward(In x, In y, In dy, Grads dx) const override {
    if (!dy[1]) {
      sum_only(dy[0], dx);
      return true;
    }
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().residual_norm_backward(
          y[0].shape().rows(), y[0].shape().cols(), kernel_dropout(dropout), at<T>(y[0]), at<T>(x[2]), at<T>(y[2]), at<T>(y[3]),
          at<T>(dy[1]), at<T>(dy[0]), target<T>(dx[0]), dx[0].accumulate, target<T>(dx[1]), dx[1].accumulate, target<T>(dx[2]),
          dx[2].accumulate, target<T>(dx[3]), dx[3].accumulate);
    });
    return true;
  }

  /// Nobody used the norm: its parameters get nothing and the sum hands its gradient to both sides.
  void sum_only(const Tensor& dsum, Grads dx) const {
    if (dx[0].wanted)
      dispatch(dsum.dtype(), [&](auto tag) {
        using T = decltype(tag);
        kernels::kernel_table<T>().dropout(dsum.size(), kernel_dropout(dropout), at<T>(dsum), at<T>(dx[0].into),
                                           dx[0].accumulate);
      });
    if (dx[1].wanted) add_or_copy(dsum, dx[1]);
    for (size_t k : {2, 3})
      if (dx[k].wanted && !dx[k].accumulate) fill_zero(dx[k].into);
  }

  Tensors reference(In x) const override {
    const Tensor sum = x[1] + tapedeck::dropout(x[0], dropout.p, dropout.key, dropout.first);
    return {sum, layer_norm(sum, x[2], x[3], epsilon)};
  }

  Saves saves() const override {
    return {{Save::output, 0, "normalised rows are recomputed from the sum"},
            {Save::input, 2, "dy passes the gain"},
            {Save::input, 3, "the norm is recomputed from the sum with it"},
            {Save::output, 2, "mean of each row"},
            {Save::output, 3, "1/deviation of each row"}};
  }
  uint32_t recomputes() const override { return 0b10; }
  bool recompute(In x, Out y, size_t) const override {
    if (!x[2].has_data() || !x[3].has_data()) return false;
    dispatch(y[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().layer_norm(y[0].shape().rows(), y[0].shape().cols(), epsilon, at<T>(y[0]), at<T>(x[2]),
                                            at<T>(x[3]), at<T>(y[1]), at<T>(y[2]), at<T>(y[3]));
    });
    return true;
  }
  Cost recompute_cost(In x, In y, size_t) const override {
    return {cost(x).flops - double(y[0].size()) * (dropout.p > 0 ? 2 : 1),  // the sum is there
            2 * bytes_of(y[0]) + bytes_of(y[2]) + bytes_of(y[3]) + bytes_of(x[2]) + bytes_of(x[3])};
  }
  void attributes(Attributes& a) const override {
    a("epsilon", epsilon);
    attributes_of(dropout, a);
  }
};

std::vector<OpCase> residual_norm_cases(DType t) {
  std::vector<OpCase> rows;
  enum Used { both, norm_only, sum_only };
  const auto row = [&](std::string name, Shape x, double p, Used used) {
    const int64_t c = x.cols();
    const DropoutSpec dropout{p, root_key(3) / "residual", 5};
    rows.push_back({std::move(name),
                    {case_input(x, "x", t), case_input(x, "residual", t), case_input({c}, "gain", t), case_input({c}, "bias", t)},
                    [=](In v) {
                      const auto [sum, norm] = residual_norm(v[0], v[1], v[2], v[3], 1e-5, dropout);
                      return used == both ? Tensors{sum, norm} : used == norm_only ? Tensors{norm} : Tensors{sum};
                    },
                    {},
                    1});
  };
  row("3x5, both outputs", {3, 5}, 0, both);
  row("post-norm: norm only", {3, 5}, 0, norm_only);
  row("sum only, dropout", {3, 5}, 0.3, sum_only);
  row("dropout 0.4, both", {2, 2, 6}, 0.4, both);
  row("dropout 0.1, norm only", {4, 6}, 0.1, norm_only);
  row("many rows, dropout", {130, 40}, 0.1, both);
  row("no rows", {0, 4}, 0.1, both);
  return rows;
}

std::vector<OpMisuse> residual_norm_misuses() {
  const Tensor x = Tensor::zeros({2, 3}), three = Tensor::zeros({3});
  return {{"residual of another shape",
           [=] {
             residual_norm(x, Tensor::zeros({3, 2}), three, three, 1e-5);
           },
           ErrorKind::shape, "needs [2,3]"},
          {"gain of the wrong size", [=] { residual_norm(x, x, Tensor::zeros({2}), three, 1e-5); }, ErrorKind::shape,
           "gain has shape [2]"},
          {"dropout of 1",
           [=] {
             residual_norm(x, x, three, three, 1e-5, {1.0, {}, 0});
           },
           ErrorKind::value, "outside [0, 1)"},
          {"mixed dtypes", [=] { residual_norm(x, x.to(DType::f64), three, three, 1e-5); }, ErrorKind::dtype, "f64"}};
}

}  // namespace

ResidualNorm residual_norm(const Tensor& x, const Tensor& residual, const Tensor& gain, const Tensor& bias, double epsilon,
                           DropoutSpec dropout) {
  const Tensor in[] = {x, residual, gain, bias};
  const Tensors y = apply_all(ResidualNormOp(epsilon, dropout), in);
  return {y[0], y[1]};
}

TAPEDECK_OP(residual_norm, "sum = residual + dropout(x); norm = layer_norm(sum)", residual_norm_cases, residual_norm_misuses);

}  // namespace tapedeck
