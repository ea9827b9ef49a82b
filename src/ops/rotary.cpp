// rotary: positions as rotations of column pairs (RoFormer, Su et al. 2021). A rotation's transpose is its inverse, so the
// rule is the op itself.
#include "kernels/own.h"
#include "packed.h"

namespace tapedeck {
namespace {

/// kernels/rotary.cpp
template <class T>
using RotaryKernel = void(int64_t rows, int64_t stride, int64_t columns, int64_t head_dim, double base, bool inverse,
                          const int32_t* position, const T* x, T* y, bool accumulate);

struct Rotary final : Op {  // in: x[T,s], positions i32 [T]; out: [T,s]
  int64_t columns, head_dim;
  double base;
  bool inverse;
  Rotary(int64_t columns, int64_t head_dim, double base, bool inverse)
      : columns(columns), head_dim(head_dim), base(base), inverse(inverse) {}

  std::string_view name() const override { return "rotary"; }

  Specs infer(In x) const override {
    require_rank(name(), "x", x[0], 2);
    require_floating(name(), {x[0]});
    require_dtype(name(), "positions", x[1], DType::i32);
    require_shape(name(), "positions", x[1], {x[0].shape()[0]});
    if (head_dim < 2 || head_dim % 2)
      throw Error(ErrorKind::value, text(name(), ": head_dim is ", head_dim, "; columns rotate in pairs, so it must be even"));
    if (columns < 0 || columns > x[0].shape()[1] || columns % head_dim)
      shape_error(name(), x, text("columns is ", columns, "; needs a multiple of head_dim ", head_dim, " within the row"));
    if (!(base > 0)) throw Error(ErrorKind::value, text(name(), ": base is ", base, "; needs a positive number"));
    return {{x[0].shape(), x[0].dtype()}};
  }

  void rotate(bool back, const Tensor& positions, const Tensor& from, const Tensor& to, bool accumulate) const {
    dispatch(from.dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel<RotaryKernel<T>>("rotary")(from.shape()[0], from.shape()[1], columns, head_dim, base, back,
                                                 positions.raw<int32_t>(), at<T>(from), at<T>(to), accumulate);
    });
  }
  void forward(In x, Out y) const override { rotate(inverse, x[1], x[0], y[0], false); }
  bool backward(In x, In, In dy, Grads dx) const override {
    rotate(!inverse, x[1], dy[0], dx[0].into, dx[0].accumulate);
    return true;
  }
  Tensors vjp(In x, In, In dy, Wanted) const override {
    return {apply(Rotary(columns, head_dim, base, !inverse), {dy[0], x[1]}), Tensor{}};
  }

  Saves saves() const override { return {{Save::input, 1, "angles of the inverse rotation"}}; }
  /// Frequencies once, an angle with its sine and cosine per row and pair of a head, four products and two sums per pair.
  Cost cost(In x) const override {
    const double rows = double(x[0].shape()[0]), half = double(head_dim / 2);
    return {3 * half + rows * 3 * half + rows * 3 * double(columns), bytes_moved(x)};
  }
  void attributes(Attributes& a) const override { a("columns", columns)("head_dim", head_dim)("base", base)("inverse", inverse); }
};

std::vector<OpCase> rotary_cases(DType t) {
  std::vector<OpCase> rows;
  const auto row = [&](std::string name, Shape x, int64_t columns, int64_t head_dim, double base, bool inverse) {
    rows.push_back(case_of(std::move(name), {case_input(x, "x", t), case_indices(x[0], 40, "positions")},
                           [=](In v) { return rotary(v[0], v[1], columns, head_dim, base, inverse); }));
  };
  row("3x4, one head", {3, 4}, 4, 4, 10000, false);
  row("two of three column groups", {4, 6}, 4, 2, 10000, false);
  row("inverse, base 100", {3, 8}, 8, 4, 100, true);
  row("no columns", {2, 4}, 0, 2, 10000, false);
  row("many rows", {90, 48}, 32, 16, 10000, false);
  row("no rows", {0, 4}, 4, 2, 10000, false);
  return rows;
}

std::vector<OpMisuse> rotary_misuses() {
  const Tensor x = Tensor::zeros({2, 6}), positions = Tensor::zeros({2}, DType::i32);
  return {{"odd head", [=] { rotary(x, positions, 6, 3); }, ErrorKind::value, "must be even"},
          {"more columns than there are", [=] { rotary(x, positions, 8, 2); }, ErrorKind::shape, "columns is 8"},
          {"a head cut in two", [=] { rotary(x, positions, 6, 4); }, ErrorKind::shape, "multiple of head_dim 4"},
          {"one position short", [=] { rotary(x, Tensor::zeros({1}, DType::i32), 6, 2); }, ErrorKind::shape, "needs [2]"},
          {"floating positions", [=] { rotary(x, Tensor::zeros({2}), 6, 2); }, ErrorKind::dtype, "needs i32"},
          {"base 0", [=] { rotary(x, positions, 6, 2, 0); }, ErrorKind::value, "positive"}};
}

}  // namespace

Tensor rotary(const Tensor& x, const Tensor& positions, int64_t columns, int64_t head_dim, double base, bool inverse) {
  return apply(Rotary(columns, head_dim, base, inverse), {x, positions});
}

TAPEDECK_OP(rotary, "each pair (i, i + head_dim/2) of a head turns by position base^(-2i/head_dim)", rotary_cases,
            rotary_misuses);

}  // namespace tapedeck
