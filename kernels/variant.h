// Shared by the sources that are compiled once per instruction set: each registers its kernels. These
// sources use no templates of the standard library (their code would be merged across variants). Next: kernel_table.cpp.
#pragma once
#include "isa.h"
#include "kernels.h"
#include "parallel.h"
#include "scratch.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {

template <class T>
void register_elementwise(KernelTable<T>&);
template <class T>
void register_reduce(KernelTable<T>&);
template <class T>
void register_summary(KernelTable<T>&);
template <class T>
void register_softmax(KernelTable<T>&);
template <class T>
void register_losses(KernelTable<T>&);
template <class T>
void register_norm(KernelTable<T>&);
template <class T>
void register_layout(KernelTable<T>&);
template <class T>
void register_tables(KernelTable<T>&);
template <class T>
void register_attention(KernelTable<T>&);
template <class T>
void register_ragged(KernelTable<T>&);
template <class T>
void register_random(KernelTable<T>&);
template <class T>
void register_optimizer(KernelTable<T>&);
template <class T>
void register_roofline(KernelTable<T>&);
template <class T>
void register_native_gemm(KernelTable<T>&);
template <class T>
void register_bf16_gemm(KernelTable<T>&);
template <class T>
void register_openblas_gemm(KernelTable<T>&);

TAPEDECK_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
TAPEDECK_INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
TAPEDECK_INLINE int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

inline constexpr int64_t elementwise_grain = 16384;  // elements per task: about 3 microseconds of streaming
/// Rows per task so that a task touches about `elementwise_grain` numbers.
TAPEDECK_INLINE int64_t row_grain(int64_t cols) { return larger(1, elementwise_grain / larger(1, cols)); }

template <bool value_>
struct Flag {
  static constexpr bool value = value_;
};
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
