// What happens to a finished tile of C while it is still in the cache: bias, the kept value, activation.
#pragma once
#include "../unary.h"
#include "../variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {

/// Applies `epilogue` to rows x cols of C starting at (row, col) of the whole [., n] matrix.
template <class T>
void apply_epilogue(const Epilogue<T>& epilogue, int64_t row, int64_t col, int64_t rows, int64_t cols, int64_t n, T* c) {
  const auto activate = [=, &epilogue](auto activation) {
    const T* bias = epilogue.bias ? epilogue.bias + col : nullptr;
    for (int64_t i = row; i < row + rows; ++i) {
      T* c_row = c + i * n + col;
      if (bias) {
#pragma omp simd
        for (int64_t j = 0; j < cols; ++j) c_row[j] += bias[j];
      }
      if (epilogue.before_activation) {
        T* kept = epilogue.before_activation + i * n + col;
#pragma omp simd
        for (int64_t j = 0; j < cols; ++j) kept[j] = c_row[j];
      }
#pragma omp simd
      for (int64_t j = 0; j < cols; ++j) c_row[j] = activation.forward(c_row[j]);
    }
  };
  struct Identity {
    TAPEDECK_INLINE T forward(T x) const { return x; }
  };
  switch (epilogue.activation) {
    case Activation::none:
      return activate(Identity{});
    case Activation::relu:
      return activate(relu_op{});
    case Activation::gelu_erf:
      return activate(gelu_op{});
    case Activation::gelu_tanh:
      return activate(gelu_tanh_op{});
    case Activation::silu:
      return activate(silu_op{});
    case Activation::tanh:
      return activate(tanh_op{});
  }
}

/// Without a k there is nothing to add, but C and the epilogue are still owed.
template <class T>
void empty_product(const Gemm& g, T* c, const Epilogue<T>* epilogue) {
  for (int64_t i = 0; i < g.m * g.n && !g.accumulate; ++i) c[i] = 0;
  if (epilogue) apply_epilogue(*epilogue, 0, 0, g.m, g.n, g.n, c);
}

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
