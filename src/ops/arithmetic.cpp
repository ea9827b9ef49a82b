// Sum, difference, product and quotient of two tensors, with the four broadcast patterns on either side.
// The gradient of the operand that was broadcast is summed back to its shape. Next: unary.cpp.
#include "support.h"

namespace tapedeck {
namespace {

/// y = a op b; b has a's shape or is a row, a column or one number against it.
struct Arithmetic final : Op {
  kernels::Binary kind;
  explicit Arithmetic(kernels::Binary k) : kind(k) {}

  std::string_view name() const override {
    constexpr std::string_view names[] = {"add", "sub", "mul", "div"};
    return names[size_t(kind)];
  }
  Specs infer(In x) const override {
    require_defined(name(), "the left operand", x[0]);
    require_defined(name(), "the right operand", x[1]);
    require_floating(name(), x);
    if (!broadcast(x[0].shape(), x[1].shape()))
      shape_error(name(), x, "needs equal shapes, a row [c], a column [...,1] or one number",
                  "bring one to the other's shape with expand()");
    return {{x[0].shape(), x[0].dtype()}};
  }
  void forward(In x, Out y) const override { run(kind, x[0], x[1], y[0], false); }

  /// Products and quotients only: the gradients of a sum are dy itself, which the rule shares without a copy.
  bool backward(In x, In, In dy, Grads dx) const override {
    const bool same = x[0].shape() == x[1].shape();
    if (kind == kernels::Binary::multiply && (same || !dx[1].wanted)) {
      if (dx[0].wanted) run(kind, dy[0], x[1], dx[0].into, dx[0].accumulate);
      if (dx[1].wanted) run(kind, dy[0], x[0], dx[1].into, dx[1].accumulate);
      return true;
    }
    if (kind == kernels::Binary::divide && !dx[1].wanted) {
      run(kind, dy[0], x[1], dx[0].into, dx[0].accumulate);
      return true;
    }
    return false;
  }

  Tensors vjp(In x, In y, In dy, Wanted wanted) const override {
    const Tensor &a = x[0], &b = x[1], &g = dy[0];
    Tensors dx{Tensor(), Tensor()};
    switch (kind) {
      case kernels::Binary::add:
        if (wanted[0]) dx[0] = g;
        if (wanted[1]) dx[1] = sum_to(g, b.shape());
        break;
      case kernels::Binary::subtract:
        if (wanted[0]) dx[0] = g;
        if (wanted[1]) dx[1] = -sum_to(g, b.shape());
        break;
      case kernels::Binary::multiply:
        if (wanted[0]) dx[0] = g * b;
        if (wanted[1]) dx[1] = sum_to(g * a, b.shape());
        break;
      case kernels::Binary::divide:  // d(a/b)/db = -(a/b)/b
        if (wanted[0]) dx[0] = g / b;
        if (wanted[1]) dx[1] = -(sum_to(g * y[0], b.shape()) / b);
        break;
    }
    return dx;
  }

  Saves saves() const override {
    if (kind == kernels::Binary::multiply)
      return {{Save::input, 0, "a factor of the other's gradient"}, {Save::input, 1, "a factor of the other's gradient"}};
    if (kind == kernels::Binary::divide) return {{Save::input, 1, "divides the gradient"}, {Save::output, 0, "da/b is -y/b"}};
    return {};
  }
  Cost cost(In x) const override { return {double(x[0].size()), bytes_moved(x)}; }
  Cost backward_cost(In x, In y, In dy, Asked dx) const override {
    const bool sums = x[0].size() != x[1].size();  // a sum starts at what is there
    const double n = double(x[0].size());
    double flops = added(dx.first(sums ? 1 : 2));
    if (kind == kernels::Binary::multiply) flops += n * (int(dx[0].wanted) + int(dx[1].wanted));
    if (kind == kernels::Binary::divide) flops += n * int(dx[0].wanted) + (n + double(x[1].size())) * int(dx[1].wanted);
    return {flops + (sums && dx[1].wanted ? n : 0), bytes_moved(x, y, dy, dx)};
  }

  static void run(kernels::Binary kind, const Tensor& a, const Tensor& b, const Tensor& y, bool accumulate) {
    const auto how = *broadcast(a.shape(), b.shape());
    dispatch(a.dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().binary(kind, how, a.shape().rows(), a.shape().cols(), a.raw<T>(), b.raw<T>(), y.raw<T>(),
                                        accumulate);
    });
  }
};

/// b is the larger operand. Types are checked here, while the operands still stand in the user's order.
bool turned(std::string_view op, const Tensor& a, const Tensor& b) {
  if (broadcast(a.shape(), b.shape()) || !broadcast(b.shape(), a.shape())) return false;
  require_floating(op, {a, b});
  return true;
}

}  // namespace

Tensor operator+(const Tensor& a, const Tensor& b) {
  const Arithmetic op(kernels::Binary::add);
  return turned("add", a, b) ? apply(op, {b, a}) : apply(op, {a, b});
}
Tensor operator-(const Tensor& a, const Tensor& b) {
  return turned("sub", a, b) ? -b + a : apply(Arithmetic(kernels::Binary::subtract), {a, b});
}
Tensor operator*(const Tensor& a, const Tensor& b) {
  const Arithmetic op(kernels::Binary::multiply);
  return turned("mul", a, b) ? apply(op, {b, a}) : apply(op, {a, b});
}
Tensor operator/(const Tensor& a, const Tensor& b) {
  const Arithmetic op(kernels::Binary::divide);
  return turned("div", a, b) ? apply(op, {expand(a, b.shape()), b}) : apply(op, {a, b});
}

Tensor operator+(const Tensor& a, double b) { return unary(kernels::Unary::add_scalar, a, b); }
Tensor operator-(const Tensor& a, double b) { return unary(kernels::Unary::add_scalar, a, -b); }
Tensor operator*(const Tensor& a, double b) { return unary(kernels::Unary::scale, a, b); }
Tensor operator/(const Tensor& a, double b) { return unary(kernels::Unary::scale, a, 1 / b); }
Tensor operator+(double a, const Tensor& b) { return unary(kernels::Unary::add_scalar, b, a); }
Tensor operator-(double a, const Tensor& b) { return -b + a; }
Tensor operator*(double a, const Tensor& b) { return unary(kernels::Unary::scale, b, a); }
Tensor operator/(double a, const Tensor& b) { return a == 1 ? reciprocal(b) : reciprocal(b) * a; }
Tensor operator-(const Tensor& a) { return unary(kernels::Unary::negate, a); }

// ---- cases -----------------------------------------------------------------------------------------------------------------
namespace {

/// Every broadcast pattern on either side, and one tensor in both places. Divisors stay away from 0.
template <class F>
std::vector<OpCase> arithmetic_table(DType t, F op, bool divides) {
  struct Row {
    const char* name;
    Shape a, b;
  };
  const Row rows[] = {
      {"same 3x5", {3, 5}, {3, 5}},
      {"scalars", {}, {}},
      {"row", {7, 17}, {17}},
      {"column, rank 3", {2, 3, 5}, {2, 3, 1}},
      {"number", {2, 3, 15}, {}},
      {"a row on the left", {17}, {4, 17}},
      {"a column on the left", {5, 1}, {5, 33}},
      {"a number on the left", {1}, {7}},
      {"row with leading 1s", {2, 3, 4}, {1, 4}},
      {"empty", {0, 3}, {3}},
  };
  std::vector<OpCase> cases;
  auto value = [&](const Shape& shape, const char* seed) {
    return divides ? case_uniform(shape, seed, t, 0.5, 2) : case_input(shape, seed, t);
  };
  for (const Row& r : rows)
    cases.push_back(case_of(r.name, {case_input(r.a, "a", t), value(r.b, "b")}, [op](In x) { return op(x[0], x[1]); }));
  cases.push_back(case_of("x with itself", {value({3, 5}, "x")}, [op](In x) { return op(x[0], x[0]); }));
  return cases;
}

template <class F>
std::vector<OpMisuse> wrong(F op) {
  return {
      {"shapes that do not meet",
       [op] {
         op(Tensor::zeros({2, 3}), Tensor::zeros({2, 4}));
       },
       ErrorKind::shape, "[2,3], [2,4]"},
      {"a row of the wrong axis",
       [op] {
         op(Tensor::zeros({2, 3}), Tensor::zeros({2}));
       },
       ErrorKind::shape, "expand"},
      {"mixed types", [op] { op(Tensor::zeros({2}), Tensor::zeros({2}, DType::f64)); }, ErrorKind::dtype, "f32 and f64"},
      {"mixed types, turned",
       [op] {
         op(Tensor::zeros({2}), Tensor::zeros({3, 2}, DType::f64));
       },
       ErrorKind::dtype, "f32 and f64"},
      {"integers", [op] { op(Tensor::zeros({2}, DType::i32), Tensor::zeros({2}, DType::i32)); }, ErrorKind::dtype, "i32"},
      {"undefined", [op] { op(Tensor::zeros({2}), Tensor{}); }, ErrorKind::value, "right operand"},
  };
}

template <int which>
struct Call {
  Tensor operator()(const Tensor& a, const Tensor& b) const {
    if constexpr (which == 0) return a + b;
    if constexpr (which == 1) return a - b;
    if constexpr (which == 2) return a * b;
    if constexpr (which == 3) return a / b;
  }
};
template <int which>
std::vector<OpCase> arithmetic_cases(DType t) {
  auto rows = arithmetic_table(t, Call<which>{}, which == 3);
  if (which == 1)  // a small left operand becomes -b + a: no row named sub
    std::erase_if(rows, [](const OpCase& c) { return c.name.find("on the left") != std::string::npos; });
  return rows;
}
template <int which>
std::vector<OpMisuse> arithmetic_misuses() {
  return wrong(Call<which>{});
}

TAPEDECK_OP(add, "y = a + b; b may be a row, a column or one number (or a may, against b)", arithmetic_cases<0>,
            arithmetic_misuses<0>);
TAPEDECK_OP(sub, "y = a - b; b may be a row, a column or one number (or a may, against b)", arithmetic_cases<1>,
            arithmetic_misuses<1>);
TAPEDECK_OP(mul, "y = a b elementwise; b may be a row, a column or one number (or a may, against b)", arithmetic_cases<2>,
            arithmetic_misuses<2>);
TAPEDECK_OP(div, "y = a / b elementwise; b may be a row, a column or one number (or a may, against b)", arithmetic_cases<3>,
            arithmetic_misuses<3>);

}  // namespace
}  // namespace tapedeck
