// Layer normalisation (Ba, Kiros, Hinton 2016) and its fusions with dropout + residual and with embedding sums.
#include "dropout.h"
#include "rows.h"
#include "variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

/// y = (x - mean) rstd gain + bias, variance in a second pass over the row (it is in the cache).
template <class T>
TAPEDECK_INLINE void normalise_row(int64_t cols, double epsilon, const T* x, const T* gain, const T* bias, T* y, T& mean,
                                   T& rstd) {
  const T center = row_sum(cols, x) / T(cols);
  const T squares = row_total(
      cols, [=](auto value) { return (value - center) * (value - center); }, x);
  const T scale = rsqrt(squares / T(cols) + T(epsilon));
#pragma omp simd
  for (int64_t c = 0; c < cols; ++c) y[c] = (x[c] - center) * scale * gain[c] + bias[c];
  mean = center, rstd = scale;
}

template <class T>
void layer_norm(int64_t rows, int64_t cols, double epsilon, const T* x, const T* gain, const T* bias, T* y, T* mean, T* rstd) {
  parallel_ranges(rows, row_grain(cols), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      normalise_row(cols, epsilon, x + row * cols, gain, bias, y + row * cols, mean[row], rstd[row]);
  });
}

template <class T>
void residual_norm(int64_t rows, int64_t cols, double epsilon, Dropout options, const T* x, const T* residual, const T* gain,
                   const T* bias, T* sum, T* y, T* mean, T* rstd) {
  parallel_ranges(rows, row_grain(cols), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t first = row * cols;
      T* sum_row = sum + first;
      dropout_range<false>(options, first, cols, x + first, sum_row);
#pragma omp simd
      for (int64_t c = 0; c < cols; ++c) sum_row[c] += residual[first + c];
      normalise_row(cols, epsilon, sum_row, gain, bias, y + first, mean[row], rstd[row]);
    }
  });
}

/// Gradient of one row into `dx`, and its share of dgain, dbias (or null).
template <class T>
TAPEDECK_INLINE void normalise_row_backward(int64_t cols, const T* x, const T* gain, T mean, T rstd, const T* dy, T* dx, T* dgain,
                                            T* dbias) {
  if (dgain) {
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) {
      dgain[c] += dy[c] * (x[c] - mean) * rstd;
      dbias[c] += dy[c];
    }
  }
  if (!dx) return;
  const T total = row_dot(cols, dy, gain) / T(cols);
  const T along = row_total(
                      cols, [=](auto g, auto w, auto value) { return g * w * ((value - mean) * rstd); }, dy, gain, x) /
                  T(cols);
#pragma omp simd
  for (int64_t c = 0; c < cols; ++c) dx[c] = rstd * (dy[c] * gain[c] - total - (x[c] - mean) * rstd * along);
}

/// Rows are cut into at most 64 blocks; each sums its share of dgain and dbias, and the shares are added in order.
template <class T, class EachRow>
TAPEDECK_INLINE void norm_backward(int64_t rows, int64_t cols, T* dgain, bool accumulate_gain, T* dbias, bool accumulate_bias,
                                   EachRow each_row) {
  const int64_t block = larger(smaller(32, row_grain(cols)), ceil_divide(rows, 64)), blocks = ceil_divide(rows, block);
  const bool wanted = dgain || dbias;
  T* shares = wanted ? scratch<T>(Scratch::partials, larger(1, blocks) * 2 * cols) : nullptr;  // [blocks, 2, cols]
  parallel_ranges(rows, block, [=](int64_t begin, int64_t end) {
    T* share = wanted ? shares + begin / block * 2 * cols : nullptr;
    if (wanted)
      for (int64_t c = 0; c < 2 * cols; ++c) share[c] = 0;
    for (int64_t row = begin; row < end; ++row) each_row(row, share, wanted ? share + cols : nullptr);
  });
  const auto combine = [=](T* out, bool accumulate, int64_t which) {
    for (int64_t c = 0; c < cols && !accumulate; ++c) out[c] = 0;
    for (int64_t b = 0; b < blocks; ++b) {
      const T* share = shares + (2 * b + which) * cols;
#pragma omp simd
      for (int64_t c = 0; c < cols; ++c) out[c] += share[c];
    }
  };
  if (dgain) combine(dgain, accumulate_gain, 0);
  if (dbias) combine(dbias, accumulate_bias, 1);
}

template <class T>
void layer_norm_backward(int64_t rows, int64_t cols, const T* x, const T* gain, const T* mean, const T* rstd, const T* dy, T* dx,
                         bool accumulate_x, T* dgain, bool accumulate_gain, T* dbias, bool accumulate_bias) {
  norm_backward(rows, cols, dgain, accumulate_gain, dbias, accumulate_bias, [=](int64_t row, T* gain_share, T* bias_share) {
    const int64_t first = row * cols;
    const bool direct = dx && !accumulate_x;
    T* row_gradient = direct ? dx + first : dx ? scratch<T>(Scratch::rows, cols) : nullptr;
    normalise_row_backward(cols, x + first, gain, mean[row], rstd[row], dy + first, row_gradient, gain_share, bias_share);
    if (!dx || direct) return;
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) dx[first + c] += row_gradient[c];
  });
}

template <class T>
void residual_norm_backward(int64_t rows, int64_t cols, Dropout options, const T* sum, const T* gain, const T* mean,
                            const T* rstd, const T* dy, const T* dsum_in, T* dx, bool accumulate_x, T* dresidual,
                            bool accumulate_residual, T* dgain, bool accumulate_gain, T* dbias, bool accumulate_bias) {
  norm_backward(rows, cols, dgain, accumulate_gain, dbias, accumulate_bias, [=](int64_t row, T* gain_share, T* bias_share) {
    const int64_t first = row * cols;
    T* dsum = dx || dresidual ? scratch<T>(Scratch::rows, cols) : nullptr;
    normalise_row_backward(cols, sum + first, gain, mean[row], rstd[row], dy + first, dsum, gain_share, bias_share);
    if (dsum && dsum_in) {
#pragma omp simd
      for (int64_t c = 0; c < cols; ++c) dsum[c] += dsum_in[first + c];
    }
    if (dresidual)
      with_flag(accumulate_residual, [=](auto add) {
#pragma omp simd
        for (int64_t c = 0; c < cols; ++c) store<add.value>(dresidual[first + c], dsum[c]);
      });
    if (dx) with_flag(accumulate_x, [=](auto add) { dropout_range<add.value>(options, first, cols, dsum, dx + first); });
  });
}

template <class T>
void embedding_norm(int64_t rows, int64_t cols, double epsilon, const T* word, const int32_t* word_index, const T* position,
                    const int32_t* position_index, const T* segment, const int32_t* segment_index, const T* gain, const T* bias,
                    T* sum, T* y, T* mean, T* rstd) {
  parallel_ranges(rows, row_grain(cols), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* word_row = word + word_index[row] * cols;
      T* sum_row = sum + row * cols;
#pragma omp simd
      for (int64_t c = 0; c < cols; ++c) sum_row[c] = word_row[c];
      const auto add_table = [=](const T* table, const int32_t* index) {
        if (!table) return;
        const T* table_row = table + index[row] * cols;
#pragma omp simd
        for (int64_t c = 0; c < cols; ++c) sum_row[c] += table_row[c];
      };
      add_table(position, position_index);
      add_table(segment, segment_index);
      if (gain) normalise_row(cols, epsilon, sum_row, gain, bias, y + row * cols, mean[row], rstd[row]);
    }
  });
}

}  // namespace

template <class T>
void register_norm(KernelTable<T>& table) {
  table.layer_norm = layer_norm<T>;
  table.layer_norm_backward = layer_norm_backward<T>;
  table.residual_norm = residual_norm<T>;
  table.residual_norm_backward = residual_norm_backward<T>;
  table.embedding_norm = embedding_norm<T>;
}
template void register_norm(KernelTable<float>&);
template void register_norm(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
