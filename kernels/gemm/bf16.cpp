// Products whose operands are rounded to bf16 while the sums stay in f32 (vdpbf16ps): two neighbours in k form one 32-bit
// pair. Only where the CPU has the instruction; elsewhere the table entry stays empty. Next: native.cpp, the same in f32.
#include "epilogue.h"
#include "micro.h"
#include "tiles.h"

#if defined(__AVX512F__)
#include <immintrin.h>

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

#define TAPEDECK_BF16 __attribute__((target("avx512bf16,avx512vl,avx512bw,avx512dq")))

using Pair = uint32_t;  // element k in the lower half, k + 1 in the upper
inline constexpr int64_t width = panel_cols<float>, half = lanes<float>;
inline constexpr Limits limits{1024, 8, 24}, strided_limits{1024, 16, 16};

/// pairs[p] = (x[2p], x[2p+1]) for p < pairs; a last odd number is paired with 0.
TAPEDECK_BF16 void pair_row(int64_t n, const float* x, Pair* pairs) {
  for (int64_t i = 0; i < n; i += half) {
    const __mmask16 some = n - i < half ? __mmask16((1 << (n - i)) - 1) : __mmask16(0xFFFF);
    const __m256i halves = (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(some, x + i));
    const __mmask8 places = n - i < half ? __mmask8((1 << (n - i + 1) / 2) - 1) : __mmask8(0xFF);
    _mm256_mask_storeu_epi32(pairs + i / 2, places, halves);
  }
}

/// pairs[j] = (lower[j], upper[j]) for j < n; upper may be null (0). The masked forms: gcc 12 warns about the plain ones.
TAPEDECK_BF16 void pair_rows(int64_t n, const float* lower, const float* upper, Pair* pairs) {
  for (int64_t j = 0; j < n; j += half) {
    const __mmask16 some = n - j < half ? __mmask16((1 << (n - j)) - 1) : __mmask16(0xFFFF);
    const __m512i low = _mm512_maskz_cvtepu16_epi32(0xFFFF, (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(some, lower + j)));
    __m512i pair = low;
    if (upper) {
      const __m512i high =
          _mm512_maskz_cvtepu16_epi32(0xFFFF, (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(some, upper + j)));
      pair = _mm512_or_epi32(low, _mm512_maskz_slli_epi32(0xFFFF, high, 16));
    }
    _mm512_mask_storeu_epi32(pairs + j, some, pair);
  }
}

/// c[i, 0..cols) (+)= sum over `pairs` pairs of a(i, p) . b[p]; element (i, p) of A at a + i * row + p * step.
template <int rows, bool full>
TAPEDECK_BF16 void micro_pairs(int64_t pairs, const Pair* __restrict a, int64_t row, int64_t step, const Pair* __restrict b,
                               float* __restrict c, int64_t c_stride, int64_t cols, bool add) {
  __m512 sum[rows][2] = {};
  for (int i = 0; i < rows; ++i) __builtin_prefetch(c + i * c_stride, 1), __builtin_prefetch(c + i * c_stride + half, 1);
  for (int64_t p = 0; p < pairs; ++p, b += width, a += step) {
    const __m512bh left = (__m512bh)_mm512_loadu_si512(b), right = (__m512bh)_mm512_loadu_si512(b + half);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const __m512bh factor = (__m512bh)_mm512_set1_epi32(int(a[i * row]));
      sum[i][0] = _mm512_dpbf16_ps(sum[i][0], factor, left);
      sum[i][1] = _mm512_dpbf16_ps(sum[i][1], factor, right);
    }
  }
  const __mmask16 low = full || cols >= half ? __mmask16(0xFFFF) : __mmask16((1 << cols) - 1);
  const __mmask16 high = full ? __mmask16(0xFFFF) : cols <= half ? __mmask16(0) : __mmask16((1 << (cols - half)) - 1);
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
    float* to = c + i * c_stride;
    if (add) {
      sum[i][0] = _mm512_add_ps(_mm512_maskz_loadu_ps(low, to), sum[i][0]);
      sum[i][1] = _mm512_add_ps(_mm512_maskz_loadu_ps(high, to + half), sum[i][1]);
    }
    _mm512_mask_storeu_ps(to, low, sum[i][0]);
    _mm512_mask_storeu_ps(to + half, high, sum[i][1]);
  }
}

template <int rows>
void micro_pairs_of(int64_t pairs, const Pair* a, int64_t row, int64_t step, const Pair* b, float* c, int64_t c_stride,
                    int64_t cols, bool add) {
  if (cols == width) micro_pairs<rows, true>(pairs, a, row, step, b, c, c_stride, cols, add);
  else micro_pairs<rows, false>(pairs, a, row, step, b, c, c_stride, cols, add);
}

/// m rows of A times one panel.
void multiply_pairs(int64_t m, int64_t cols, int64_t pairs, const Pair* a, int64_t row, int64_t step, const Pair* b, float* c,
                    int64_t c_stride, bool add) {
  int64_t i = 0;
  for (; i + group_rows <= m; i += group_rows)
    micro_pairs_of<group_rows>(pairs, a + i * row, row, step, b, c + i * c_stride, c_stride, cols, add);
  for (; i + 4 <= m; i += 4) micro_pairs_of<4>(pairs, a + i * row, row, step, b, c + i * c_stride, c_stride, cols, add);
  for (; i < m; ++i) micro_pairs_of<1>(pairs, a + i * row, row, step, b, c + i * c_stride, c_stride, cols, add);
}

struct Product {
  Gemm g;
  const float *a, *b;
  float* c;
  const Epilogue<float>* epilogue;
  Tiles tiles;
};

/// Columns j .. j + width of B: [ceil(k/2)][width].
void pack_pairs(const Gemm& g, const float* b, int64_t j, Pair* panel) {
  const int64_t cols = smaller(width, g.n - j), pairs = ceil_divide(g.k, 2);
  if (!g.b_transposed) {
    for (int64_t p = 0; p < pairs; ++p) {
      const float* lower = b + 2 * p * g.n + j;
      pair_rows(cols, lower, 2 * p + 1 < g.k ? lower + g.n : nullptr, panel + p * width);
      for (int64_t c = cols; c < width; ++c) panel[p * width + c] = 0;
    }
    return;
  }
  Pair* lines = scratch<Pair>(Scratch::gradients, width * pairs);
  for (int64_t c = 0; c < cols; ++c) pair_row(g.k, b + (j + c) * g.k, lines + c * pairs);
  transpose_into<false>(cols, pairs, lines, pairs, panel, width);
  for (int64_t p = 0; p < pairs && cols < width; ++p)
    for (int64_t c = cols; c < width; ++c) panel[p * width + c] = 0;
}

/// Pair rows begin .. end of a transposed A: [pairs][m].
void pack_columns(const Product& product, int64_t begin, int64_t end, Pair* packed) {
  const Gemm& g = product.g;
  for (int64_t p = begin; p < end; ++p) {
    const float* lower = product.a + 2 * p * g.m;
    pair_rows(g.m, lower, 2 * p + 1 < g.k ? lower + g.m : nullptr, packed + p * g.m);
  }
}

/// Rows row .. row + m of A over k numbers from `first`, as [m][pairs].
const Pair* pack_rows(const Product& product, int64_t row, int64_t m, int64_t first, int64_t k) {
  const int64_t pairs = ceil_divide(k, 2);
  Pair* packed = scratch<Pair>(Scratch::packed_b, m * pairs);
  for (int64_t i = 0; i < m; ++i) pair_row(k, product.a + (row + i) * product.g.k + first, packed + i * pairs);
  return packed;
}

/// packed_a: all of a transposed A, or null.
void tile_product(const Product& product, int64_t tile, const Pair* packed_a, const Pair* packed_b) {
  const Gemm& g = product.g;
  const Range rows = product.tiles.rows(tile), cols = product.tiles.cols(tile);
  const int64_t m = rows.end - rows.begin, pass = product.tiles.pass, all_pairs = ceil_divide(g.k, 2);
  for (int64_t first = 0; first < g.k; first += pass) {
    const int64_t k = smaller(pass, g.k - first), pairs = ceil_divide(k, 2);
    const Pair* a = packed_a ? packed_a + first / 2 * g.m + rows.begin : pack_rows(product, rows.begin, m, first, k);
    const int64_t row = packed_a ? 1 : pairs, step = packed_a ? g.m : 1;
    for (int64_t j = cols.begin; j < cols.end; j += width)
      multiply_pairs(m, smaller(width, g.n - j), pairs, a, row, step,
                     packed_b + (j - product.tiles.col) * all_pairs + first / 2 * width, product.c + rows.begin * g.n + j, g.n,
                     first > 0 || g.accumulate);
  }
  if (product.epilogue) apply_epilogue(*product.epilogue, rows.begin, cols.begin, m, cols.end - cols.begin, g.n, product.c);
}

/// B, and A if it is transposed, become pairs once; rows of A become pairs in the tile that uses them.
void run(const Product& product) {
  const Gemm& g = product.g;
  const Tiles& tiles = product.tiles;
  const int64_t pairs = ceil_divide(g.k, 2), cols = tiles.packing_grain(), lines = larger(1, elementwise_grain / g.m);
  Pair* packed_b = scratch<Pair>(Scratch::packed_c, ceil_divide(tiles.n, width) * width * pairs);
  Pair* packed_a = g.a_transposed ? scratch<Pair>(Scratch::packed_a, pairs * g.m) : nullptr;
  const int64_t b_tasks = ceil_divide(tiles.n, cols), a_tasks = packed_a ? ceil_divide(pairs, lines) : 0;
  parallel_tasks(b_tasks + a_tasks, [&](int64_t task) {
    if (task >= b_tasks)
      return pack_columns(product, (task - b_tasks) * lines, smaller(pairs, (task - b_tasks + 1) * lines), packed_a);
    for (int64_t j = task * cols; j < smaller(tiles.n, (task + 1) * cols); j += width)
      pack_pairs(g, product.b, tiles.col + j, packed_b + j * pairs);
  });
  tiles.for_each([&](int64_t tile) { tile_product(product, tile, packed_a, packed_b); });
}

void gemm_bf16(const Gemm& g, const float* a, const float* b, float* c, const Epilogue<float>* epilogue) {
  if (g.m <= 0 || g.n <= 0) return;
  if (g.k <= 0) return empty_product(g, c, epilogue);
  const int64_t stripe = g.a_transposed ? g.n : stripe_cols(g, width);
  const Limits& most = g.a_transposed ? strided_limits : limits;
  for (int64_t col = 0; col < g.n; col += stripe)
    run({g, a, b, c, epilogue, Tiles(g, most, width, col, smaller(stripe, g.n - col))});
}

}  // namespace

template <class T>
void register_bf16_gemm(KernelTable<T>&);
template <>
void register_bf16_gemm(KernelTable<float>& table) {
  if (__builtin_cpu_supports("avx512bf16")) table.gemm_bf16 = gemm_bf16;
}
template <>
void register_bf16_gemm(KernelTable<double>&) {}

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
#else
namespace tapedeck::kernels::inline TAPEDECK_ISA {
template <class T>
void register_bf16_gemm(KernelTable<T>&) {}
template void register_bf16_gemm(KernelTable<float>&);
template void register_bf16_gemm(KernelTable<double>&);
}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
#endif
