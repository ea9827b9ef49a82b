// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a block
// of four 32-bit words is a pure function of (key, counter). Everything random in tapedeck comes from here.
#pragma once
#include <cstdint>

namespace tapedeck::kernels {

struct PhiloxBlock {
  uint32_t word[4];
};

/// The ten rounds for a 64-bit key and a 64-bit counter (upper counter words are `stream`).
[[gnu::always_inline]] inline PhiloxBlock philox(uint64_t key, uint64_t counter, uint64_t stream = 0) {
  uint32_t c0 = uint32_t(counter), c1 = uint32_t(counter >> 32);
  uint32_t c2 = uint32_t(stream), c3 = uint32_t(stream >> 32);
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0, p1 = uint64_t{0xCD9E8D57u} * c2;
    c0 = uint32_t(p1 >> 32) ^ c1 ^ k0;
    c1 = uint32_t(p1);
    c2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
    c3 = uint32_t(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

/// Dropout draws 16 bits per element: element e uses half-word e % 8 of block e / 8. An element is dropped when
/// its draw is below `threshold`; kept elements are scaled by the exact inverse of the keep rate.
struct DropoutRate {
  uint32_t threshold = 0;  // round(p * 65536); 0 keeps everything
  double scale = 1;        // 65536 / (65536 - threshold)
};
[[gnu::always_inline]] inline DropoutRate dropout_rate(double p) {
  const uint32_t threshold = uint32_t(p * 65536.0 + 0.5);
  return {threshold, threshold >= 65536u ? 0.0 : 65536.0 / (65536.0 - threshold)};
}
[[gnu::always_inline]] inline bool dropout_keeps(const PhiloxBlock& block, int lane /*0..7*/, uint32_t threshold) {
  const uint32_t word = block.word[lane >> 1];
  return ((lane & 1) ? word >> 16 : word & 0xFFFFu) >= threshold;
}

}  // namespace tapedeck::kernels
