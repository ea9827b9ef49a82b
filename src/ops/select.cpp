// The largest entry of each row and where it stands. max keeps the position it chose, so its gradient goes to the first
// maximum and to nothing else; other axes are moved to the end first. Next: dropout.cpp.
#include "support.h"

namespace tapedeck {
namespace {

void require_choice(std::string_view op, In x, int axis) {
  require_floating(op, x);
  if (x[0].shape()[axis] == 0) shape_error(op, x, text("axis ", axis, " is empty, so nothing is largest"));
}

/// Position of the first maximum along an axis: floating [..., axis, ...] -> i32 [...].
struct ArgMax final : Op {
  static constexpr bool differentiable = false;
  int axis;
  explicit ArgMax(int axis) : axis(axis) {}

  std::string_view name() const override { return "argmax"; }
  Specs infer(In x) const override {
    require_choice("argmax", x, axis);
    return {{x[0].shape().without(axis), DType::i32}};
  }
  void forward(In x, Out y) const override {
    const Around v = around(x[0].shape(), axis);
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().argmax(v.outer, v.axis, v.inner, x[0].raw<T>(), y[0].raw<int32_t>());
    });
  }
  Saves saves() const override { return {}; }
  void attributes(Attributes& list) const override { list("axis", axis); }
};

/// Over the last axis: [..., cols] -> the maxima [...] and their columns i32 [...].
struct Max final : Op {
  std::string_view name() const override { return "max"; }
  Specs infer(In x) const override {
    const Shape& s = x[0].shape();
    require_choice("max", x, s.rank() - 1);
    return {{s.without(s.rank() - 1), x[0].dtype()}, {s.without(s.rank() - 1), DType::i32}};
  }
  void forward(In x, Out y) const override {
    const Shape& s = x[0].shape();
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      const auto& table = kernels::kernel_table<T>();
      table.argmax(s.rows(), s.cols(), 1, x[0].raw<T>(), y[1].raw<int32_t>());
      table.pick(s.rows(), s.cols(), y[1].raw<int32_t>(), x[0].raw<T>(), y[0].raw<T>());
    });
  }
  bool backward(In x, In y, In dy, Grads dx) const override {
    const Shape& s = x[0].shape();
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().pick_backward(s.rows(), s.cols(), y[1].raw<int32_t>(), dy[0].raw<T>(), dx[0].into.raw<T>(),
                                               dx[0].accumulate);
    });
    return true;
  }
  Tensors vjp(In x, In y, In dy, Wanted) const override {
    const Shape &s = x[0].shape(), rows{s.rows()};
    return {reshape(pick_transposed(reshape(dy[0], rows), y[1].view(rows), s.cols()), s)};
  }
  Saves saves() const override { return {{Save::output, 1, "says which entry was the largest"}}; }
  Cost backward_cost(In, In y, In dy, Asked dx) const override { return cost_of_placing(y[1], dy[0], dx[0]); }
};

}  // namespace

Tensor argmax(const Tensor& x, int axis) { return apply(ArgMax(require_axis("argmax", x, axis)), {x}); }

Tensor max(const Tensor& x, int axis, bool keep) {
  const int at = require_axis("max", x, axis);
  if (x.shape()[at] == 0) shape_error("max", In(&x, 1), text("axis ", at, " is empty, so nothing is largest"));
  const Tensor y = apply(Max{}, {axis_last(x, at)});
  return keep ? reshape(y, x.shape().with(at, 1)) : y;
}

// ---- cases -----------------------------------------------------------------------------------------------------------------
namespace {

struct ExtremumRow {
  const char* name;
  Shape shape;
  int axis;
  bool keep;
};
const ExtremumRow extremum_rows[] = {
    {"vector", {15}, 0, false},         {"columns of 5x17", {5, 17}, -1, false},   {"kept", {3, 33}, 1, true},
    {"rows of 7x3", {7, 3}, 0, false},  {"middle axis, kept", {2, 5, 3}, 1, true}, {"axis of size 1", {4, 1}, 1, false},
    {"rank 4", {1, 2, 3, 7}, 2, false}, {"empty result", {0, 3}, 1, false},
};

/// A shuffle of 0, 1/4, 1/2, ...: no two entries are close, so the choice does not depend on the last bit.
Tensor distinct(const Shape& shape, DType t) {
  Tensor x = Tensor::empty(shape, DType::f64);
  const auto order = random_permutation(root_key(24), x.size());
  for (int64_t i = 0; i < x.size(); ++i) x.raw<double>()[i] = 0.25 * double(order[size_t(i)]) - 1;
  return x.to(t);
}

std::vector<OpCase> max_cases(DType t) {
  std::vector<OpCase> cases;
  for (const ExtremumRow& r : extremum_rows)
    cases.push_back(
        case_of(r.name, {distinct(r.shape, t)}, [axis = r.axis, keep = r.keep](In x) { return max(x[0], axis, keep); }));
  return cases;
}
std::vector<OpCase> argmax_cases(DType t) {
  std::vector<OpCase> cases;
  for (const ExtremumRow& r : extremum_rows)
    cases.push_back(case_of(r.name, {distinct(r.shape, t)}, [axis = r.axis](In x) { return argmax(x[0], axis); }));
  return cases;
}

template <class F>
std::vector<OpMisuse> extremum_misuses(F f) {
  return {
      {"axis",
       [f] {
         f(Tensor::zeros({2, 3}), 2);
       },
       ErrorKind::shape, "axis 2"},
      {"empty axis",
       [f] {
         f(Tensor::zeros({2, 0}), 1);
       },
       ErrorKind::shape, "axis 1 is empty"},
      {"empty first axis",
       [f] {
         f(Tensor::zeros({0, 2}), 0);
       },
       ErrorKind::shape, "axis 0 is empty"},
      {"integers", [f] { f(Tensor::zeros({2}, DType::i32), 0); }, ErrorKind::dtype, "i32"},
      {"undefined", [f] { f(Tensor{}, 0); }, ErrorKind::value, "undefined"},
  };
}
std::vector<OpMisuse> max_misuses() {
  return extremum_misuses([](const Tensor& x, int axis) { return max(x, axis); });
}
std::vector<OpMisuse> argmax_misuses() {
  return extremum_misuses([](const Tensor& x, int axis) { return argmax(x, axis); });
}

TAPEDECK_OP(max, "y = the largest entry along an axis; the gradient goes to the first maximum", max_cases, max_misuses);
TAPEDECK_OP(argmax, "position of the first maximum along an axis; not differentiable", argmax_cases, argmax_misuses);

}  // namespace
}  // namespace tapedeck
