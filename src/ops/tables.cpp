// Rows and elements chosen by indices: gather and scatter_add are each other's transpose, so are pick and
// pick_transposed. Indices are constants, checked before anything is read. Next: select.cpp.
#include "support.h"

namespace tapedeck {
namespace {

double row_bytes(const Tensor& table) { return double(table.shape()[1]) * double(size_of(table.dtype())); }

struct Gather final : Op {
  std::string_view name() const override { return "gather"; }
  Specs infer(In x) const override {
    require_rank("gather", "table", x[0], 2);
    require_floating("gather", x.first(1));
    require_indices("gather", "index", x[1], x[0].shape()[0], "rows in the table");
    return {{Shape{x[1].size(), x[0].shape()[1]}, x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().gather(x[1].size(), x[0].shape()[1], x[1].raw<int32_t>(), x[0].raw<T>(), y[0].raw<T>());
    });
  }
  bool backward(In x, In, In dy, Grads dx) const override {
    const Shape& table = x[0].shape();
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().scatter_add(x[1].size(), table[1], table[0], x[1].raw<int32_t>(), dy[0].raw<T>(),
                                             dx[0].into.raw<T>(), dx[0].accumulate);
    });
    return true;
  }
  Tensors vjp(In x, In, In dy, Wanted) const override { return {scatter_add(dy[0], x[1], x[0].shape()[0])}; }
  Saves saves() const override { return {{Save::input, 1, "says which row of the table each gradient belongs to"}}; }
  Cost cost(In x) const override { return {0, bytes_of(x[1]) + 2 * double(x[1].size()) * row_bytes(x[0])}; }
  Cost backward_cost(In x, In, In dy, Asked dx) const override { return cost_of_adding(x[1], dy[0], dx[0]); }
};

struct ScatterAdd final : Op {
  int64_t table_rows;
  explicit ScatterAdd(int64_t table_rows) : table_rows(table_rows) {}

  std::string_view name() const override { return "scatter_add"; }
  Specs infer(In x) const override {
    require_rank("scatter_add", "rows", x[0], 2);
    require_floating("scatter_add", x.first(1));
    if (table_rows < 0) raise(ErrorKind::value, text("scatter_add: a table cannot have ", table_rows, " rows"));
    require_indices("scatter_add", "index", x[1], table_rows, "rows in the table");
    if (x[1].size() != x[0].shape()[0]) shape_error("scatter_add", x, "needs one index per row");
    return {{Shape{table_rows, x[0].shape()[1]}, x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().scatter_add(x[1].size(), x[0].shape()[1], table_rows, x[1].raw<int32_t>(), x[0].raw<T>(),
                                             y[0].raw<T>(), false);
    });
  }
  Tensors vjp(In x, In, In dy, Wanted) const override { return {gather(dy[0], x[1])}; }
  Saves saves() const override { return {{Save::input, 1, "says which row of the table each row went to"}}; }
  Cost cost(In x) const override { return {double(x[0].size()), bytes_moved(x)}; }
  void attributes(Attributes& list) const override { list("table_rows", table_rows); }
};

struct Pick final : Op {
  std::string_view name() const override { return "pick"; }
  Specs infer(In x) const override {
    require_rank("pick", "x", x[0], 2);
    require_floating("pick", x.first(1));
    require_indices("pick", "column", x[1], x[0].shape()[1], "columns");
    if (x[1].size() != x[0].shape()[0]) shape_error("pick", x, "needs one column per row");
    return {{Shape{x[1].size()}, x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().pick(x[1].size(), x[0].shape()[1], x[1].raw<int32_t>(), x[0].raw<T>(), y[0].raw<T>());
    });
  }
  bool backward(In x, In, In dy, Grads dx) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().pick_backward(x[1].size(), x[0].shape()[1], x[1].raw<int32_t>(), dy[0].raw<T>(),
                                               dx[0].into.raw<T>(), dx[0].accumulate);
    });
    return true;
  }
  Tensors vjp(In x, In, In dy, Wanted) const override { return {pick_transposed(dy[0], x[1], x[0].shape()[1])}; }
  Saves saves() const override { return {{Save::input, 1, "says which column each gradient belongs to"}}; }
  Cost cost(In x) const override { return {0, bytes_of(x[1]) + 2 * double(x[1].size()) * double(size_of(x[0].dtype()))}; }
  Cost backward_cost(In x, In, In dy, Asked dx) const override { return cost_of_placing(x[1], dy[0], dx[0]); }
};

struct PickTransposed final : Op {
  int64_t cols;
  explicit PickTransposed(int64_t cols) : cols(cols) {}

  std::string_view name() const override { return "pick_transposed"; }
  Specs infer(In x) const override {
    require_rank("pick_transposed", "x", x[0], 1);
    require_floating("pick_transposed", x.first(1));
    require_indices("pick_transposed", "column", x[1], cols, "columns");
    if (x[1].size() != x[0].size()) shape_error("pick_transposed", x, "needs one column per number");
    return {{Shape{x[0].size(), cols}, x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().pick_backward(x[0].size(), cols, x[1].raw<int32_t>(), x[0].raw<T>(), y[0].raw<T>(), false);
    });
  }
  Tensors vjp(In x, In, In dy, Wanted) const override { return {pick(dy[0], x[1])}; }
  Saves saves() const override { return {{Save::input, 1, "says which column each number went to"}}; }
  void attributes(Attributes& list) const override { list("cols", cols); }
};

struct Where final : Op {
  std::string_view name() const override { return "where"; }
  Specs infer(In x) const override {
    require_dtype("where", "condition", x[0], DType::u8);
    require_defined("where", "a", x[1]);
    require_defined("where", "b", x[2]);
    require_floating("where", x.subspan(1));
    if (!(x[1].shape() == x[0].shape()) || !(x[2].shape() == x[0].shape()))
      shape_error("where", x, "needs equal shapes, or one number for a or b");
    return {{x[1].shape(), x[1].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[1].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().where(x[0].size(), x[0].raw<uint8_t>(), x[1].raw<T>(), x[2].raw<T>(), y[0].raw<T>());
    });
  }
  /// Chosen, not multiplied by 0 or 1: whatever the branch not taken holds, its gradient is exactly 0.
  Tensors vjp(In x, In, In dy, Wanted wanted) const override {
    const Tensor zero = Tensor::zeros(dy[0].shape(), dy[0].dtype());
    return {Tensor(), wanted[1] ? where(x[0], dy[0], zero) : Tensor(), wanted[2] ? where(x[0], zero, dy[0]) : Tensor()};
  }
  Saves saves() const override { return {{Save::input, 0, "says which branch each gradient belongs to"}}; }
};

}  // namespace

Tensor gather(const Tensor& table, const Tensor& index) { return apply(Gather{}, {table, index}); }
Tensor scatter_add(const Tensor& rows, const Tensor& index, int64_t table_rows) {
  return apply(ScatterAdd(table_rows), {rows, index});
}
Tensor pick(const Tensor& x, const Tensor& column) { return apply(Pick{}, {x, column}); }
Tensor pick_transposed(const Tensor& x, const Tensor& column, int64_t cols) { return apply(PickTransposed(cols), {x, column}); }

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  auto full = [&](const Tensor& t) {
    return t && t.size() == 1 && !(t.shape() == condition.shape()) ? expand(reshape(t, Shape{}), condition.shape()) : t;
  };
  return apply(Where{}, {condition, full(a), full(b)});
}

}  // namespace tapedeck
