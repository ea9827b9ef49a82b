// Matrix products by OpenBLAS: C is cut into fixed tiles, each a single-threaded call inside our own parallel loop, so
// the bits do not depend on the number of threads. Next: native.cpp (the same table entries without a library).
#include <cblas.h>
#include <omp.h>

#include "epilogue.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

inline constexpr int64_t tile_rows = 128, tile_cols = 256;

/// OpenBLAS asks OpenMP how many threads it may use; while this lives the answer is one, also outside parallel regions
/// and in regions of a single thread.
struct SingleThreaded {
  int before = omp_get_max_threads();
  SingleThreaded() {
    if (before != 1) omp_set_num_threads(1);
  }
  ~SingleThreaded() {
    if (before != 1) omp_set_num_threads(before);
  }
};

TAPEDECK_INLINE CBLAS_TRANSPOSE flag(bool transposed) { return transposed ? CblasTrans : CblasNoTrans; }

void call(const Gemm& g, int64_t m, int64_t n, const float* a, const float* b, float* c) {
  cblas_sgemm(CblasRowMajor, flag(g.a_transposed), flag(g.b_transposed), int(m), int(n), int(g.k), 1.0f, a,
              int(g.a_transposed ? g.m : g.k), b, int(g.b_transposed ? g.k : g.n), g.accumulate ? 1.0f : 0.0f, c, int(g.n));
}
void call(const Gemm& g, int64_t m, int64_t n, const double* a, const double* b, double* c) {
  cblas_dgemm(CblasRowMajor, flag(g.a_transposed), flag(g.b_transposed), int(m), int(n), int(g.k), 1.0, a,
              int(g.a_transposed ? g.m : g.k), b, int(g.b_transposed ? g.k : g.n), g.accumulate ? 1.0 : 0.0, c, int(g.n));
}

template <class T>
void tile(const Gemm& g, int64_t row, int64_t col, const T* a, const T* b, T* c, const Epilogue<T>* epilogue) {
  const int64_t m = smaller(tile_rows, g.m - row), n = smaller(tile_cols, g.n - col);
  if (g.k > 0) {
    const SingleThreaded guard;
    call(g, m, n, a + row * (g.a_transposed ? 1 : g.k), b + col * (g.b_transposed ? g.k : 1), c + row * g.n + col);
  } else if (!g.accumulate) {
    for (int64_t i = row; i < row + m; ++i)
      for (int64_t j = col; j < col + n; ++j) c[i * g.n + j] = 0;
  }
  if (epilogue) apply_epilogue(*epilogue, row, col, m, n, g.n, c);
}

template <class T>
void gemm_batched_with(const Gemm& g, int64_t batches, const T* a, int64_t a_step, const T* b, int64_t b_step, T* c,
                       int64_t c_step, const Epilogue<T>* epilogue) {
  if (g.m <= 0 || g.n <= 0) return;
  const int64_t down = ceil_divide(g.m, tile_rows), across = ceil_divide(g.n, tile_cols), tiles = batches * down * across;
  const int64_t work = larger(1, smaller(g.m, tile_rows) * smaller(g.n, tile_cols) * g.k);
  parallel_ranges(tiles, larger(1, (1 << 18) / work), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t i = t / (down * across), row = t / across % down * tile_rows, col = t % across * tile_cols;
      tile(g, row, col, a + i * a_step, b + i * b_step, c + i * c_step, epilogue);
    }
  });
}

template <class T>
void gemm(const Gemm& g, const T* a, const T* b, T* c, const Epilogue<T>* epilogue) {
  gemm_batched_with(g, 1, a, 0, b, 0, c, 0, epilogue);
}

template <class T>
void gemm_batched(const Gemm& g, int64_t batches, const T* a, int64_t a_step, const T* b, int64_t b_step, T* c, int64_t c_step) {
  gemm_batched_with<T>(g, batches, a, a_step, b, b_step, c, c_step, nullptr);
}

}  // namespace

template <class T>
void register_openblas_gemm(KernelTable<T>& table) {
  table.gemm = gemm<T>;
  table.gemm_batched = gemm_batched<T>;
}
template void register_openblas_gemm(KernelTable<float>&);
template void register_openblas_gemm(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
