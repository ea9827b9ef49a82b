// Dropout masks for ranges of elements: Philox blocks are drawn for many counters at once, then read as 16-bit draws.
// Nothing is stored: the same (key, element) gives the same draw wherever and whenever it is asked for.
#pragma once
#include "isa.h"
#include "kernels.h"
#include "philox.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {

inline constexpr int64_t draw_blocks = 32, draws_per_chunk = 8 * draw_blocks;

/// The draws of elements 8*first_block .. 8*(first_block + draw_blocks), in order. On little-endian machines the words
/// of a block, as they lie in memory, are its eight half-words in lane order.
TAPEDECK_INLINE void draw_chunk(uint64_t key, uint64_t first_block, uint16_t* draws) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  alignas(64) uint32_t words[4][draw_blocks];
#pragma omp simd
  for (int64_t i = 0; i < draw_blocks; ++i) {
    const PhiloxBlock block = philox(key, first_block + uint64_t(i));
    words[0][i] = block.word[0];
    words[1][i] = block.word[1];
    words[2][i] = block.word[2];
    words[3][i] = block.word[3];
  }
  for (int64_t i = 0; i < draw_blocks; ++i) {
    const uint32_t in_order[4] = {words[0][i], words[1][i], words[2][i], words[3][i]};
    __builtin_memcpy(draws + 8 * i, in_order, sizeof in_order);
  }
}

/// Calls body(offset, count, draws) for pieces that cover elements [element, element + n) of the key's stream.
template <class Body>
TAPEDECK_INLINE void for_draws(uint64_t key, uint64_t element, int64_t n, Body&& body) {
  alignas(64) uint16_t draws[draws_per_chunk];
  for (int64_t done = 0; done < n;) {
    const uint64_t position = element + uint64_t(done);
    const int64_t skip = int64_t(position % 8);
    draw_chunk(key, position / 8, draws);
    const int64_t count = n - done < draws_per_chunk - skip ? n - done : draws_per_chunk - skip;
    body(done, count, static_cast<const uint16_t*>(draws + skip));
    done += count;
  }
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
  for_draws(options.key, options.first + uint64_t(offset), n, [=](int64_t begin, int64_t count, const uint16_t* draws) {
    const T* from = x + begin;
    T* to = y + begin;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      const T kept = draws[i] >= rate.threshold ? from[i] * scale : T(0);
      to[i] = add ? to[i] + kept : kept;
    }
  });
}

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
