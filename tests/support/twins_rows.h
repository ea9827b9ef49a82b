// Twins of softmax, of its logarithm, and of the losses that are made of it. Next: twins_norms.h.
#pragma once
#include "twins_layout.h"

namespace tapedeck::testing {

/// Row r of an array.
template <class S>
S* row_of(Array<S>& a, int64_t r) { return a.at.data() + r * a.cols(); }

template <class S>
S largest_of(int64_t n, const S* x) {
  S top = x[0];
  for (int64_t k = 1; k < n; ++k) top = largest(top, x[k]);
  return top;
}
template <class S>
S log_sum_exp(int64_t n, const S* x) {
  const S top = largest_of(n, x);
  S total = 0;
  for (int64_t k = 0; k < n; ++k) total = total + exp(x[k] - top);
  return top + log(total);
}
template <class S>
void softmax_row(int64_t n, const S* x, S* y) {
  if (n == 0) return;
  const S top = largest_of(n, x);
  S total = 0;
  for (int64_t k = 0; k < n; ++k) y[k] = exp(x[k] - top), total = total + y[k];
  const S factor = S(1) / total;
  for (int64_t k = 0; k < n; ++k) y[k] = y[k] * factor;
}
template <class S>
S dot(int64_t n, const S* a, const S* b) {
  S sum = 0;
  for (int64_t k = 0; k < n; ++k) sum = sum + a[k] * b[k];
  return sum;
}

inline void add_softmaxes() {
  add_twin(
      "softmax", [](auto& c) { for (int64_t r = 0; r < c.x[0].rows(); ++r) softmax_row(c.x[0].cols(), row_of(c.x[0], r), row_of(c.y[0], r)); },
      [](auto& c) {
        const int64_t n = c.x[0].cols();
        for (int64_t r = 0; r < c.x[0].rows(); ++r) {
          const auto along = dot(n, row_of(c.y[0], r), row_of(c.dy[0], r));
          for (int64_t k = r * n; k < (r + 1) * n; ++k) c.give(0, k, c.y[0][k] * (c.dy[0][k] - along));
        }
      });
  add_twin(
      "log_softmax",
      [](auto& c) {
        using S = Scalar<decltype(c)>;
        const int64_t n = c.x[0].cols();
        for (int64_t r = 0; n && r < c.x[0].rows(); ++r) {
          const S* x = row_of(c.x[0], r);
          const S top = largest_of(n, x);
          S total = 0;
          for (int64_t k = 0; k < n; ++k) total = total + exp(x[k] - top);
          const S shift = log(total);
          for (int64_t k = 0; k < n; ++k) c.y[0][r * n + k] = (x[k] - top) - shift;   // in two steps: exact for large x
        }
      },
      [](auto& c) {
        using S = Scalar<decltype(c)>;
        const int64_t n = c.x[0].cols();
        for (int64_t r = 0; r < c.x[0].rows(); ++r) {
          S total = 0;
          for (int64_t k = r * n; k < (r + 1) * n; ++k) total = total + c.dy[0][k];
          for (int64_t k = r * n; k < (r + 1) * n; ++k) c.give(0, k, c.dy[0][k] - exp(c.y[0][k]) * total);
        }
      });
  add_twin("logsumexp", [](auto& c) {
    for (int64_t r = 0; r < c.y[0].size(); ++r) c.y[0][r] = log_sum_exp(c.x[0].cols(), row_of(c.x[0], r));
  });
}

/// Row r of cross_entropy_rows at weight 1, and its logsumexp.
template <class C, class S>
S cross_entropy_row(C& c, int64_t r, S& normaliser) {
  const int64_t n = c.x[0].cols();
  const S *x = row_of(c.x[0], r), each(c.about.number("smooth_each"));
  normaliser = log_sum_exp(n, x);
  S loss = S(1 - c.about.number("smooth_total")) * (normaliser - x[c.x[1].index(r)]);
  if (each == S(0)) return loss;
  S others = 0;
  for (int64_t k = 0; k < n; ++k) others = others + (normaliser - x[k]);
  return loss + each * others;
}
inline void add_losses() {
  add_twin(
      "cross_entropy_rows",
      [](auto& c) {
        using S = Scalar<decltype(c)>;
        for (int64_t r = 0; r < c.x[0].rows(); ++r) {
          const bool ignored = c.x[1].index(r) == c.about.whole("ignore");
          const S weight = ignored ? S(0) : c.x.size() > 2 ? c.x[2][r] : S(1);
          c.y[0][r] = c.y[1][r] = S(0);
          c.y[2][r] = weight;
          if (!(weight == S(0))) c.y[0][r] = weight * cross_entropy_row(c, r, c.y[1][r]);
        }
      },
      [](auto& c) {
        using S = Scalar<decltype(c)>;
        const int64_t n = c.x[0].cols();
        const S each(c.about.number("smooth_each")), on_label(1 - c.about.number("smooth_total"));
        const S mass(1 - c.about.number("smooth_total") + c.about.number("smooth_each") * double(n));
        c.start_sums(0);
        for (int64_t r = 0; c.wanted[0] && r < c.x[0].rows(); ++r) {
          if (c.y[2][r] == S(0)) continue;
          const S factor = c.dy[0][r] * c.y[2][r];
          for (int64_t k = 0; k < n; ++k) c.give(0, r * n + k, factor * (mass * exp(c.x[0][r * n + k] - c.y[1][r]) - each));
          S& label = c.dx[0][r * n + c.x[1].index(r)];
          label = label - factor * on_label;
        }
        for (int64_t r = 0; c.x.size() > 2 && c.wanted[2] && r < c.x[0].rows(); ++r) {
          S normaliser, loss = c.x[1].index(r) == c.about.whole("ignore") ? S(0) : S(1) * cross_entropy_row(c, r, normaliser);
          c.give(2, r, c.dy[0][r] * loss);
        }
      });
  // One class: p, q, p - q and u - v, which is 0 where both probabilities are.
  const auto pair = [](auto u, auto v, auto& p, auto& q) {
    using S = decltype(u);
    p = exp(u), q = exp(v);
    return p + q == S(0) ? S(0) : u - v;
  };
  add_twin(
      "symmetric_kl_rows",
      [pair](auto& c) {
        using S = Scalar<decltype(c)>;
        const int64_t n = c.x[0].cols();
        for (int64_t r = 0; r < c.y[0].size(); ++r) {
          const S *a = row_of(c.x[0], r), *b = row_of(c.x[1], r), of_a = log_sum_exp(n, a), of_b = log_sum_exp(n, b);
          S total = 0, p, q;
          for (int64_t k = 0; k < n; ++k) {
            const S ratio = pair(a[k] - of_a, b[k] - of_b, p, q);
            total = total + (p - q) * ratio;
          }
          c.y[0][r] = total;
        }
      },
      [pair](auto& c) {
        using S = Scalar<decltype(c)>;
        const int64_t n = c.x[0].cols();
        for (int64_t r = 0; r < c.y[0].size(); ++r) {
          const S *a = row_of(c.x[0], r), *b = row_of(c.x[1], r), of_a = log_sum_exp(n, a), of_b = log_sum_exp(n, b);
          for (size_t side : {0, 1}) {
            if (!c.wanted[side]) continue;
            S mean = 0, p, q;
            for (int64_t k = 0; k < n; ++k) {
              const S ratio = pair(a[k] - of_a, b[k] - of_b, p, q);
              mean = mean + (side == 0 ? p : q) * ratio;
            }
            for (int64_t k = 0; k < n; ++k) {
              const S ratio = pair(a[k] - of_a, b[k] - of_b, p, q);
              const S value = (p - q) + (side == 0 ? p : q) * (ratio - mean);
              c.give(side, r * n + k, (side == 0 ? c.dy[0][r] : -c.dy[0][r]) * value);
            }
          }
        }
      });
}

inline void add_row_twins() {
  add_softmaxes();
  add_losses();
}

}  // namespace tapedeck::testing
