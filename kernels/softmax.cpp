// Softmax, log-softmax and logsumexp over the last axis, with their derivatives. A row of -inf has softmax 0.
#include "rows.h"
#include "variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

/// body(row) for every row, several rows a task.
template <class Body>
TAPEDECK_INLINE void for_rows(int64_t rows, int64_t cols, Body body) {
  parallel_ranges(rows, row_grain(4 * cols), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) body(row);
  });
}

template <class T>
void softmax(int64_t rows, int64_t cols, const T* x, T* y) {
  for_rows(rows, cols, [=](int64_t row) { row_softmax(cols, x + row * cols, y + row * cols); });
}

/// dx = y (dy - sum(y dy))
template <class T>
void softmax_backward(int64_t rows, int64_t cols, const T* y, const T* dy, T* dx, bool accumulate) {
  with_flag(accumulate, [=](auto add) {
    for_rows(rows, cols, [=](int64_t row) {
      const T *y_row = y + row * cols, *dy_row = dy + row * cols;
      T* dx_row = dx + row * cols;
      const T dot = row_dot(cols, y_row, dy_row);
#pragma omp simd
      for (int64_t c = 0; c < cols; ++c) store<add.value>(dx_row[c], y_row[c] * (dy_row[c] - dot));
    });
  });
}

template <class T>
void log_softmax(int64_t rows, int64_t cols, const T* x, T* y) {
  for_rows(rows, cols, [=](int64_t row) {
    const T* x_row = x + row * cols;
    T* y_row = y + row * cols;
    const T top = row_max(cols, x_row);
    if (top == minus_infinity<T>()) {
      const T nothing = row_of_nothing(cols, x_row);
      for (int64_t c = 0; c < cols; ++c) y_row[c] = nothing;
      return;
    }
    const T log_total = log(row_sum_exp(cols, x_row, top));
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) y_row[c] = (x_row[c] - top) - log_total;
  });
}

/// dx = dy - exp(y) sum(dy)
template <class T>
void log_softmax_backward(int64_t rows, int64_t cols, const T* y, const T* dy, T* dx, bool accumulate) {
  with_flag(accumulate, [=](auto add) {
    for_rows(rows, cols, [=](int64_t row) {
      const T *y_row = y + row * cols, *dy_row = dy + row * cols;
      T* dx_row = dx + row * cols;
      const T total = row_sum(cols, dy_row);
#pragma omp simd
      for (int64_t c = 0; c < cols; ++c) store<add.value>(dx_row[c], dy_row[c] - exp(y_row[c]) * total);
    });
  });
}

template <class T>
void logsumexp(int64_t rows, int64_t cols, const T* x, T* y) {
  for_rows(rows, cols, [=](int64_t row) { y[row] = row_logsumexp(cols, x + row * cols); });
}

/// dx = dy softmax(x)
template <class T>
void logsumexp_backward(int64_t rows, int64_t cols, const T* x, const T* y, const T* dy, T* dx, bool accumulate) {
  with_flag(accumulate, [=](auto add) {
    for_rows(rows, cols, [=](int64_t row) {
      const T* x_row = x + row * cols;
      T* dx_row = dx + row * cols;
      const bool empty = y[row] == minus_infinity<T>();
      const T shift = empty ? T(0) : y[row], factor = dy[row];
#pragma omp simd
      for (int64_t c = 0; c < cols; ++c) store<add.value>(dx_row[c], factor * exp(x_row[c] - shift));
    });
  });
}

}  // namespace

template <class T>
void register_softmax(KernelTable<T>& table) {
  table.softmax = softmax<T>;
  table.softmax_backward = softmax_backward<T>;
  table.log_softmax = log_softmax<T>;
  table.log_softmax_backward = log_softmax_backward<T>;
  table.logsumexp = logsumexp<T>;
  table.logsumexp_backward = logsumexp_backward<T>;
}
template void register_softmax(KernelTable<float>&);
template void register_softmax(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
