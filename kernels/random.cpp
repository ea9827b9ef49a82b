// Uniform and normal numbers as pure functions of (key, element). Both types see the same draws: a float fill is the
// rounded double fill.
#include "math.h"
#include "philox.h"
#include "variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

/// Element e uses word e % 4 of block e / 4, top 24 bits.
template <class T>
void fill_uniform(int64_t n, uint64_t key, uint64_t first, T low, T high, T* y) {
  parallel_ranges(n, elementwise_grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const uint64_t element = first + uint64_t(i);
      const uint32_t word = philox(key, element / 4).word[element % 4];
      y[i] = low + (high - low) * (T(word >> 8) * T(1.0 / 16777216));
    }
  });
}

/// Box and Muller 1958: element e uses words 0, 1 (e even) or 2, 3 (e odd) of block e / 2 of stream 1.
template <class T>
void fill_normal(int64_t n, uint64_t key, uint64_t first, T mean, T deviation, T* y) {
  parallel_ranges(n, elementwise_grain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const uint64_t element = first + uint64_t(i);
      const PhiloxBlock block = philox(key, element / 2, 1);
      const uint32_t* word = block.word + element % 2 * 2;
      const double radius = sqrt(-2.0 * log((double(word[0]) + 1.0) * (1.0 / 4294967296.0)));
      const double angle = double(word[1]) * (6.283185307179586477 / 4294967296.0);
      y[i] = mean + deviation * T(radius * cos(angle));
    }
  });
}

}  // namespace

template <class T>
void register_random(KernelTable<T>& table) {
  table.fill_uniform = fill_uniform<T>;
  table.fill_normal = fill_normal<T>;
}
template void register_random(KernelTable<float>&);
template void register_random(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
