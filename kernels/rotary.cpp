// Rotary positions (Su et al. 2021, "RoFormer", section 3.2.2): pairs (i, i + head_dim/2) turn by position * base^(-2i/d).
#include "math.h"
#include "own.h"
#include "variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

/// `columns` of each row of `stride` are rotated, the rest copied; inverse turns back (the transpose).
template <class T>
void rotary(int64_t rows, int64_t stride, int64_t columns, int64_t head_dim, double base, bool inverse, const int32_t* position,
            const T* x, T* y, bool accumulate) {
  const int64_t half = head_dim / 2;
  double* frequency = scratch<double>(Scratch::offsets, larger(1, half));
  for (int64_t i = 0; i < half; ++i) frequency[i] = pow_scalar(base, -2.0 * double(i) / double(head_dim));
  with_flag(accumulate, [&](auto add) {
    parallel_ranges(rows, row_grain(stride), [&, frequency](int64_t begin, int64_t end) {
      T* cosine = scratch<T>(Scratch::rows, 2 * larger(1, half));
      T* sine = cosine + half;
      for (int64_t row = begin; row < end; ++row) {
        for (int64_t i = 0; i < half; ++i) {
          const double angle = position[row] * frequency[i];
          cosine[i] = T(cos(angle));
          sine[i] = T(inverse ? -sin(angle) : sin(angle));
        }
        const T* from = x + row * stride;
        T* to = y + row * stride;
        for (int64_t head = 0; head < columns; head += head_dim) {
#pragma omp simd
          for (int64_t i = 0; i < half; ++i) {
            const T low = from[head + i], high = from[head + half + i];
            store<add.value>(to[head + i], low * cosine[i] - high * sine[i]);
            store<add.value>(to[head + half + i], high * cosine[i] + low * sine[i]);
          }
        }
        for (int64_t c = columns; c < stride; ++c) store<add.value>(to[c], from[c]);
      }
    });
  });
}

TAPEDECK_KERNEL(rotary);

}  // namespace

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
