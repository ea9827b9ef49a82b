// The innermost product: a few rows of A times a panel of B, with every sum in a register. Plain vector types of the
// compiler, one shape per instruction set. Used by native.cpp and by attention. Next: native.cpp.
#pragma once
#include "../variant.h"
#include "../vectors.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {

#if defined(__AVX512F__)
inline constexpr int group_rows = 14;  // 14 x 2 sums, 2 of B, 1 of A: 31 of 32 registers
#elif defined(__AVX2__)
inline constexpr int group_rows = 6;  // 6 x 2 sums, 2 of B, 1 of A: 15 of 16 registers
#else
inline constexpr int group_rows = 4;  // no fused multiply-add: products need registers too
#endif
template <class T>
inline constexpr int panel_cols = 2 * lanes<T>;

/// Element (i, p) of an operand is data[i * row + p * col].
template <class T>
struct MatrixView {
  const T* data;
  int64_t row, col;
  TAPEDECK_INLINE const T* at(int64_t i, int64_t p) const { return data + i * row + p * col; }
};

/// c[i, 0..cols) (+)= sum_p a(i, p) b[p * b_step + ..] for i < rows; cols <= vectors * lanes, b is readable to that width.
/// One stride of A is 1: the other one is `a_stride`. Sums run over p in order, whatever the other sizes are.
template <class T, int rows, int vectors, bool rows_strided>
void micro_product(int64_t k, const T* __restrict a, int64_t a_stride, const T* __restrict b, int64_t b_step, T* __restrict c,
                   int64_t c_stride, int64_t cols, bool add) {
  Vector<T> sum[rows][vectors] = {};
  for (int i = 0; i < rows; ++i)
    for (int v = 0; v < vectors; ++v) __builtin_prefetch(c + i * c_stride + v * lanes<T>, 1);
  for (int64_t p = 0; p < k; ++p, b += b_step) {
    Vector<T> b_row[vectors];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) b_row[v] = load(b + v * lanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const T factor = rows_strided ? a[i * a_stride + p] : a[p * a_stride + i];
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) sum[i][v] += factor * b_row[v];
    }
  }
  if (cols == vectors * lanes<T>) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) {
        T* to = c + i * c_stride + v * lanes<T>;
        put(to, add ? load<T>(to) + sum[i][v] : sum[i][v]);
      }
    return;
  }
  for (int i = 0; i < rows; ++i) {
    alignas(vector_bytes) T line[vectors * lanes<T>];
    for (int v = 0; v < vectors; ++v) put(line + v * lanes<T>, sum[i][v]);
    for (int64_t j = 0; j < cols; ++j) c[i * c_stride + j] = add ? c[i * c_stride + j] + line[j] : line[j];
  }
}

/// The same for any number of rows: full groups, then 8, 4, 2, 1 rows.
template <class T, int vectors, bool rows_strided>
void panel_product(int64_t m, int64_t k, const T* a, int64_t a_stride, const T* b, int64_t b_step, T* c, int64_t c_stride,
                   int64_t cols, bool add) {
  const int64_t a_row = rows_strided ? a_stride : 1;
  int64_t i = 0;
  const auto rows_of = [&]<int rows>() {
    for (; i + rows <= m; i += rows)
      micro_product<T, rows, vectors, rows_strided>(k, a + i * a_row, a_stride, b, b_step, c + i * c_stride, c_stride, cols, add);
  };
  rows_of.template operator()<group_rows>();
  if constexpr (group_rows > 8) rows_of.template operator()<8>();
  if constexpr (group_rows > 4) rows_of.template operator()<4>();
  rows_of.template operator()<2>();
  rows_of.template operator()<1>();
}

/// Panels of `panel_cols` columns of B[k, n], each stored as k rows; the last one is padded with zeros.
/// One stride of B must be 1. A product may use fewer of the packed rows and columns than there are.
template <class T>
struct Panels {
  const T* data;
  int64_t rows;
  TAPEDECK_INLINE const T* at(int64_t col) const { return data + col * rows; }  // col: a multiple of panel_cols
};
template <class T>
TAPEDECK_INLINE int64_t packed_size(int64_t k, int64_t n) {
  return ceil_divide(n, panel_cols<T>) * panel_cols<T> * k;
}

template <class T>
void pack_panel(const MatrixView<T>& b, int64_t k, int64_t cols, T* packed) {
  constexpr int64_t width = panel_cols<T>;
  if (b.col == 1 && cols == panel_cols<T>) {
    for (int64_t p = 0; p < k; ++p)
      for (int v = 0; v < 2; ++v) put(packed + p * width + v * lanes<T>, load(b.at(p, v * lanes<T>)));
    return;
  }
  if (b.col == 1) {
    for (int64_t p = 0; p < k; ++p)
      for (int64_t j = 0; j < width; ++j) packed[p * width + j] = j < cols ? *b.at(p, j) : T(0);
    return;
  }
  transpose_into<false>(cols, k, b.data, b.col, packed, width);
  for (int64_t p = 0; p < k && cols < width; ++p)
    for (int64_t j = cols; j < width; ++j) packed[p * width + j] = 0;
}
template <class T>
Panels<T> pack_panels(const MatrixView<T>& b, int64_t k, int64_t n, T* packed) {
  for (int64_t j = 0; j < n; j += panel_cols<T>)
    pack_panel<T>({b.at(0, j), b.row, b.col}, k, smaller(panel_cols<T>, n - j), packed + j * k);
  return {packed, k};
}

/// c[m, cols] (+)= A[m, k] times one panel (packed, or in place with rows `b_step` apart).
template <class T>
TAPEDECK_INLINE void multiply_panel(int64_t m, int64_t cols, int64_t k, const MatrixView<T>& a, const T* b, int64_t b_step, T* c,
                                    int64_t c_stride, bool add) {
  const bool narrow = cols <= lanes<T>;
  if (a.col == 1) {
    if (narrow) panel_product<T, 1, true>(m, k, a.data, a.row, b, b_step, c, c_stride, cols, add);
    else panel_product<T, 2, true>(m, k, a.data, a.row, b, b_step, c, c_stride, cols, add);
  } else {
    if (narrow) panel_product<T, 1, false>(m, k, a.data, a.col, b, b_step, c, c_stride, cols, add);
    else panel_product<T, 2, false>(m, k, a.data, a.col, b, b_step, c, c_stride, cols, add);
  }
}

/// c[m, n] (+)= A[m, k] B[k, n] on this thread. A must have a stride of 1.
template <class T>
void multiply_packed(int64_t m, int64_t n, int64_t k, const MatrixView<T>& a, const Panels<T>& b, T* c, int64_t c_stride,
                     bool add) {
  for (int64_t j = 0; j < n; j += panel_cols<T>) {
    const int64_t cols = smaller(panel_cols<T>, n - j);
    multiply_panel(m, cols, k, a, b.at(j), panel_cols<T>, c + j, c_stride, add);
  }
}

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
