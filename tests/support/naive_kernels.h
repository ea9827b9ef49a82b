// The mathematics of the kernels in double loops that are obviously right and as slow as that costs.
#pragma once
#include <algorithm>

#include "kernel_check.h"

namespace tapedeck::test::naive {

using kernels::Attention;
using kernels::Dropout;
using kernels::Gemm;

inline constexpr double infinity = std::numeric_limits<double>::infinity();

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// 0 for a dropped element of the options' stream, else the scale of kept ones.
inline double dropout_factor(const Dropout& options, uint64_t element) {
  const auto rate = kernels::dropout_rate(options.p);
  if (rate.threshold == 0) return 1;
  const uint64_t position = options.first + element;
  return dropout_keeps(kernels::philox(options.key, position / 8), int(position % 8), rate.threshold) ? rate.scale : 0;
}
inline Numbers dropout(const Dropout& options, Numbers x) {
  for (size_t i = 0; i < x.size(); ++i) x[i] *= dropout_factor(options, i);
  return x;
}

inline Numbers gemm(const Gemm& g, const double* a, const double* b) {
  Numbers c(g.m * g.n, 0.0);
  for (int64_t i = 0; i < g.m; ++i)
    for (int64_t j = 0; j < g.n; ++j)
      for (int64_t p = 0; p < g.k; ++p)
        c[i * g.n + j] += (g.a_transposed ? a[p * g.m + i] : a[i * g.k + p]) * (g.b_transposed ? b[j * g.k + p] : b[p * g.n + j]);
  return c;
}

inline double logsumexp(std::span<const double> x) {
  double top = -infinity, total = 0;
  for (double value : x) top = std::max(top, value);
  if (top == -infinity) return top;
  for (double value : x) total += std::exp(value - top);
  return top + std::log(total);
}
/// f(row of x) for every row, concatenated.
template <class F>
Numbers each_row(int64_t rows, int64_t cols, const Numbers& x, F f) {
  Numbers y;
  for (int64_t r = 0; r < rows; ++r) {
    const Numbers out = f(r, Numbers(x.begin() + r * cols, x.begin() + (r + 1) * cols));
    y.insert(y.end(), out.begin(), out.end());
  }
  return y;
}
inline Numbers softmax(int64_t rows, int64_t cols, const Numbers& x) {
  return each_row(rows, cols, x, [](int64_t, Numbers row) {
    if (row.empty()) return row;
    const double top = *std::max_element(row.begin(), row.end());
    for (double& value : row) value = top == -infinity ? 0 : std::exp(value - top);
    double total = 0;
    for (double value : row) total += value;
    for (double& value : row) value = total > 0 ? value / total : 0;
    return row;
  });
}
/// y (dy - sum(y dy)) of each row.
inline Numbers softmax_backward(int64_t rows, int64_t cols, const Numbers& y, const Numbers& dy) {
  return each_row(rows, cols, y, [&](int64_t r, Numbers row) {
    double dot = 0;
    for (int64_t c = 0; c < cols; ++c) dot += row[c] * dy[r * cols + c];
    for (int64_t c = 0; c < cols; ++c) row[c] *= dy[r * cols + c] - dot;
    return row;
  });
}

struct Norm { Numbers y, mean, rstd; };
inline Norm layer_norm(int64_t rows, int64_t cols, double epsilon, const Numbers& x, const Numbers& gain, const Numbers& bias) {
  Norm out;
  out.y = each_row(rows, cols, x, [&](int64_t, Numbers row) {
    double mean = 0, variance = 0;
    for (double value : row) mean += value / double(cols);
    for (double value : row) variance += (value - mean) * (value - mean) / double(cols);
    const double rstd = 1 / std::sqrt(variance + epsilon);
    for (int64_t c = 0; c < cols; ++c) row[c] = (row[c] - mean) * rstd * gain[c] + bias[c];
    out.mean.push_back(mean), out.rstd.push_back(rstd);
    return row;
  });
  return out;
}
struct NormGradients { Numbers dx, dgain, dbias; };
inline NormGradients layer_norm_backward(int64_t rows, int64_t cols, const Numbers& x, const Numbers& gain, const Norm& norm,
                                         const Numbers& dy) {
  NormGradients out{Numbers(rows * cols), Numbers(cols, 0.0), Numbers(cols, 0.0)};
  for (int64_t r = 0; r < rows; ++r) {
    double total = 0, along = 0;
    for (int64_t c = 0; c < cols; ++c) {
      const double hat = (x[r * cols + c] - norm.mean[r]) * norm.rstd[r], g = dy[r * cols + c];
      out.dgain[c] += g * hat, out.dbias[c] += g;
      total += g * gain[c] / double(cols), along += g * gain[c] * hat / double(cols);
    }
    for (int64_t c = 0; c < cols; ++c) {
      const double hat = (x[r * cols + c] - norm.mean[r]) * norm.rstd[r];
      out.dx[r * cols + c] = norm.rstd[r] * (dy[r * cols + c] * gain[c] - total - hat * along);
    }
  }
  return out;
}

/// Every pair (sequence, head, query, key) of an attention call in the order of the ragged layout.
template <class F>
void each_pair(const Attention& a, F f) {
  int64_t element = 0;
  for (int64_t b = 0; b < a.sequences; ++b)
    for (int64_t h = 0; h < a.heads; ++h)
      for (int64_t i = a.q_offsets[b]; i < a.q_offsets[b + 1]; ++i)
        for (int64_t j = a.k_offsets[b]; j < a.k_offsets[b + 1]; ++j) {
          const int64_t shift = (a.k_offsets[b + 1] - a.k_offsets[b]) - (a.q_offsets[b + 1] - a.q_offsets[b]);
          const bool visible = !a.causal || j - a.k_offsets[b] <= i - a.q_offsets[b] + shift;
          f(element++, h, i, j, visible);
        }
}
inline int64_t pairs(const Attention& a) {
  int64_t count = 0;
  each_pair(a, [&](auto...) { ++count; });
  return count;
}
inline double dot(const Attention& a, const Numbers& x, int64_t x_stride, int64_t i, const Numbers& y, int64_t y_stride, int64_t j,
                  int64_t h) {
  double total = 0;
  for (int64_t c = 0; c < a.head_dim; ++c) total += x[i * x_stride + h * a.head_dim + c] * y[j * y_stride + h * a.head_dim + c];
  return total;
}
inline Numbers ragged_scores(const Attention& a, const Numbers& q, const Numbers& k) {
  Numbers scores(pairs(a));
  each_pair(a, [&](int64_t e, int64_t h, int64_t i, int64_t j, bool visible) {
    scores[e] = visible ? a.scale * dot(a, q, a.q_stride, i, k, a.k_stride, j, h) : -infinity;
  });
  return scores;
}
/// f(first element, keys) for every row of the ragged layout.
template <class F>
void each_ragged_row(const Attention& a, F f) {
  int64_t element = 0;
  for (int64_t b = 0; b < a.sequences; ++b) {
    const int64_t keys = a.k_offsets[b + 1] - a.k_offsets[b], rows = a.heads * (a.q_offsets[b + 1] - a.q_offsets[b]);
    for (int64_t r = 0; r < rows; ++r, element += keys) f(element, keys);
  }
}
inline Numbers ragged_softmax(const Attention& a, Numbers scores) {
  each_ragged_row(a, [&](int64_t first, int64_t keys) {
    const Numbers row = softmax(1, keys, Numbers(scores.begin() + first, scores.begin() + first + keys));
    std::copy(row.begin(), row.end(), scores.begin() + first);
  });
  return scores;
}
inline Numbers ragged_softmax_backward(const Attention& a, Numbers p, const Numbers& dy) {
  each_ragged_row(a, [&](int64_t first, int64_t keys) {
    const auto part = [&](const Numbers& x) { return Numbers(x.begin() + first, x.begin() + first + keys); };
    const Numbers row = softmax_backward(1, keys, part(p), part(dy));
    std::copy(row.begin(), row.end(), p.begin() + first);
  });
  return p;
}
/// to[row of query] += p from[row of key], or the transpose; rows outside every sequence keep what `to` held.
inline Numbers weighted_sum(const Attention& a, const Numbers& p, const Numbers& from, int64_t from_stride, Numbers to,
                            int64_t to_stride, bool transposed = false) {
  each_pair(a, [&](int64_t e, int64_t h, int64_t i, int64_t j, bool) {
    for (int64_t c = h * a.head_dim; c < (h + 1) * a.head_dim; ++c)
      to[(transposed ? j : i) * to_stride + c] += p[e] * from[(transposed ? i : j) * from_stride + c];
  });
  return to;
}

}  // namespace tapedeck::test::naive
