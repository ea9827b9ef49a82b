// Reductions and transformations of one contiguous row, shared by softmax, losses and attention.
#pragma once
#include "isa.h"
#include "math.h"
#include "vectors.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {

template <class T>
TAPEDECK_INLINE T minus_infinity() {
  return -T(__builtin_inff());
}

template <class T>
TAPEDECK_INLINE T row_max(int64_t n, const T* x) {
  return row_reduce(
      n, minus_infinity<T>(), [](auto a, auto b) { return a < b ? b : a; }, [](auto value) { return value; }, x);
}
template <class T>
TAPEDECK_INLINE T row_sum(int64_t n, const T* x) {
  return row_total(
      n, [](auto value) { return value; }, x);
}
template <class T>
TAPEDECK_INLINE T row_dot(int64_t n, const T* x, const T* y) {
  return row_total(
      n, [](auto a, auto b) { return a * b; }, x, y);
}
/// sum_i exp(x_i - shift)
template <class T>
TAPEDECK_INLINE T row_sum_exp(int64_t n, const T* x, T shift) {
  T total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) total += exp(x[i] - shift);
  return total;
}
/// What a row whose maximum is -inf adds up to: -inf, or NaN if one is among its entries, since no maximum sees it.
template <class T>
TAPEDECK_INLINE T row_of_nothing(int64_t n, const T* x) {
  return n == 0 ? minus_infinity<T>() : row_sum(n, x);
}

/// log sum_i exp(x_i); -inf for a row of -inf (or an empty one).
template <class T>
TAPEDECK_INLINE T row_logsumexp(int64_t n, const T* x) {
  const T top = row_max(n, x);
  return top == minus_infinity<T>() ? row_of_nothing(n, x) : top + log(row_sum_exp(n, x, top));
}
/// y = softmax(x), zeros for a row of -inf; returns logsumexp. x and y may be the same row.
template <class T>
TAPEDECK_INLINE T row_softmax(int64_t n, const T* x, T* y) {
  const T top = row_max(n, x);
  if (top == minus_infinity<T>()) {
    const T nothing = row_of_nothing(n, x);
    for (int64_t i = 0; i < n; ++i) y[i] = nothing == top ? T(0) : nothing;
    return nothing;
  }
  T total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) {
    const T e = exp(x[i] - top);
    y[i] = e;
    total += e;
  }
  const T factor = T(1) / total;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] *= factor;
  return top + log(total);
}

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
