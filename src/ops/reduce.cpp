// Sums and means over one axis or over everything; the gradient is spread back. norm is made of them.
// Maxima are in select.cpp, logsumexp in softmax.cpp. Next: shape.cpp.
#include "support.h"

namespace tapedeck {
namespace {

struct Reduce final : Op {
  kernels::Reduce kind;
  bool everything;
  int axis;
  bool keep;
  Reduce(kernels::Reduce kind, bool everything, int axis, bool keep)
      : kind(kind), everything(everything), axis(axis), keep(keep) {}

  std::string_view name() const override { return kind == kernels::Reduce::sum ? "sum" : "mean"; }
  Specs infer(In x) const override {
    require_defined(name(), "x", x[0]);
    require_floating(name(), x);
    const Shape& shape = x[0].shape();
    const int at = everything ? 0 : require_axis(name(), x[0], axis);
    if (kind == kernels::Reduce::mean && view(shape).axis == 0)
      shape_error(name(), x, "there is nothing to average", "an empty batch has no mean: leave it out");
    return {{everything ? Shape{} : keep ? shape.with(at, 1) : shape.without(at), x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    const Around v = view(x[0].shape());
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().reduce(kind, v.outer, v.axis, v.inner, x[0].raw<T>(), y[0].raw<T>(), false);
    });
  }
  bool backward(In x, In, In dy, Grads dx) const override {
    const Around v = view(x[0].shape());
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().spread(v.outer, v.axis, v.inner, factor(v), dy[0].raw<T>(), dx[0].into.raw<T>(),
                                        dx[0].accumulate);
    });
    return true;
  }
  Tensors vjp(In x, In, In dy, Wanted) const override {
    const Shape& shape = x[0].shape();
    const Around v = view(shape);
    Tensor g = kind == kernels::Reduce::mean ? dy[0] * factor(v) : dy[0];
    if (!everything) g = reshape(g, shape.with(axis < 0 ? axis + shape.rank() : axis, 1));
    return {expand(g, shape)};
  }
  Saves saves() const override { return {}; }
  Cost cost(In x) const override {
    const Around v = view(x[0].shape());
    const bool averages = kind == kernels::Reduce::mean;
    return {double(x[0].size()) + (averages ? double(v.outer * v.inner) : 0), bytes_moved(x)};
  }
  void attributes(Attributes& list) const override {
    if (!everything) list("axis", axis)("keep", keep);
  }

 private:
  Around view(const Shape& shape) const { return everything ? Around{1, shape.size(), 1} : around(shape, axis); }
  double factor(const Around& v) const { return kind == kernels::Reduce::sum ? 1 : 1 / double(v.axis); }
};

}  // namespace

Tensor sum(const Tensor& x) { return apply(Reduce(kernels::Reduce::sum, true, 0, false), {x}); }
Tensor mean(const Tensor& x) { return apply(Reduce(kernels::Reduce::mean, true, 0, false), {x}); }
Tensor sum(const Tensor& x, int axis, bool keep) { return apply(Reduce(kernels::Reduce::sum, false, axis, keep), {x}); }
Tensor mean(const Tensor& x, int axis, bool keep) { return apply(Reduce(kernels::Reduce::mean, false, axis, keep), {x}); }

/// The root of sums of squares; one that is 0 has no slope, and 0 is taken for its derivatives.
static Tensor length(const Tensor& total) {
  const Tensor some = Tensor::empty(total.shape(), DType::u8);
  bool zero = false;
  for (int64_t i = 0; total.has_data() && i < total.size(); ++i) {
    some.raw<uint8_t>()[i] = total.item(i) != 0;
    zero |= total.item(i) == 0;
  }
  if (!zero) return sqrt(total);
  const auto constant = [&](double value) { return Tensor::full(total.shape(), value, total.dtype()); };
  return where(some, sqrt(where(some, total, constant(1))), constant(0));
}
Tensor norm(const Tensor& x, double epsilon) {
  const Tensor total = sum(square(x));
  return epsilon == 0 ? length(total) : sqrt(total + epsilon);
}
Tensor norm(const Tensor& x, int axis, bool keep, double epsilon) {
  const Tensor total = sum(square(x), axis, keep);
  return epsilon == 0 ? length(total) : sqrt(total + epsilon);
}

// ---- cases -----------------------------------------------------------------------------------------------------------------
namespace {

struct Sum {
  Tensor operator()(const Tensor& x) const { return sum(x); }
  Tensor operator()(const Tensor& x, int axis, bool keep) const { return sum(x, axis, keep); }
};
struct Mean {
  Tensor operator()(const Tensor& x) const { return mean(x); }
  Tensor operator()(const Tensor& x, int axis, bool keep) const { return mean(x, axis, keep); }
};

template <class F>
std::vector<OpCase> reduce_cases(DType t) {
  struct Row {
    const char* name;
    Shape shape;
    int axis;
    bool keep;
  };
  const Row rows[] = {
      {"rows of 7x17", {7, 17}, 0, false},
      {"columns of 7x17", {7, 17}, 1, false},
      {"last, kept", {3, 33}, -1, true},
      {"middle axis", {2, 15, 3}, 1, false},
      {"middle axis, kept", {2, 5, 1}, -2, true},
      {"first of rank 4", {3, 1, 2, 5}, 0, false},
      {"vector", {15}, 0, false},
      {"axis of size 1", {4, 1}, 1, false},
      {"empty result", {0, 3}, 1, false},
  };
  std::vector<OpCase> cases;
  for (const Row& r : rows)
    cases.push_back(
        case_of(r.name, {case_input(r.shape, "x", t)}, [axis = r.axis, keep = r.keep](In x) { return F{}(x[0], axis, keep); }));
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{3, 17}, Shape{2, 3, 7}})
    cases.push_back(case_of("everything in " + shape.str(), {case_input(shape, "x", t)}, [](In x) { return F{}(x[0]); }));
  if (std::is_same_v<F, Sum>) {
    cases.push_back(case_of("empty axis gives zeros", {case_input({0, 3}, "x", t)}, [](In x) { return F{}(x[0], 0, false); }));
    cases.push_back(case_of("norm of everything", {case_input({3, 5}, "x", t)}, [](In x) { return norm(x[0]); }));
    cases.push_back(case_of("norm of rows, at 0", {Tensor::zeros({3, 5}, t)}, [](In x) { return norm(x[0], -1, true, 0.25); }));
  }
  return cases;
}

template <class F>
std::vector<OpMisuse> reduce_misuses() {
  return {
      {"axis too large",
       [] {
         F{}(Tensor::zeros({2, 3}), 2, false);
       },
       ErrorKind::shape, "axis 2 is out of range for shape [2,3]"},
      {"axis too small",
       [] {
         F{}(Tensor::zeros({2, 3}), -3, false);
       },
       ErrorKind::shape, "axis -3"},
      {"axis of a scalar", [] { F{}(Tensor::zeros({}), 0, false); }, ErrorKind::shape, "[]"},
      {"integers", [] { F{}(Tensor::zeros({2}, DType::i32)); }, ErrorKind::dtype, "i32"},
      {"undefined", [] { F{}(Tensor{}); }, ErrorKind::value, "undefined"},
  };
}
std::vector<OpMisuse> mean_misuses() {
  auto rows = reduce_misuses<Mean>();
  rows.push_back({"empty axis", [] { mean(Tensor::zeros({0, 3}), 0); }, ErrorKind::shape, "nothing to average"});
  return rows;
}

TAPEDECK_OP(sum, "y = sum of x over an axis, or over everything", reduce_cases<Sum>, reduce_misuses<Sum>);
TAPEDECK_OP(mean, "y = mean of x over an axis, or over everything", reduce_cases<Mean>, mean_misuses);

}  // namespace
}  // namespace tapedeck
