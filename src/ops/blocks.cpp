// Blocks of a tensor along one axis: concat puts them side by side, slice takes one out, pad (slice's transpose) puts
// one back among zeros. All three copy rows between two strided buffers. Next: matmul.cpp.
#include <array>

#include "support.h"

namespace tapedeck {
namespace {

/// The part [begin, begin + around(part, axis).axis) of the whole's axis.
struct Block {
  int axis;
  int64_t begin;
};

/// into (+)= from, where exactly one of them is the whole and the other the part.
enum class To : uint8_t { whole, part };
void copy_block(const Block& block, const Tensor& whole, const Tensor& part, To to, bool accumulate) {
  const Around w = around(whole.shape(), block.axis), p = around(part.shape(), block.axis);
  const int64_t cols = p.axis * p.inner, stride = w.axis * w.inner, offset = block.begin * w.inner;
  dispatch(whole.dtype(), [&](auto tag) {
    using T = decltype(tag);
    T *in_whole = whole.raw<T>() + offset, *in_part = part.raw<T>();
    if (to == To::whole) kernels::kernel_table<T>().copy_rows(p.outer, cols, in_part, cols, in_whole, stride, accumulate);
    else kernels::kernel_table<T>().copy_rows(p.outer, cols, in_whole, stride, in_part, cols, accumulate);
  });
}

Tensor pad(const Tensor& x, const Block& block, int64_t total);

struct Slice final : Op {
  Block block;
  int64_t end;
  Slice(const Block& block, int64_t end) : block(block), end(end) {}

  std::string_view name() const override { return "slice"; }
  Specs infer(In x) const override {
    require_floating("slice", x);
    return {{x[0].shape().with(block.axis, end - block.begin), x[0].dtype()}};
  }
  void forward(In x, Out y) const override { copy_block(block, x[0], y[0], To::part, false); }
  bool backward(In, In, In dy, Grads dx) const override {
    if (!dx[0].accumulate) fill_zero(dx[0].into);
    copy_block(block, dx[0].into, dy[0], To::whole, true);
    return true;
  }
  Tensors vjp(In x, In, In dy, Wanted) const override { return {pad(dy[0], block, x[0].shape()[block.axis])}; }
  Saves saves() const override { return {}; }
  Cost cost(In x) const override {
    return {0, 2 * bytes_of(x[0]) / double(x[0].shape()[block.axis]) * double(end - block.begin)};
  }
  Cost backward_cost(In, In, In dy, Asked dx) const override {
    if (dx[0].accumulate) return {double(dy[0].size()), 3 * bytes_of(dy[0])};
    return {0, bytes_of(dy[0]) + bytes_of(dx[0].into)};
  }
  void attributes(Attributes& list) const override { list("axis", block.axis)("begin", block.begin)("end", end); }
};

struct Pad final : Op {
  Block block;
  int64_t total;  // of y along the axis
  Pad(const Block& block, int64_t total) : block(block), total(total) {}

  std::string_view name() const override { return "pad"; }
  Specs infer(In x) const override { return {{x[0].shape().with(block.axis, total), x[0].dtype()}}; }
  void forward(In x, Out y) const override {
    fill_zero(y[0]);
    copy_block(block, y[0], x[0], To::whole, false);
  }
  bool backward(In, In, In dy, Grads dx) const override {
    copy_block(block, dy[0], dx[0].into, To::part, dx[0].accumulate);
    return true;
  }
  Tensors vjp(In x, In, In dy, Wanted) const override {
    return {slice(dy[0], block.axis, block.begin, block.begin + x[0].shape()[block.axis])};
  }
  Saves saves() const override { return {}; }
  Cost backward_cost(In, In, In, Asked dx) const override {
    return {added(dx), (dx[0].accumulate ? 3 : 2) * bytes_of(dx[0].into)};
  }
  void attributes(Attributes& list) const override { list("axis", block.axis)("before", block.begin)("total", total); }
};

Tensor pad(const Tensor& x, const Block& block, int64_t total) { return apply(Pad(block, total), {x}); }

struct Concat final : Op {
  int axis;
  explicit Concat(int axis) : axis(axis) {}

  std::string_view name() const override { return "concat"; }
  Specs infer(In x) const override {
    require_floating("concat", x);
    Shape shape = x[0].shape().with(axis, 0);
    int64_t total = 0;
    for (const Tensor& part : x) {
      if (part.shape().rank() != shape.rank() || !(part.shape().with(axis, 0) == shape))
        shape_error("concat", x, text("parts must agree in every axis but ", axis));
      total += part.shape()[axis];
    }
    return {{shape.with(axis, total), x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    Block block{axis, 0};
    for (const Tensor& part : x) {
      copy_block(block, y[0], part, To::whole, false);
      block.begin += part.shape()[axis];
    }
  }
  bool backward(In x, In, In dy, Grads dx) const override {
    Block block{axis, 0};
    for (size_t i = 0; i < x.size(); ++i) {
      if (dx[i].wanted) copy_block(block, dy[0], dx[i].into, To::part, dx[i].accumulate);
      block.begin += x[i].shape()[axis];
    }
    return true;
  }
  Tensors vjp(In x, In, In dy, Wanted wanted) const override {
    Tensors dx;
    int64_t begin = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const int64_t end = begin + x[i].shape()[axis];
      dx.push_back(wanted[i] ? slice(dy[0], axis, begin, end) : Tensor{});
      begin = end;
    }
    return dx;
  }
  Saves saves() const override { return {}; }
  Cost backward_cost(In, In, In, Asked dx) const override {
    double bytes = 0;  // of the parts of dy that are asked for, and of dx
    for (const Grad& g : dx)
      if (g.wanted) bytes += (g.accumulate ? 3 : 2) * bytes_of(g.into);
    return {added(dx), bytes};
  }
  void attributes(Attributes& list) const override { list("axis", axis); }
};

}  // namespace

Tensor slice(const Tensor& x, int axis, int64_t begin, int64_t end) {
  const int at = require_axis("slice", x, axis);
  const int64_t size = x.shape()[at];
  if (begin < 0 || begin > end || end > size)
    raise(ErrorKind::index,
          text("slice: ", begin, "..", end, " of axis ", at, " of shape ", x.shape().str(), " lies outside 0..", size));
  return begin == 0 && end == size ? x : apply(Slice({at, begin}, end), {x});
}

Tensor concat(In parts, int axis) {
  if (parts.empty()) raise(ErrorKind::value, "concat: there are no parts", "pass one tensor or more");
  for (const Tensor& part : parts) require_defined("concat", "a part", part);
  const int at = require_axis("concat", parts[0], axis);
  if (parts.size() == 1) return parts[0];
  if (parts.size() <= size_t(max_inputs)) return apply_all(Concat(at), parts)[0];
  const size_t share = (parts.size() + max_inputs - 1) / max_inputs;
  Tensors groups;
  for (size_t i = 0; i < parts.size(); i += share)
    groups.push_back(concat(parts.subspan(i, std::min(share, parts.size() - i)), at));
  return concat(groups, at);
}

Tensor concat(std::initializer_list<Tensor> parts, int axis) { return concat(In(parts.begin(), parts.size()), axis); }

// ---- cases -----------------------------------------------------------------------------------------------------------------
namespace {

std::vector<OpCase> concat_cases(DType t) {
  struct Row {
    const char* name;
    Shape a, b, c;
    int axis;
  };
  const Row rows[] = {
      {"rows", {2, 5}, {1, 5}, {4, 5}, 0},
      {"columns", {3, 1}, {3, 15}, {3, 17}, -1},
      {"vectors", {7}, {1}, {33}, 0},
      {"middle axis", {2, 3, 5}, {2, 1, 5}, {2, 4, 5}, 1},
      {"an empty part", {2, 3}, {0, 3}, {1, 3}, 0},
      {"rank 4", {1, 2, 2, 3}, {1, 2, 1, 3}, {1, 2, 3, 3}, 2},
  };
  std::vector<OpCase> cases;
  for (const Row& r : rows)
    cases.push_back(case_of(r.name, {case_input(r.a, "a", t), case_input(r.b, "b", t), case_input(r.c, "c", t)},
                            [axis = r.axis](In x) { return concat(x, axis); }));
  cases.push_back(case_of("one tensor twice", {case_input({3, 5}, "x", t)}, [](In x) { return concat({x[0], x[0]}, 1); }));
  cases.push_back(case_of("more than one op can take", {case_input({1, 3}, "x", t), case_input({2, 3}, "y", t)}, [](In x) {
    std::array<Tensor, 37> parts;
    for (size_t i = 0; i < parts.size(); ++i) parts[i] = x[i % 2] * double(i + 1);
    return concat(parts, 0);
  }));
  return cases;
}
std::vector<OpMisuse> concat_misuses() {
  return {
      {"no parts", [] { concat(In{}, 0); }, ErrorKind::value, "no parts"},
      {"other axes differ",
       [] {
         concat({Tensor::zeros({2, 3}), Tensor::zeros({2, 4})}, 0);
       },
       ErrorKind::shape, "[2,3], [2,4]"},
      {"ranks differ",
       [] {
         concat({Tensor::zeros({2, 3}), Tensor::zeros({2})}, 0);
       },
       ErrorKind::shape, "[2,3], [2]"},
      {"scalars",
       [] {
         concat({Tensor::zeros({}), Tensor::zeros({})}, 0);
       },
       ErrorKind::shape, "axis 0"},
      {"mixed types",
       [] {
         concat({Tensor::zeros({2}), Tensor::zeros({2}, DType::f64)}, 0);
       },
       ErrorKind::dtype, "f64"},
      {"undefined",
       [] {
         concat({Tensor::zeros({2}), Tensor{}}, 0);
       },
       ErrorKind::value, "undefined"},
  };
}

std::vector<OpCase> slice_cases(DType t) {
  struct Row {
    const char* name;
    Shape shape;
    int axis;
    int64_t begin, end;
  };
  const Row rows[] = {
      {"rows", {7, 5}, 0, 2, 5},
      {"columns", {3, 33}, 1, 16, 33},
      {"one column", {5, 17}, -1, 0, 1},
      {"middle axis", {2, 7, 3}, 1, 1, 6},
      {"first of rank 4", {4, 1, 2, 3}, 0, 3, 4},
      {"nothing", {3, 5}, 1, 2, 2},
  };
  std::vector<OpCase> cases;
  for (const Row& r : rows)
    cases.push_back(case_of(r.name, {case_input(r.shape, "x", t)}, [r](In x) { return slice(x[0], r.axis, r.begin, r.end); }));
  cases.push_back(case_of("two slices that overlap", {case_input({3, 9}, "x", t)},
                          [](In x) { return slice(x[0], 1, 0, 6) * slice(x[0], 1, 3, 9); }));
  return cases;
}
std::vector<OpMisuse> slice_misuses() {
  return {
      {"end too large",
       [] {
         slice(Tensor::zeros({2, 3}), 1, 0, 4);
       },
       ErrorKind::index, "0..4 of axis 1"},
      {"begin after end",
       [] {
         slice(Tensor::zeros({2, 3}), 1, 2, 1);
       },
       ErrorKind::index, "2..1"},
      {"negative",
       [] {
         slice(Tensor::zeros({2, 3}), 0, -1, 1);
       },
       ErrorKind::index, "-1..1"},
      {"axis",
       [] {
         slice(Tensor::zeros({2, 3}), 2, 0, 1);
       },
       ErrorKind::shape, "axis 2"},
      {"integers", [] { slice(Tensor::zeros({4}, DType::i32), 0, 0, 1); }, ErrorKind::dtype, "i32"},
  };
}

std::vector<OpCase> pad_cases(DType t) {
  struct Row {
    const char* name;
    Shape shape;
    Block block;
    int64_t total;
  };
  const Row rows[] = {{"rows", {3, 5}, {0, 2}, 6},
                      {"columns", {3, 17}, {1, 0}, 33},
                      {"middle axis", {2, 3, 5}, {1, 1}, 7},
                      {"nothing", {2, 0}, {1, 1}, 3}};
  std::vector<OpCase> cases;
  for (const Row& r : rows)
    cases.push_back(case_of(r.name, {case_input(r.shape, "x", t)}, [r](In x) { return pad(x[0], r.block, r.total); }));
  return cases;
}
std::vector<OpMisuse> pad_misuses() { return {}; }  // only slice's rule makes one

TAPEDECK_OP(concat, "parts side by side along an axis", concat_cases, concat_misuses);
TAPEDECK_OP(slice, "positions begin..end of an axis", slice_cases, slice_misuses);
TAPEDECK_OP(pad, "zeros around x along an axis: the transpose of slice", pad_cases, pad_misuses);

}  // namespace
}  // namespace tapedeck
