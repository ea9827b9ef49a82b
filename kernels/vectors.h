// Fixed-width vectors of the compiler (no intrinsics): loads, stores and the transpose of a square block in registers.
#pragma once
#include <cstdint>
#include <utility>

#include "isa.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
inline constexpr int vector_bytes = 32;
#else
inline constexpr int vector_bytes = 16;
#endif

template <class T>
inline constexpr int lanes = vector_bytes / int(sizeof(T));

template <class T>
struct Lanes {
  typedef T type __attribute__((vector_size(vector_bytes)));
  typedef T unaligned __attribute__((vector_size(vector_bytes), aligned(alignof(T)), may_alias));
};
template <class T>
using Vector = typename Lanes<T>::type;

template <class T>
TAPEDECK_INLINE Vector<T> load(const T* from) {
  return *reinterpret_cast<const typename Lanes<T>::unaligned*>(from);
}
template <class T>
TAPEDECK_INLINE void put(T* to, Vector<T> value) {
  *reinterpret_cast<typename Lanes<T>::unaligned*>(to) = value;
}

/// 0, 1, 2, ...
template <class T, int... lane>
TAPEDECK_INLINE Vector<T> count_lanes(std::integer_sequence<int, lane...>) {
  return Vector<T>{T(lane)...};
}
template <class T>
TAPEDECK_INLINE Vector<T> lane_numbers() {
  return count_lanes<T>(std::make_integer_sequence<int, lanes<T>>{});
}

/// combine over i of term(x[i]...), starting from `start`, in four independent chains: the sums of a row do not wait for
/// each other. `term` and `combine` are generic: they meet vectors, then single numbers.
template <class T, class Combine, class Term, class... P>
TAPEDECK_INLINE T row_reduce(int64_t n, T start, Combine combine, Term term, const P*... x) {
  constexpr int64_t width = lanes<T>;
  const Vector<T> initial = Vector<T>{} + start;
  Vector<T> chain[4] = {initial, initial, initial, initial};
  int64_t i = 0;
  for (; i + 4 * width <= n; i += 4 * width) {
#pragma GCC unroll 4
    for (int64_t c = 0; c < 4; ++c) chain[c] = combine(chain[c], term(load(x + i + c * width)...));
  }
  for (; i + width <= n; i += width) chain[0] = combine(chain[0], term(load(x + i)...));
  const Vector<T> all = combine(combine(chain[0], chain[1]), combine(chain[2], chain[3]));
  T result = start;
  if (n >= width) {
    T lane[width];
    put<T>(lane, all);
#pragma GCC unroll 8
    for (int64_t half = width / 2; half > 0; half /= 2)
      for (int64_t l = 0; l < half; ++l) lane[l] = combine(lane[l], lane[l + half]);
    result = lane[0];
  }
  for (; i < n; ++i) result = combine(result, term(x[i]...));
  return result;
}
template <class T, class Term, class... P>
TAPEDECK_INLINE T row_total(int64_t n, Term term, const T* first, const P*... x) {
  return row_reduce(
      n, T(0), [](auto a, auto b) { return a + b; }, term, first, x...);
}

/// out = a[0], b[0], a[1], b[1], ...
template <class V, class T, int... lane>
TAPEDECK_INLINE void interleave_lanes(V a, V b, T* out, std::integer_sequence<int, lane...>) {
  constexpr int n = lanes<T>;
  put<T>(out, __builtin_shufflevector(a, b, ((lane & 1) * n + lane / 2)...));
  put<T>(out + n, __builtin_shufflevector(a, b, ((lane & 1) * n + n / 2 + lane / 2)...));
}
template <class V, class T>
TAPEDECK_INLINE void interleave(V a, V b, T* out) {
  interleave_lanes(a, b, out, std::make_integer_sequence<int, lanes<T>>{});
}

/// Swaps the off-diagonal `half` x `half` blocks of every 2 half x 2 half block: one step of a recursive transpose.
template <class T, int half, int... lane>
TAPEDECK_INLINE void swap_blocks(Vector<T>& upper, Vector<T>& lower, std::integer_sequence<int, lane...>) {
  const Vector<T> a = upper, b = lower;
  upper = __builtin_shufflevector(a, b, ((lane & half) ? lanes<T> + lane - half : lane)...);
  lower = __builtin_shufflevector(a, b, ((lane & half) ? lanes<T> + lane : lane + half)...);
}
template <class T, int half = 1>
TAPEDECK_INLINE void transpose_rows(Vector<T> (&row)[lanes<T>]) {
#pragma GCC unroll 16
  for (int i = 0; i < lanes<T>; ++i)
    if (!(i & half)) swap_blocks<T, half>(row[i], row[i + half], std::make_integer_sequence<int, lanes<T>>{});
  if constexpr (2 * half < lanes<T>) transpose_rows<T, 2 * half>(row);
}

/// to[j * to_stride + i] (+)= from[i * from_stride + j] for i < rows, j < cols: full blocks in registers, edges one by one.
template <bool add, class T>
void transpose_into(int64_t rows, int64_t cols, const T* from, int64_t from_stride, T* to, int64_t to_stride) {
  constexpr int64_t n = lanes<T>;
  const int64_t full_rows = rows / n * n, full_cols = cols / n * n;
  for (int64_t i = 0; i < full_rows; i += n)
    for (int64_t j = 0; j < full_cols; j += n) {
      Vector<T> row[n];
#pragma GCC unroll 16
      for (int64_t r = 0; r < n; ++r) row[r] = load(from + (i + r) * from_stride + j);
      transpose_rows<T>(row);
#pragma GCC unroll 16
      for (int64_t r = 0; r < n; ++r) {
        T* line = to + (j + r) * to_stride + i;
        put<T>(line, add ? load<T>(line) + row[r] : row[r]);
      }
    }
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = i < full_rows ? full_cols : 0; j < cols; ++j) {
      T& out = to[j * to_stride + i];
      out = add ? out + from[i * from_stride + j] : from[i * from_stride + j];
    }
}

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
