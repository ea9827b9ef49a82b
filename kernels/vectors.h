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

template <class T> inline constexpr int lanes = vector_bytes / int(sizeof(T));

template <class T>
struct Lanes {
  typedef T type __attribute__((vector_size(vector_bytes)));
  typedef T unaligned __attribute__((vector_size(vector_bytes), aligned(alignof(T)), may_alias));
};
template <class T> using Vector = typename Lanes<T>::type;

template <class T>
TAPEDECK_INLINE Vector<T> load(const T* from) { return *reinterpret_cast<const typename Lanes<T>::unaligned*>(from); }
template <class T>
TAPEDECK_INLINE void put(T* to, Vector<T> value) { *reinterpret_cast<typename Lanes<T>::unaligned*>(to) = value; }

/// out = a[0], b[0], a[1], b[1], ...
template <class V, class T, int... lane>
TAPEDECK_INLINE void interleave_lanes(V a, V b, T* out, std::integer_sequence<int, lane...>) {
  constexpr int n = lanes<T>;
  put<T>(out, __builtin_shufflevector(a, b, ((lane & 1) * n + lane / 2)...));
  put<T>(out + n, __builtin_shufflevector(a, b, ((lane & 1) * n + n / 2 + lane / 2)...));
}
template <class V, class T>
TAPEDECK_INLINE void interleave(V a, V b, T* out) { interleave_lanes(a, b, out, std::make_integer_sequence<int, lanes<T>>{}); }

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
