// Shared by the sources that are compiled once per instruction set: each offers its kernels to the menu here. These
// sources use no templates of the standard library (their code would be merged across variants). Next: menu.cpp.
#pragma once
#include "isa.h"
#include "kernels.h"
#include "parallel.h"
#include "scratch.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {

template <class T> void offer_elementwise(Menu<T>&);
template <class T> void offer_reduce(Menu<T>&);
template <class T> void offer_summary(Menu<T>&);
template <class T> void offer_softmax(Menu<T>&);
template <class T> void offer_losses(Menu<T>&);
template <class T> void offer_norm(Menu<T>&);
template <class T> void offer_layout(Menu<T>&);
template <class T> void offer_tables(Menu<T>&);
template <class T> void offer_attention(Menu<T>&);
template <class T> void offer_ragged(Menu<T>&);
template <class T> void offer_rotary(Menu<T>&);
template <class T> void offer_random(Menu<T>&);
template <class T> void offer_optimizer(Menu<T>&);
template <class T> void offer_roofline(Menu<T>&);
template <class T> void offer_native_gemm(Menu<T>&);
template <class T> void offer_bf16_gemm(Menu<T>&);
template <class T> void offer_openblas_gemm(Menu<T>&);

TAPEDECK_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
TAPEDECK_INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
TAPEDECK_INLINE int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

inline constexpr int64_t elementwise_grain = 16384;  // elements per task: about 3 microseconds of streaming
/// Rows per task so that a task touches about `elementwise_grain` numbers.
TAPEDECK_INLINE int64_t row_grain(int64_t cols) { return larger(1, elementwise_grain / larger(1, cols)); }

template <bool value_>
struct Flag { static constexpr bool value = value_; };
/// Turns `accumulate` into a compile-time choice: body(Flag<true>{}) or body(Flag<false>{}).
template <class Body>
TAPEDECK_INLINE void with_flag(bool flag, Body&& body) {
  if (flag) body(Flag<true>{});
  else body(Flag<false>{});
}
/// y = value or y += value.
template <bool add, class T>
TAPEDECK_INLINE void store(T& y, T value) {
  if constexpr (add) y += value;
  else y = value;
}

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
