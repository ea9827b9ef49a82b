// Rows looked up by index, their transposes, and pooling over the rows of packed sequences. Indices are not checked here.
#include "rows.h"
#include "variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

inline constexpr int64_t table_columns = 64;  // columns owned by one task when rows collide

template <class T>
void gather(int64_t rows, int64_t cols, const int32_t* index, const T* table, T* y) {
  parallel_ranges(rows, row_grain(cols), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) __builtin_memcpy(y + i * cols, table + index[i] * cols, size_t(cols) * sizeof(T));
  });
}

template <class T>
void scatter_add(int64_t rows, int64_t cols, int64_t table_rows, const int32_t* index, const T* x, T* table, bool accumulate) {
  if (!accumulate)
    parallel_ranges(table_rows * cols, elementwise_grain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) table[i] = 0;
    });
  parallel_ranges(cols, table_columns, [=](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < rows; ++i) {
      const T* from = x + i * cols;
      T* to = table + index[i] * cols;
#pragma omp simd
      for (int64_t c = begin; c < end; ++c) to[c] += from[c];
    }
  });
}

template <class T>
void pick(int64_t rows, int64_t cols, const int32_t* column, const T* x, T* y) {
  for (int64_t i = 0; i < rows; ++i) y[i] = x[i * cols + column[i]];
}

template <class T>
void pick_backward(int64_t rows, int64_t cols, const int32_t* column, const T* dy, T* dx, bool accumulate) {
  parallel_ranges(rows, row_grain(cols), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* row = dx + i * cols;
      for (int64_t c = 0; c < cols && !accumulate; ++c) row[c] = 0;
      row[column[i]] += dy[i];
    }
  });
}

template <class T>
void segment_mean(int64_t sequences, int64_t cols, const int32_t* offsets, const T* x, T* y) {
  parallel_tasks(sequences, [=](int64_t b) {
    T* out = y + b * cols;
    for (int64_t c = 0; c < cols; ++c) out[c] = 0;
    for (int64_t row = offsets[b]; row < offsets[b + 1]; ++row) {
#pragma omp simd
      for (int64_t c = 0; c < cols; ++c) out[c] += x[row * cols + c];
    }
    const T factor = T(1) / T(larger(1, offsets[b + 1] - offsets[b]));
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) out[c] *= factor;
  });
}

template <class T>
void segment_mean_backward(int64_t sequences, int64_t cols, const int32_t* offsets, const T* dy, T* dx, bool accumulate) {
  with_flag(accumulate, [=](auto add) {
    parallel_tasks(sequences, [=](int64_t b) {
      const T* from = dy + b * cols;
      const T factor = T(1) / T(larger(1, offsets[b + 1] - offsets[b]));
      for (int64_t row = offsets[b]; row < offsets[b + 1]; ++row) {
#pragma omp simd
        for (int64_t c = 0; c < cols; ++c) store<add.value>(dx[row * cols + c], factor * from[c]);
      }
    });
  });
}

template <class T>
void segment_argmax(int64_t sequences, int64_t cols, const int32_t* offsets, const T* x, int32_t* row) {
  parallel_tasks(sequences, [=](int64_t b) {
    int32_t* best = row + b * cols;
    for (int64_t c = 0; c < cols; ++c) best[c] = offsets[b] < offsets[b + 1] ? offsets[b] : -1;
    for (int32_t r = offsets[b] + 1; r < offsets[b + 1]; ++r)
      for (int64_t c = 0; c < cols; ++c) best[c] = x[r * cols + c] > x[best[c] * cols + c] ? r : best[c];
  });
}

}  // namespace

template <class T>
void register_tables(KernelTable<T>& table) {
  table.gather = gather<T>;
  table.scatter_add = scatter_add<T>;
  table.pick = pick<T>;
  table.pick_backward = pick_backward<T>;
  table.segment_mean = segment_mean<T>;
  table.segment_mean_backward = segment_mean_backward<T>;
  table.segment_argmax = segment_argmax<T>;
}
template void register_tables(KernelTable<float>&);
template void register_tables(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
