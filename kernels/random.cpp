// Uniform and normal numbers as pure functions of (key, element). Both types see the same draws: a float fill is the
// rounded double fill.
#include "dropout.h"
#include "math.h"
#include "variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

/// y[i] = make(draw of element first + i)
template <class Draw, class T, class Make>
void fill_from_draws(int64_t n, uint64_t key, uint64_t stream, uint64_t first, T* y, Make make) {
  parallel_ranges(n, elementwise_grain, [=](int64_t begin, int64_t end) {
    constexpr int64_t chunk = 512;
    alignas(64) Draw buffer[chunk + draw_slack];
    for (int64_t done = begin; done < end; done += chunk) {
      const int64_t count = smaller(chunk, end - done);
      const Draw* draws = draw(key, stream, first + uint64_t(done), count, buffer);
      T* to = y + done;
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) to[i] = make(draws[i]);
    }
  });
}

/// Element e uses word e % 4 of block e / 4, top 24 bits.
template <class T>
void fill_uniform(int64_t n, uint64_t key, uint64_t first, T low, T high, T* y) {
  fill_from_draws<uint32_t>(n, key, 0, first, y, [=](uint32_t word) { return low + (high - low) * (T(word >> 8) * T(1.0 / 16777216)); });
}

/// Box and Muller 1958: element e uses words 0, 1 (e even) or 2, 3 (e odd) of block e / 2 of stream 1.
template <class T>
void fill_normal(int64_t n, uint64_t key, uint64_t first, T mean, T deviation, T* y) {
  fill_from_draws<uint64_t>(n, key, 1, first, y, [=](uint64_t words) {
    const double radius = sqrt(-2.0 * log((double(uint32_t(words)) + 1.0) * (1.0 / 4294967296.0)));
    return mean + deviation * T(radius * cos_turns(double(uint32_t(words >> 32)) * (1.0 / 4294967296.0)));
  });
}

}  // namespace

template <class T>
void offer_random(Menu<T>& menu) {
  menu.fill_uniform = fill_uniform<T>;
  menu.fill_normal = fill_normal<T>;
}
template void offer_random(Menu<float>&);
template void offer_random(Menu<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
