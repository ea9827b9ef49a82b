// Sums, means, maxima over one axis of [outer, axis, inner]. Long axes are cut into blocks of fixed length whose partial
// results are combined in order: same bits at any number of threads, and error that grows with the block, not the axis.
#include "rows.h"
#include "variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

inline constexpr int64_t flat_block = 16384;  // axis block when inner == 1
inline constexpr int64_t row_block = 256;     // axis block when inner > 1
inline constexpr int64_t column_block = 64;   // inner columns per task

template <bool is_max, class T>
T reduce_contiguous(int64_t n, const T* x) {
  if constexpr (is_max) return row_max(n, x);
  else return row_sum(n, x);
}

/// y[c] = reduction of x[a * stride + c] over a in [0, n), for c in [0, cols), cols <= column_block.
template <bool is_max, class T>
void reduce_columns(int64_t n, int64_t stride, int64_t cols, const T* x, T* y) {
  T total[column_block];
  for (int64_t c = 0; c < cols; ++c) total[c] = is_max ? minus_infinity<T>() : T(0);
  for (int64_t a = 0; a < n; ++a) {
    const T* row = x + a * stride;
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) {
      if constexpr (is_max) total[c] = row[c] > total[c] ? row[c] : total[c];
      else total[c] += row[c];
    }
  }
  for (int64_t c = 0; c < cols; ++c) y[c] = total[c];
}

template <bool is_max, class T>
void reduce_as(int64_t outer, int64_t axis, int64_t inner, double scale, const T* x, T* y, bool accumulate) {
  const int64_t block = inner == 1 ? flat_block : row_block;
  const int64_t blocks = larger(1, ceil_divide(axis, block)), chunks = ceil_divide(inner, column_block);
  T* partials = scratch<T>(Scratch::partials, outer * blocks * inner);  // [outer, blocks, inner]
  const int64_t pieces = outer * blocks * chunks, work = larger(1, smaller(axis, block) * smaller(inner, column_block));
  parallel_ranges(pieces, larger(1, elementwise_grain / work), [=](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t chunk = piece % chunks, b = piece / chunks % blocks, o = piece / chunks / blocks;
      const int64_t first = b * block, length = smaller(block, axis - first), column = chunk * column_block;
      const T* from = x + (o * axis + first) * inner + column;
      T* to = partials + (o * blocks + b) * inner + column;
      if (inner == 1) *to = reduce_contiguous<is_max>(length, from);
      else reduce_columns<is_max>(length, inner, smaller(column_block, inner - column), from, to);
    }
  });
  const T factor = T(scale);
  parallel_ranges(outer * inner, larger(1, elementwise_grain / blocks), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* from = partials + i / inner * blocks * inner + i % inner;
      T result = from[0];
      for (int64_t b = 1; b < blocks; ++b) {
        const T next = from[b * inner];
        if constexpr (is_max) result = next > result ? next : result;
        else result += next;
      }
      if constexpr (!is_max) result *= factor;
      y[i] = accumulate ? y[i] + result : result;
    }
  });
}

template <class T>
void reduce(Reduce which, int64_t outer, int64_t axis, int64_t inner, const T* x, T* y, bool accumulate) {
  if (which == Reduce::max) return reduce_as<true>(outer, axis, inner, 1, x, y, accumulate);
  const double scale = which == Reduce::mean ? 1.0 / double(larger(1, axis)) : 1.0;
  reduce_as<false>(outer, axis, inner, scale, x, y, accumulate);
}

template <class T>
void argmax(int64_t outer, int64_t axis, int64_t inner, const T* x, int32_t* index) {
  parallel_ranges(outer * inner, row_grain(axis), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* from = x + i / inner * axis * inner + i % inner;
      int64_t best = 0;
      for (int64_t a = 1; a < axis; ++a) best = from[a * inner] > from[best * inner] ? a : best;
      index[i] = int32_t(best);
    }
  });
}

template <class T>
void spread(int64_t outer, int64_t axis, int64_t inner, double scale, const T* x, T* y, bool accumulate) {
  const T factor = T(scale);
  with_flag(accumulate, [=](auto add) {
    if (inner == 1) {
      parallel_ranges(outer, row_grain(axis), [=](int64_t begin, int64_t end) {
        for (int64_t o = begin; o < end; ++o) {
          const T value = factor * x[o];
          T* row = y + o * axis;
#pragma omp simd
          for (int64_t a = 0; a < axis; ++a) store<add.value>(row[a], value);
        }
      });
      return;
    }
    parallel_ranges(outer * axis, row_grain(inner), [=](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* from = x + r / axis * inner;
        T* to = y + r * inner;
#pragma omp simd
        for (int64_t c = 0; c < inner; ++c) store<add.value>(to[c], factor * from[c]);
      }
    });
  });
}

/// Sum of squares in double: float vectors are widened before they are squared.
template <class T>
double block_squares(int64_t n, const T* x) {
  constexpr int64_t width = lanes<double>;
  typedef T Narrow __attribute__((vector_size(width * sizeof(T)), aligned(alignof(T)), may_alias));
  Vector<double> chain[4] = {};
  int64_t i = 0;
  for (; i + 4 * width <= n; i += 4 * width)
#pragma GCC unroll 4
    for (int64_t c = 0; c < 4; ++c) {
      const Narrow narrow = *reinterpret_cast<const Narrow*>(x + i + c * width);
      const Vector<double> wide = __builtin_convertvector(narrow, Vector<double>);
      chain[c] += wide * wide;
    }
  const Vector<double> all = (chain[0] + chain[1]) + (chain[2] + chain[3]);
  double total = 0;
  for (int64_t lane = 0; lane < width; ++lane) total += all[lane];
  for (; i < n; ++i) total += double(x[i]) * double(x[i]);
  return total;
}

template <class T>
double sum_squares(int64_t n, const T* x) {
  const int64_t blocks = ceil_divide(n, flat_block);
  double* partials = scratch<double>(Scratch::partials, larger(1, blocks));
  parallel_ranges(n, flat_block,
                  [=](int64_t begin, int64_t end) { partials[begin / flat_block] = block_squares(end - begin, x + begin); });
  double total = 0;
  for (int64_t b = 0; b < blocks; ++b) total += partials[b];
  return total;
}

template <class T>
int64_t first_non_finite(int64_t n, const T* x) {
  const int64_t blocks = ceil_divide(n, flat_block);
  int64_t* found = scratch<int64_t>(Scratch::partials, larger(1, blocks));
  parallel_ranges(n, flat_block, [=](int64_t begin, int64_t end) {
    // x - x is 0 for finite x, NaN otherwise
    const T poison = row_total(
        end - begin, [](auto value) { return value - value; }, x + begin);
    int64_t first = -1;
    for (int64_t i = begin; poison != 0 && first < 0 && i < end; ++i)
      if (!(x[i] - x[i] == 0)) first = i;
    found[begin / flat_block] = first;
  });
  for (int64_t b = 0; b < blocks; ++b)
    if (found[b] >= 0) return found[b];
  return -1;
}

}  // namespace

template <class T>
void register_reduce(KernelTable<T>& table) {
  table.reduce = reduce<T>;
  table.argmax = argmax<T>;
  table.spread = spread<T>;
  table.sum_squares = sum_squares<T>;
  table.first_non_finite = first_non_finite<T>;
}
template void register_reduce(KernelTable<float>&);
template void register_reduce(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
