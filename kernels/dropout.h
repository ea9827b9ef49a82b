// Philox for many counters at once, read as 16-bit draws of dropout masks. Nothing is stored: the same (key, element)
// gives the same draw wherever and whenever it is asked for. Next: philox.h (the definition), elementwise.cpp.
#pragma once
#include "isa.h"
#include "kernels.h"
#include "philox.h"
#include "vectors.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace tapedeck::kernels::inline TAPEDECK_ISA {

/// 32-bit words in 64-bit lanes; the upper halves of the lanes are scratch.
using Words = Vector<uint64_t>;
inline constexpr int64_t lane_blocks = lanes<uint64_t>, lane_draws = 8 * lane_blocks;

/// Product of the lower halves: 64 bits from 32 x 32.
TAPEDECK_INLINE Words widening_product(Words a, uint32_t b) {
#if defined(__AVX512F__)
  return Words(_mm512_maskz_mul_epu32(0xFF, __m512i(a), _mm512_set1_epi64(b)));  // plain form: gcc 12 warns about its header
#elif defined(__AVX2__)
  return Words(_mm256_mul_epu32(__m256i(a), _mm256_set1_epi64x(b)));
#elif defined(__SSE2__)
  return Words(_mm_mul_epu32(__m128i(a), _mm_set1_epi64x(b)));
#else
  return (a & 0xFFFFFFFFu) * uint64_t{b};
#endif
}

/// Blocks first .. first + lane_blocks of philox(key, ., stream), words in order: two 64-bit numbers per block.
TAPEDECK_INLINE void philox_lanes(uint64_t key, uint64_t first, uint64_t stream, uint64_t* out) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);  // a 64-bit number holds its lower word first
  Words c0 = lane_numbers<uint64_t>() + first, c2 = Words{} + stream;
  Words c1 = c0 >> 32, c3 = c2 >> 32;
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const Words p0 = widening_product(c0, 0xD2511F53u), p1 = widening_product(c2, 0xCD9E8D57u);
    c0 = (p1 >> 32) ^ c1 ^ uint64_t { k0 };
    c2 = (p0 >> 32) ^ c3 ^ uint64_t { k1 };
    c1 = p1, c3 = p0;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  const Words low = (c0 & 0xFFFFFFFFu) | (c1 << 32), high = (c2 & 0xFFFFFFFFu) | (c3 << 32);
  interleave(low, high, out);
}

/// The 16-bit draws of n elements from `element` on. `buffer` needs room for n + 2 * lane_draws; the first draw is at the
/// returned address inside it.
TAPEDECK_INLINE const uint16_t* draw(uint64_t key, uint64_t element, int64_t n, uint16_t* buffer) {
  const int64_t skip = int64_t(element % 8), blocks = (skip + n + 7) / 8;
  for (int64_t i = 0; i < blocks; i += lane_blocks)
    philox_lanes(key, element / 8 + uint64_t(i), 0, reinterpret_cast<uint64_t*>(buffer) + 2 * i);
  return buffer + skip;
}

/// y[i] (+)= x[i] kept and scaled, or 0: i in [0, n) is element first + offset + i of the options' stream.
template <bool add, class T>
void dropout_range(const Dropout& options, int64_t offset, int64_t n, const T* x, T* y) {
  const DropoutRate rate = dropout_rate(options.p);
  const T scale = T(rate.scale);
  if (rate.threshold == 0) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) y[i] = add ? y[i] + x[i] : x[i];
    return;
  }
  constexpr int64_t chunk = 512;
  alignas(64) uint16_t buffer[chunk + 2 * lane_draws];
  for (int64_t done = 0; done < n; done += chunk) {
    const int64_t count = n - done < chunk ? n - done : chunk;
    const uint16_t* draws = draw(options.key, options.first + uint64_t(offset + done), count, buffer);
    const T* from = x + done;
    T* to = y + done;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      const T kept = draws[i] >= rate.threshold ? from[i] * scale : T(0);
      to[i] = add ? to[i] + kept : kept;
    }
  }
}

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
