// Matrix products without a library.
#include "epilogue.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

template <class T>
void gemm(const Gemm& g, const T* a, const T* b, T* c, const Epilogue<T>* epilogue) {
  parallel_ranges(g.m, larger(1, (1 << 18) / larger(1, g.n * g.k)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* row = c + i * g.n;
      for (int64_t j = 0; j < g.n && !g.accumulate; ++j) row[j] = 0;
      for (int64_t p = 0; p < g.k; ++p) {
        const T value = g.a_transposed ? a[p * g.m + i] : a[i * g.k + p];
        const T* from = g.b_transposed ? b + p : b + p * g.n;
        const int64_t stride = g.b_transposed ? g.k : 1;
        for (int64_t j = 0; j < g.n; ++j) row[j] += value * from[j * stride];
      }
    }
    if (epilogue) apply_epilogue(*epilogue, begin, 0, end - begin, g.n, g.n, c);
  });
}

template <class T>
void gemm_batched(const Gemm& g, int64_t batches, const T* a, int64_t a_step, const T* b, int64_t b_step, T* c, int64_t c_step) {
  parallel_tasks(batches, [&](int64_t i) { gemm<T>(g, a + i * a_step, b + i * b_step, c + i * c_step, nullptr); });
}

}  // namespace

template <class T>
void offer_native_gemm(Menu<T>& menu) {
  menu.gemm = gemm<T>;
  menu.gemm_batched = gemm_batched<T>;
}
template void offer_native_gemm(Menu<float>&);
template void offer_native_gemm(Menu<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
