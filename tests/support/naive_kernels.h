// The mathematics of the kernels in loops that are obviously right and as slow as that costs. With S = double they say what a
// kernel must give; with S = Counted (src/ops/counted.h) how many flops that takes. Next: tests/op_cost_test.cpp.
#pragma once
#include <algorithm>

#include "kernel_check.h"

namespace tapedeck::test::naive {

using kernels::Attention;
using kernels::Dropout;
using kernels::Gemm;

inline constexpr double infinity = std::numeric_limits<double>::infinity();

inline double value_of(double x) { return x; }
inline double pow_scalar(double x, double exponent) { return std::pow(x, exponent); }
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

template <class S>
std::vector<S> gemm(const Gemm& g, const S* a, const S* b) {
  std::vector<S> c(g.m * g.n, S(0));
  for (int64_t i = 0; i < g.m; ++i)
    for (int64_t j = 0; j < g.n; ++j)
      for (int64_t p = 0; p < g.k; ++p)
        c[i * g.n + j] += (g.a_transposed ? a[p * g.m + i] : a[i * g.k + p]) * (g.b_transposed ? b[j * g.k + p] : b[p * g.n + j]);
  return c;
}

template <class S>
S largest(const std::vector<S>& x) {
  S top = -infinity;
  for (const S& value : x)
    if (value > top) top = value;
  return top;
}
template <class S>
S logsumexp(const std::vector<S>& x) {
  using std::exp, std::log;
  const S top = largest(x);
  S total = 0;
  if (top == S(-infinity)) return top;
  for (const S& value : x) total += exp(value - top);
  return top + log(total);
}
/// f(row of x) for every row, concatenated.
template <class S, class F>
std::vector<S> each_row(int64_t rows, int64_t cols, const std::vector<S>& x, F f) {
  std::vector<S> y;
  for (int64_t r = 0; r < rows; ++r) {
    const std::vector<S> out = f(r, std::vector<S>(x.begin() + r * cols, x.begin() + (r + 1) * cols));
    y.insert(y.end(), out.begin(), out.end());
  }
  return y;
}
template <class S>
std::vector<S> softmax(int64_t rows, int64_t cols, const std::vector<S>& x) {
  using std::exp;
  return each_row(rows, cols, x, [](int64_t, std::vector<S> row) {
    const S top = largest(row);
    S total = 0;
    for (S& value : row) value = top == S(-infinity) ? S(0) : exp(value - top), total += value;
    if (row.empty() || total == S(0)) return row;
    const S factor = S(1) / total;
    for (S& value : row) value *= factor;
    return row;
  });
}
/// (x - top) - log sum e^(x - top): in two steps, exact for large x.
template <class S>
std::vector<S> log_softmax(int64_t rows, int64_t cols, const std::vector<S>& x) {
  using std::exp, std::log;
  return each_row(rows, cols, x, [](int64_t, std::vector<S> row) {
    const S top = largest(row);
    S total = 0;
    if (row.empty() || top == S(-infinity)) return row;
    for (const S& value : row) total += exp(value - top);
    const S shift = log(total);
    for (S& value : row) value = (value - top) - shift;
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

struct Norm {
  Numbers y, mean, rstd;
};
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
struct NormGradients {
  Numbers dx, dgain, dbias;
};
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
template <class S>
S dot(const Attention& a, const std::vector<S>& x, int64_t x_stride, int64_t i, const std::vector<S>& y, int64_t y_stride,
      int64_t j, int64_t h) {
  S total = 0;
  for (int64_t c = 0; c < a.head_dim; ++c) total += x[i * x_stride + h * a.head_dim + c] * y[j * y_stride + h * a.head_dim + c];
  return total;
}
template <class S>
std::vector<S> ragged_scores(const Attention& a, const std::vector<S>& q, const std::vector<S>& k) {
  std::vector<S> scores(pairs(a));
  each_pair(a, [&](int64_t e, int64_t h, int64_t i, int64_t j, bool visible) {
    const S score = S(a.scale) * dot(a, q, a.q_stride, i, k, a.k_stride, j, h);
    scores[e] = visible ? score : S(-infinity);
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
template <class S>
std::vector<S> ragged_softmax(const Attention& a, std::vector<S> scores) {
  each_ragged_row(a, [&](int64_t first, int64_t keys) {
    const std::vector<S> row = softmax(1, keys, std::vector<S>(scores.begin() + first, scores.begin() + first + keys));
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
template <class S>
std::vector<S> weighted_sum(const Attention& a, const std::vector<S>& p, const std::vector<S>& from, int64_t from_stride,
                            std::vector<S> to, int64_t to_stride, bool transposed = false) {
  each_pair(a, [&](int64_t e, int64_t h, int64_t i, int64_t j, bool) {
    for (int64_t c = h * a.head_dim; c < (h + 1) * a.head_dim; ++c)
      to[(transposed ? j : i) * to_stride + c] += p[e] * from[(transposed ? i : j) * from_stride + c];
  });
  return to;
}

/// Turns pairs (i, i + head_dim/2) of each head by position * base^(-2i/head_dim).
template <class S>
std::vector<S> rotary(int64_t rows, int64_t stride, int64_t columns, int64_t head_dim, double base, bool inverse,
                      const int32_t* position, const std::vector<S>& x) {
  using std::sin, std::cos;
  std::vector<S> y = x;
  for (int64_t i = 0; i < head_dim / 2; ++i) {
    const S frequency = pow_scalar(S(base), value_of(S(-2) * S(double(i)) / S(double(head_dim))));
    for (int64_t r = 0; r < rows; ++r) {
      const S angle = S(double(inverse ? -position[r] : position[r])) * frequency, c = cos(angle), s = sin(angle);
      for (int64_t low = r * stride + i; low < r * stride + columns; low += head_dim) {
        const int64_t high = low + head_dim / 2;
        y[low] = x[low] * c - x[high] * s;
        y[high] = x[high] * c + x[low] * s;
      }
    }
  }
  return y;
}

/// The mean over the rows of each sequence; 0 for an empty one.
template <class S>
std::vector<S> segment_mean(int64_t sequences, int64_t cols, const int32_t* offsets, const std::vector<S>& x) {
  std::vector<S> y(sequences * cols, S(0));
  for (int64_t b = 0; b < sequences; ++b) {
    const S factor = S(1) / S(double(std::max(1, offsets[b + 1] - offsets[b])));
    for (int64_t c = 0; c < cols; ++c) {
      for (int64_t r = offsets[b]; r < offsets[b + 1]; ++r) y[b * cols + c] += x[r * cols + c];
      y[b * cols + c] *= factor;
    }
  }
  return y;
}

}  // namespace tapedeck::test::naive
