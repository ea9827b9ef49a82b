// The loops that show what a core can do at best: multiply-adds in registers, and a = b + alpha c through one level of
// the memory. Each is one thread's work; tensor/roofline.h runs one per thread and takes the time.
#include "variant.h"
#include "vectors.h"

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

/// Enough independent chains to fill two pipes of latency 5 or 6, few enough to stay in 16 or 32 registers.
constexpr int chains = vector_bytes == 64 ? 24 : 12;

template <class T>
double fma_loop(int64_t repeats, T* sink) {
  Vector<T> sum[chains];
  for (int c = 0; c < chains; ++c) sum[c] = Vector<T>{} + T(c);
  const Vector<T> shrink = Vector<T>{} + sink[0], add = Vector<T>{} + sink[1];
  for (int64_t i = 0; i < repeats; ++i)
#pragma GCC unroll 24
    for (int c = 0; c < chains; ++c) sum[c] = sum[c] * shrink + add;
  for (int c = 1; c < chains; ++c) sum[0] += sum[c];
  sink[2] = sum[0][0];
  return 2.0 * chains * lanes<T> * double(repeats);
}

template <class T>
void triad(int64_t n, double alpha, const T* b, const T* c, T* a) {
  const T factor = T(alpha);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) a[i] = b[i] + factor * c[i];
}

#ifdef __AVX512F__
/// Pairs of bf16 products added in f32: 64 flops an instruction.
__attribute__((target("avx512bf16,avx512vl"))) double bf16_loop(int64_t repeats, float* sink) {
  __m512 sum[chains];
  for (int c = 0; c < chains; ++c) sum[c] = _mm512_set1_ps(float(c));
  const __m512 ones = _mm512_set1_ps(sink[0]);
  const __m512bh left = _mm512_cvtne2ps_pbh(ones, ones), right = _mm512_cvtne2ps_pbh(_mm512_set1_ps(sink[1]), ones);
  for (int64_t i = 0; i < repeats; ++i)
#pragma GCC unroll 24
    for (int c = 0; c < chains; ++c) sum[c] = _mm512_dpbf16_ps(sum[c], left, right);
  for (int c = 1; c < chains; ++c) sum[0] = _mm512_add_ps(sum[0], sum[c]);
  sink[2] = _mm512_cvtss_f32(sum[0]);
  return 64.0 * chains * double(repeats);
}
bool has_bf16() { return __builtin_cpu_supports("avx512bf16"); }
#endif

void register_bf16(KernelTable<double>&) {}
void register_bf16([[maybe_unused]] KernelTable<float>& table) {
#ifdef __AVX512F__
  if (has_bf16()) table.bf16_loop = bf16_loop;
#endif
}

}  // namespace

template <class T>
void register_roofline(KernelTable<T>& table) {
  table.fma_loop = fma_loop<T>;
  table.triad = triad<T>;
  register_bf16(table);
}
template void register_roofline(KernelTable<float>&);
template void register_roofline(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
