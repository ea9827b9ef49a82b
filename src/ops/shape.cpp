// Other shapes for the same elements: reshape, permute, and expand with its transpose, a sum. Next: blocks.cpp.
#include <array>

#include "support.h"

namespace tapedeck {
namespace {

struct Reshape final : Op {
  Shape shape;
  explicit Reshape(const Shape& shape) : shape(shape) {}

  std::string_view name() const override { return "reshape"; }
  Specs infer(In x) const override {
    require_defined("reshape", "x", x[0]);
    if (x[0].size() != shape.size())
      shape_error("reshape", x, text("cannot become ", shape.str(), ": ", x[0].size(), " elements, not ", shape.size()));
    return {{shape, x[0].dtype(), 0}};
  }
  void forward(In, Out) const override {}
  Tensors vjp(In x, In, In dy, Wanted) const override { return {reshape(dy[0], x[0].shape())}; }
  Saves saves() const override { return {}; }
  Cost cost(In) const override { return {}; }
  void attributes(Attributes& list) const override { list("shape", shape.str()); }
};

struct Permute final : Op {
  int rank = 0;
  std::array<int, Shape::max_rank> order{};  // axis i of y is axis order[i] of x

  std::string_view name() const override { return "permute"; }
  Specs infer(In x) const override {
    require_defined("permute", "x", x[0]);
    require_floating("permute", x);
    Shape shape;
    for (int i = 0; i < rank; ++i) shape.push(x[0].shape()[order[size_t(i)]]);
    return {{shape, x[0].dtype()}};
  }
  void forward(In x, Out y) const override { run(x[0], y[0], false); }
  bool backward(In, In, In dy, Grads dx) const override {
    inverse().run(dy[0], dx[0].into, dx[0].accumulate);
    return true;
  }
  Tensors vjp(In, In, In dy, Wanted) const override { return {apply(inverse(), {dy[0]})}; }
  Saves saves() const override { return {}; }
  Cost backward_cost(In x, In y, In dy, Asked dx) const override { return {added(dx), bytes_moved(x, y, dy, dx)}; }
  void attributes(Attributes& list) const override {
    std::string s;
    for (int i = 0; i < rank; ++i) s += (i ? "," : "[") + std::to_string(order[size_t(i)]);
    list("order", rank ? s + "]" : "[]");
  }

  Permute inverse() const {
    Permute p;
    p.rank = rank;
    for (int i = 0; i < rank; ++i) p.order[size_t(order[size_t(i)])] = i;
    return p;
  }
  void run(const Tensor& x, const Tensor& y, bool accumulate) const {
    dispatch(x.dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().permute(rank, x.shape().data(), order.data(), x.raw<T>(), y.raw<T>(), accumulate);
    });
  }
};

/// [outer, 1, inner] -> [outer, axis, inner], with the shape that the result has for its user.
struct Expand final : Op {
  Around run;
  Shape shape;
  Expand(const Around& run, const Shape& shape) : run(run), shape(shape) {}

  std::string_view name() const override { return "expand"; }
  Specs infer(In x) const override {
    require_floating("expand", x);
    return {{shape, x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().spread(run.outer, run.axis, run.inner, 1, x[0].raw<T>(), y[0].raw<T>(), false);
    });
  }
  bool backward(In, In, In dy, Grads dx) const override {
    dispatch(dy[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().reduce(kernels::Reduce::sum, run.outer, run.axis, run.inner, dy[0].raw<T>(), dx[0].into.raw<T>(),
                                        dx[0].accumulate);
    });
    return true;
  }
  Tensors vjp(In x, In, In dy, Wanted) const override { return {sum_to(dy[0], x[0].shape())}; }
  Saves saves() const override { return {}; }
  Cost backward_cost(In x, In y, In dy, Asked dx) const override { return {double(dy[0].size()), bytes_moved(x, y, dy, dx)}; }
  void attributes(Attributes& list) const override { list("shape", shape.str()); }
};

/// The first run of neighbouring axes that repeat when `from` becomes `to`. `between`: the shape with only this run
/// repeated. Axes align at the right; missing ones count as 1.
struct Run {
  Around view;
  Shape between;
  bool found = false;
};
Run first_run(const Shape& from, const Shape& to) {
  auto small = [&](int i) {
    const int k = i - (to.rank() - from.rank());
    return k < 0 ? 1 : from[k];
  };
  Run run;
  int i = 0;
  for (; i < to.rank() && small(i) == to[i]; ++i) run.view.outer *= to[i];
  run.found = i < to.rank();
  for (int k = 0; k < i; ++k) run.between.push(to[k]);
  for (; i < to.rank() && small(i) == 1; ++i) {
    run.view.axis *= to[i];
    run.between.push(to[i]);
  }
  for (; i < to.rank(); ++i) {
    run.view.inner *= small(i);
    run.between.push(small(i));
  }
  return run;
}

bool expands(const Shape& from, const Shape& to) {
  const int missing = to.rank() - from.rank();
  for (int k = 0; k < from.rank(); ++k)
    if (missing < 0 || (from[k] != 1 && from[k] != to[k + missing])) return false;
  return missing >= 0;
}

}  // namespace

Tensor reshape(const Tensor& x, Shape shape) { return x && x.shape() == shape ? x : apply(Reshape(shape), {x}); }

Tensor reshape(const Tensor& x, std::initializer_list<int64_t> dims) {
  require_defined("reshape", "x", x);
  int64_t known = 1;
  int unknown = 0;
  for (int64_t d : dims) d == -1 ? void(++unknown) : void(known *= d);
  if (unknown > 1 || (unknown && (known == 0 || x.size() % known)))
    shape_error("reshape", In(&x, 1), text("cannot infer -1: ", x.size(), " elements, ", known, " in the other axes"),
                "give every axis, or one -1");
  Shape shape;
  for (int64_t d : dims) shape.push(d == -1 ? x.size() / known : d);
  return reshape(x, shape);
}

Tensor permute(const Tensor& x, std::initializer_list<int> order) {
  require_defined("permute", "x", x);
  Permute op;
  std::array<bool, Shape::max_rank> seen{};
  if (int(order.size()) != x.shape().rank()) shape_error("permute", In(&x, 1), text("the order names ", order.size(), " axes"));
  for (int axis : order) {
    const int at = require_axis("permute", x, axis);
    if (std::exchange(seen[size_t(at)], true)) shape_error("permute", In(&x, 1), text("the order names axis ", at, " twice"));
    op.order[size_t(op.rank++)] = at;
  }
  return apply(op, {x});
}

Tensor axis_last(const Tensor& x, int axis) {
  const int rank = x.shape().rank();
  if (axis == rank - 1) return x;
  Permute op;
  for (int i = 0; i < rank; ++i)
    if (i != axis) op.order[size_t(op.rank++)] = i;
  op.order[size_t(op.rank++)] = axis;
  return apply(op, {x});
}

Tensor transpose(const Tensor& x) {
  require_defined("transpose", "x", x);
  const int rank = x.shape().rank();
  if (rank < 2) shape_error("transpose", In(&x, 1), "needs two axes or more");
  Permute op;
  for (; op.rank < rank; ++op.rank) op.order[size_t(op.rank)] = op.rank;
  std::swap(op.order[size_t(rank - 2)], op.order[size_t(rank - 1)]);
  return apply(op, {x});
}

Tensor expand(const Tensor& x, Shape shape) {
  require_defined("expand", "x", x);
  if (!expands(x.shape(), shape))
    shape_error("expand", In(&x, 1), text("cannot repeat to ", shape.str()), "axes align at the right and must agree or be 1");
  Tensor y = x;
  for (Run run = first_run(y.shape(), shape); run.found; run = first_run(y.shape(), shape))
    y = apply(Expand(run.view, run.between), {y});
  return reshape(y, shape);
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  const Shape& from = x.shape();
  const Run run = first_run(shape, from);
  if (!run.found) return reshape(x, shape);
  const Tensor inner = sum_to(x, run.between);  // runs further right first: a sum undoes expand from the end
  const Tensor rows = reshape(inner, Shape{run.view.outer, run.view.axis, run.view.inner});
  return reshape(sum(rows, 1), shape);
}

// ---- cases -----------------------------------------------------------------------------------------------------------------
namespace {

std::vector<OpCase> reshape_cases(DType t) {
  struct Row {
    Shape from, to;
  };
  std::vector<OpCase> cases;
  for (const Row& r : {Row{{3, 5}, {15}}, Row{{}, {1, 1}}, Row{{2, 3, 7}, {7, 6}}, Row{{0, 3}, {5, 0}}})
    cases.push_back(case_of(r.from.str() + " to " + r.to.str(), {case_input(r.from, "x", t)},
                            [to = r.to](In x) { return reshape(x[0], to); }));
  cases.push_back(case_of("one axis inferred", {case_input({4, 6}, "x", t)}, [](In x) { return reshape(x[0], {2, -1, 3}); }));
  cases.push_back(case_of("square of a view", {case_input({4, 6}, "x", t)}, [](In x) { return reshape(x[0] * x[0], {24}); }));
  return cases;
}
std::vector<OpMisuse> reshape_misuses() {
  return {
      {"sizes differ",
       [] {
         reshape(Tensor::zeros({2, 3}), {4});
       },
       ErrorKind::shape, "6 elements, not 4"},
      {"cannot infer",
       [] {
         reshape(Tensor::zeros({2, 3}), {4, -1});
       },
       ErrorKind::shape, "cannot infer -1"},
      {"two unknown axes",
       [] {
         reshape(Tensor::zeros({2, 3}), {-1, -1});
       },
       ErrorKind::shape, "one -1"},
      {"undefined", [] { reshape(Tensor{}, {1}); }, ErrorKind::value, "undefined"},
  };
}

std::vector<OpCase> permute_cases(DType t) {
  return {
      case_of("matrix 7x17", {case_input({7, 17}, "x", t)}, [](In x) { return transpose(x[0]); }),
      case_of("rank 3, a cycle", {case_input({2, 3, 5}, "x", t)},
              [](In x) {
                return permute(x[0], {1, 2, 0});
              }),
      case_of("rank 4, heads", {case_input({2, 3, 4, 5}, "x", t)},
              [](In x) {
                return permute(x[0], {0, 2, 1, 3});
              }),
      case_of("rank 6", {case_input({1, 2, 1, 3, 2, 2}, "x", t)},
              [](In x) {
                return permute(x[0], {5, -3, 0, 2, 4, 1});
              }),
      case_of("vector", {case_input({15}, "x", t)}, [](In x) { return permute(x[0], {0}); }),
      case_of("scalar", {case_input({}, "x", t)}, [](In x) { return permute(x[0], {}); }),
      case_of("transpose of a batch", {case_input({3, 1, 33}, "x", t)}, [](In x) { return transpose(x[0]); }),
      case_of("empty", {case_input({0, 3}, "x", t)}, [](In x) { return transpose(x[0]); }),
      case_of("x times its transpose", {case_input({5, 5}, "x", t)}, [](In x) { return x[0] * transpose(x[0]); }),
  };
}
std::vector<OpMisuse> permute_misuses() {
  return {
      {"too few axes",
       [] {
         permute(Tensor::zeros({2, 3}), {0});
       },
       ErrorKind::shape, "names 1 axes"},
      {"twice",
       [] {
         permute(Tensor::zeros({2, 3}), {0, -2});
       },
       ErrorKind::shape, "axis 0 twice"},
      {"out of range",
       [] {
         permute(Tensor::zeros({2, 3}), {0, 2});
       },
       ErrorKind::shape, "axis 2"},
      {"integers",
       [] {
         permute(Tensor::zeros({2, 3}, DType::i32), {1, 0});
       },
       ErrorKind::dtype, "i32"},
  };
}

std::vector<OpCase> expand_cases(DType t) {
  struct Row {
    const char* name;
    Shape from, to;
  };
  const Row rows[] = {
      {"a number", {}, {3, 5}},
      {"a row", {17}, {7, 17}},
      {"a column", {7, 1}, {7, 15}},
      {"middle axis", {2, 1, 3}, {2, 5, 3}},
      {"two runs", {1, 3, 1}, {4, 3, 2}},
      {"three runs", {2, 1, 3, 1}, {4, 2, 2, 3, 5}},
      {"to an empty batch", {1, 3}, {0, 3}},
      {"a neighbour of size 1", {1, 1, 4}, {1, 3, 4}},
  };
  std::vector<OpCase> cases;
  for (const Row& r : rows)
    cases.push_back(case_of(r.name, {case_input(r.from, "x", t)}, [to = r.to](In x) { return expand(x[0], to); }));
  return cases;
}
std::vector<OpMisuse> expand_misuses() {
  return {
      {"not 1",
       [] {
         expand(Tensor::zeros({2, 3}), {4, 3});
       },
       ErrorKind::shape, "cannot repeat to [4,3]"},
      {"fewer axes",
       [] {
         expand(Tensor::zeros({1, 3}), {3});
       },
       ErrorKind::shape, "align at the right"},
      {"integers", [] { expand(Tensor::zeros({1}, DType::i32), {3}); }, ErrorKind::dtype, "i32"},
      {"undefined", [] { expand(Tensor{}, {3}); }, ErrorKind::value, "undefined"},
  };
}

TAPEDECK_OP(reshape, "the same elements, row by row, in another shape; shares the buffer", reshape_cases, reshape_misuses);
TAPEDECK_OP(permute, "axis i of y is axis order[i] of x", permute_cases, permute_misuses);
TAPEDECK_OP(expand, "repeats x along axes of size 1 and along missing leading axes", expand_cases, expand_misuses);

}  // namespace
}  // namespace tapedeck
