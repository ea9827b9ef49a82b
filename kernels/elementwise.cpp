// One output element from the input elements at the same place: unary, binary with broadcast, dropout.
#include "dropout.h"
#include "unary.h"
#include "variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

template <class T>
void fill(int64_t n, T value, T* y) {
  parallel_ranges(n, elementwise_grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = value;
  });
}

template <class T>
void unary(Unary which, double a, double b, int64_t n, const T* x, T* y) {
  visit_unary(which, a, b, [=](auto f) {
    parallel_ranges(n, elementwise_grain, [=](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) y[i] = f.forward(x[i]);
    });
  });
}

template <class T>
void unary_backward(Unary which, double a, double b, int64_t n, const T* x, const T* y, const T* dy, T* dx, bool accumulate) {
  // What the derivative does not depend on was not kept. Optimised code does not read it; other code reads, and drops, this.
  if (!x) x = dy;
  if (!y) y = dy;
  visit_unary(which, a, b, [=](auto f) {
    with_flag(accumulate, [=](auto add) {
      parallel_ranges(n, elementwise_grain, [=](int64_t begin, int64_t end) {
#pragma omp simd
        for (int64_t i = begin; i < end; ++i) store<add.value>(dx[i], dy[i] * f.derivative(x[i], y[i]));
      });
    });
  });
}

struct Add {
  template <class T>
  TAPEDECK_INLINE T operator()(T a, T b) const {
    return a + b;
  }
};
struct Subtract {
  template <class T>
  TAPEDECK_INLINE T operator()(T a, T b) const {
    return a - b;
  }
};
struct Multiply {
  template <class T>
  TAPEDECK_INLINE T operator()(T a, T b) const {
    return a * b;
  }
};
struct Divide {
  template <class T>
  TAPEDECK_INLINE T operator()(T a, T b) const {
    return a / b;
  }
};

template <bool add, class T, class Operation>
void binary_flat(Operation operation, int64_t n, const T* a, const T* b, T* y) {
  parallel_ranges(n, elementwise_grain, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) store<add>(y[i], operation(a[i], b[i]));
  });
}
template <bool add, class T, class Operation>
void binary_scalar(Operation operation, int64_t n, const T* a, const T* b, T* y) {
  const T value = *b;
  parallel_ranges(n, elementwise_grain, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) store<add>(y[i], operation(a[i], value));
  });
}
template <bool add, class T, class Operation>
void binary_row(Operation operation, int64_t rows, int64_t cols, const T* a, const T* b, T* y) {
  parallel_ranges(rows, row_grain(cols), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* a_row = a + row * cols;
      T* y_row = y + row * cols;
#pragma omp simd
      for (int64_t c = 0; c < cols; ++c) store<add>(y_row[c], operation(a_row[c], b[c]));
    }
  });
}
template <bool add, class T, class Operation>
void binary_column(Operation operation, int64_t rows, int64_t cols, const T* a, const T* b, T* y) {
  parallel_ranges(rows, row_grain(cols), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T value = b[row];
      const T* a_row = a + row * cols;
      T* y_row = y + row * cols;
#pragma omp simd
      for (int64_t c = 0; c < cols; ++c) store<add>(y_row[c], operation(a_row[c], value));
    }
  });
}

template <bool add, class T, class Operation>
void binary_as(Operation operation, Broadcast broadcast, int64_t rows, int64_t cols, const T* a, const T* b, T* y) {
  switch (broadcast) {
    case Broadcast::same:
      return binary_flat<add>(operation, rows * cols, a, b, y);
    case Broadcast::row:
      return binary_row<add>(operation, rows, cols, a, b, y);
    case Broadcast::column:
      return binary_column<add>(operation, rows, cols, a, b, y);
    case Broadcast::scalar:
      return binary_scalar<add>(operation, rows * cols, a, b, y);
  }
}

template <class T>
void binary(Binary which, Broadcast broadcast, int64_t rows, int64_t cols, const T* a, const T* b, T* y, bool accumulate) {
  with_flag(accumulate, [=](auto add) {
    switch (which) {
      case Binary::add:
        return binary_as<add.value>(Add{}, broadcast, rows, cols, a, b, y);
      case Binary::subtract:
        return binary_as<add.value>(Subtract{}, broadcast, rows, cols, a, b, y);
      case Binary::multiply:
        return binary_as<add.value>(Multiply{}, broadcast, rows, cols, a, b, y);
      case Binary::divide:
        return binary_as<add.value>(Divide{}, broadcast, rows, cols, a, b, y);
    }
  });
}

template <class T>
void add_scaled(int64_t n, double alpha, const T* x, T* y) {
  const T factor = T(alpha);
  parallel_ranges(n, elementwise_grain, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] += factor * x[i];
  });
}

template <class T>
void where(int64_t n, const uint8_t* condition, const T* a, const T* b, T* y) {
  parallel_ranges(n, elementwise_grain, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] = condition[i] ? a[i] : b[i];
  });
}

template <class T>
void dropout(int64_t n, Dropout options, const T* x, T* y, bool accumulate) {
  with_flag(accumulate, [=](auto add) {
    parallel_ranges(n, elementwise_grain, [=](int64_t begin, int64_t end) {
      dropout_range<add.value>(options, begin, end - begin, x + begin, y + begin);
    });
  });
}

}  // namespace

template <class T>
void register_elementwise(KernelTable<T>& table) {
  table.fill = fill<T>;
  table.unary = unary<T>;
  table.unary_backward = unary_backward<T>;
  table.binary = binary<T>;
  table.add_scaled = add_scaled<T>;
  table.where = where<T>;
  table.dropout = dropout<T>;
}
template void register_elementwise(KernelTable<float>&);
template void register_elementwise(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
