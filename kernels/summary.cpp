// One pass over a tensor for those who look at it: extremes, sums, zeros, what is not finite. Blocks of fixed length are
// combined in order, so a summary has the same bits at any number of threads. Next: src/tensor/inspect.cpp.
#include "variant.h"
#include "vectors.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

inline constexpr int64_t block = 16384;

template <class T>
TAPEDECK_INLINE void add(Summary& s, int64_t at, T x) {
  const double v = double(x);
  if (!(v - v == 0)) {
    ++(v != v ? s.nan : s.infinite);
    if (s.first_bad < 0) s.first_bad = at;
    return;
  }
  s.min = v < s.min ? v : s.min;
  s.max = v > s.max ? v : s.max;
  s.sum += v;
  s.squares += v * v;
  s.zeros += v == 0;
}

/// Vectors, two chains; the block is summarised again number by number if one of it was not finite.
template <class T>
Summary summarise_block(int64_t first, int64_t n, const T* x) {
  constexpr int64_t width = lanes<double>;
  typedef T Narrow __attribute__((vector_size(width * sizeof(T)), aligned(alignof(T)), may_alias));
  using Mask = decltype(Narrow{} == Narrow{});
  Summary s;
  const int64_t end = n / (2 * width) * (2 * width);
  if (end > 0) {
    Narrow low = Narrow{} + x[0], high = low, poison = {};
    Vector<double> sum[2] = {}, squares[2] = {};
    Mask zeros = {};
    for (int64_t i = 0; i < end; i += 2 * width)
#pragma GCC unroll 2
      for (int64_t c = 0; c < 2; ++c) {
        const Narrow v = *reinterpret_cast<const Narrow*>(x + i + c * width);
        low = v < low ? v : low;
        high = v > high ? v : high;
        zeros += v == Narrow{};  // a mask is -1 where it is true
        poison += v - v;         // 0 for finite numbers, NaN otherwise
        const Vector<double> wide = __builtin_convertvector(v, Vector<double>);
        sum[c] += wide;
        squares[c] += wide * wide;
      }
    bool finite = true;
    for (int64_t lane = 0; lane < width; ++lane) {
      finite = finite && poison[lane] == 0;
      s.min = double(low[lane]) < s.min ? double(low[lane]) : s.min;
      s.max = double(high[lane]) > s.max ? double(high[lane]) : s.max;
      s.sum += sum[0][lane] + sum[1][lane];
      s.squares += squares[0][lane] + squares[1][lane];
      s.zeros -= int64_t(zeros[lane]);
    }
    if (!finite) {
      s = {};
      for (int64_t i = 0; i < end; ++i) add(s, first + i, x[i]);
    }
  }
  for (int64_t i = end; i < n; ++i) add(s, first + i, x[i]);
  return s;
}

template <class T>
Summary summarise(int64_t n, const T* x) {
  const int64_t blocks = ceil_divide(n, block);
  Summary* partials = scratch<Summary>(Scratch::partials, larger(1, blocks));
  parallel_ranges(n, block,
                  [=](int64_t begin, int64_t end) { partials[begin / block] = summarise_block(begin, end - begin, x + begin); });
  Summary all;
  for (int64_t b = 0; b < blocks; ++b) {
    const Summary& s = partials[b];
    all.min = s.min < all.min ? s.min : all.min;
    all.max = s.max > all.max ? s.max : all.max;
    all.sum += s.sum;
    all.squares += s.squares;
    all.zeros += s.zeros;
    all.nan += s.nan;
    all.infinite += s.infinite;
    if (all.first_bad < 0) all.first_bad = s.first_bad;
  }
  return all;
}

}  // namespace

template <class T>
void register_summary(KernelTable<T>& table) {
  table.summarise = summarise<T>;
}
template void register_summary(KernelTable<float>&);
template void register_summary(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
