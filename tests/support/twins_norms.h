// Twins of layer norm and what is fused with it, of embeddings, and of linear. Next: twins_packed.h.
#pragma once
#include "twins_rows.h"

namespace tapedeck::testing {

/// y = (x - mean) rstd gain + bias, one row.
template <class S>
void norm_row(int64_t n, double epsilon, const S* x, const S* gain, const S* bias, S* y, S& mean, S& rstd) {
  S total = 0, squares = 0;
  for (int64_t k = 0; k < n; ++k) total = total + x[k];
  mean = total / S(double(n));
  for (int64_t k = 0; k < n; ++k) {
    const S centred = x[k] - mean;
    squares = squares + centred * centred;
  }
  rstd = rsqrt_of(squares / S(double(n)) + S(epsilon));
  for (int64_t k = 0; k < n; ++k) y[k] = (x[k] - mean) * rstd * gain[k] + bias[k];
}
/// Gradient of a row; and its share of those of gain and bias, which one pass makes together.
template <class S>
void norm_row_gradient(int64_t n, const S* x, const S* gain, S mean, S rstd, const S* dy, S* dx) {
  const S total = dot(n, dy, gain) / S(double(n));
  S along = 0;
  for (int64_t k = 0; k < n; ++k) along = along + dy[k] * gain[k] * ((x[k] - mean) * rstd);
  along = along / S(double(n));
  for (int64_t k = 0; k < n; ++k) dx[k] = rstd * (dy[k] * gain[k] - total - (x[k] - mean) * rstd * along);
}
/// dgain and dbias are inputs g and g + 1 of the call.
template <class C, class S>
void norm_parameter_gradients(C& c, size_t g, int64_t n, const S* x, S mean, S rstd, const S* dy) {
  if (!c.wanted[g] && !c.wanted[g + 1]) return;
  std::vector<S> sums[2] = {c.dx[g].at, c.dx[g + 1].at};
  for (auto& s : sums) s.resize(size_t(n));       // the one that nobody asked for
  for (size_t k = 0; k < size_t(n); ++k) {
    sums[0][k] = sums[0][k] + dy[k] * (x[k] - mean) * rstd;
    sums[1][k] = sums[1][k] + dy[k];
  }
  for (size_t j : {0, 1}) if (c.wanted[g + j]) c.dx[g + j].at = sums[j];
}

inline void add_norms() {
  add_twin(
      "layer_norm",
      [](auto& c) {
        for (int64_t r = 0; r < c.x[0].rows(); ++r)
          norm_row(c.x[0].cols(), c.about.number("epsilon"), row_of(c.x[0], r), row_of(c.x[1], 0), row_of(c.x[2], 0), row_of(c.y[0], r),
                   c.y[1][r], c.y[2][r]);
      },
      [](auto& c) {
        using S = Scalar<decltype(c)>;
        const int64_t n = c.x[0].cols();
        c.start_sums(1), c.start_sums(2);
        std::vector<S> dx(static_cast<size_t>(n));
        for (int64_t r = 0; r < c.x[0].rows(); ++r) {
          norm_parameter_gradients(c, 1, n, row_of(c.x[0], r), c.y[1][r], c.y[2][r], row_of(c.dy[0], r));
          if (!c.wanted[0]) continue;
          norm_row_gradient(n, row_of(c.x[0], r), row_of(c.x[1], 0), c.y[1][r], c.y[2][r], row_of(c.dy[0], r), dx.data());
          for (int64_t k = 0; k < n; ++k) c.give(0, r * n + k, dx[size_t(k)]);
        }
      });
  const auto normalise = [](auto& c) {
    for (int64_t r = 0; r < c.y[0].rows(); ++r)
      norm_row(c.y[0].cols(), c.about.number("epsilon"), row_of(c.y[0], r), row_of(c.x[2], 0), row_of(c.x[3], 0), row_of(c.y[1], r),
               c.y[2][r], c.y[3][r]);
  };
  add_twin(
      "residual_norm",
      [normalise](auto& c) {
        const MaskTwin mask(c.about);
        for (int64_t i = 0; i < c.y[0].size(); ++i) c.y[0][i] = mask(c.x[0][i], i) + c.x[1][i];
        normalise(c);
      },
      [](auto& c) {
        using S = Scalar<decltype(c)>;
        const int64_t n = c.y[0].cols();
        const MaskTwin mask(c.about);
        c.start_sums(2), c.start_sums(3);
        std::vector<S> sum(static_cast<size_t>(n));
        for (int64_t r = 0; r < c.y[0].rows(); ++r) {
          if (c.reached[1]) norm_parameter_gradients(c, 2, n, row_of(c.y[0], r), c.y[2][r], c.y[3][r], row_of(c.dy[1], r));
          if (!c.wanted[0] && !c.wanted[1]) continue;
          if (c.reached[1]) norm_row_gradient(n, row_of(c.y[0], r), row_of(c.x[2], 0), c.y[2][r], c.y[3][r], row_of(c.dy[1], r), sum.data());
          for (int64_t k = 0; k < n; ++k) {
            S& s = sum[size_t(k)];
            if (c.reached[0]) s = c.reached[1] ? s + c.dy[0][r * n + k] : c.dy[0][r * n + k];
            if (c.wanted[0]) c.give(0, r * n + k, mask(s, r * n + k));
            if (c.wanted[1]) c.give(1, r * n + k, s);
          }
        }
      });
  twins()["residual_norm"].restore = part(normalise);
}

/// Sums of table rows, into y[sum]; inputs are tables and indices by turns.
template <class C>
void look_up_tables(C& c, size_t tables, size_t sum) {
  const int64_t n = c.x[0].cols();
  for (int64_t i = 0; i < c.y[sum].size(); ++i)
    for (size_t t = 0; t < tables; ++t) {
      const auto& value = c.x[2 * t][c.x[2 * t + 1].index(i / n) * n + i % n];
      c.y[sum][i] = t == 0 ? value : c.y[sum][i] + value;
    }
}
template <class C, class S>
void scatter_row(C& c, size_t tables, int64_t r, const S* row) {
  const int64_t n = c.x[0].cols();
  for (size_t t = 0; t < tables; ++t)
    for (int64_t k = 0; c.wanted[2 * t] && k < n; ++k) {
      S& sum = c.dx[2 * t][c.x[2 * t + 1].index(r) * n + k];
      sum = sum + row[k];
    }
}
inline void add_embeddings() {
  const auto start = [](auto& c, size_t tables) { for (size_t t = 0; t < tables; ++t) c.start_sums(2 * t); };
  add_twin(
      "embedding_sum", [](auto& c) { look_up_tables(c, c.x.size() / 2, 0); },
      [start](auto& c) {
        start(c, c.x.size() / 2);
        for (int64_t r = 0; r < c.y[0].rows(); ++r) scatter_row(c, c.x.size() / 2, r, row_of(c.dy[0], r));
      });
  add_twin(
      "embedding_norm",
      [](auto& c) {
        const size_t g = c.x.size() - 2;
        look_up_tables(c, g / 2, 1);
        for (int64_t r = 0; r < c.y[0].rows(); ++r)
          norm_row(c.y[0].cols(), c.about.number("epsilon"), row_of(c.y[1], r), row_of(c.x[g], 0), row_of(c.x[g + 1], 0), row_of(c.y[0], r),
                   c.y[2][r], c.y[3][r]);
      },
      [start](auto& c) {
        using S = Scalar<decltype(c)>;
        const size_t g = c.x.size() - 2;
        const int64_t n = c.x[0].cols();
        bool any = false;
        for (size_t t = 0; t < g; t += 2) any = any || c.wanted[t];
        start(c, g / 2);
        c.start_sums(g), c.start_sums(g + 1);
        std::vector<S> row(static_cast<size_t>(n));
        for (int64_t r = 0; r < c.y[0].rows(); ++r) {
          norm_parameter_gradients(c, g, n, row_of(c.y[1], r), c.y[2][r], c.y[3][r], row_of(c.dy[0], r));
          if (!any) continue;
          norm_row_gradient(n, row_of(c.y[1], r), row_of(c.x[g], 0), c.y[2][r], c.y[3][r], row_of(c.dy[0], r), row.data());
          scatter_row(c, g / 2, r, row.data());
        }
      });
}

/// Calls f(activation) for the one that is named; nothing for "none".
template <class F>
void with_activation(const std::string& name, F f) {
  if (name == "relu") f(ReluTwin{});
  if (name == "gelu") f(GeluTwin{});
  if (name == "gelu_tanh") f(GeluTanhTwin{});
  if (name == "silu") f(SiluTwin{});
  if (name == "tanh") f(TanhTwin{});
}
inline void add_linear() {
  const auto activate = [](auto& c) {             // y[0] = act(z), z is y[1] where it is kept
    with_activation(c.about.words("act"), [&](auto act) {
      for (int64_t i = 0; i < c.y[0].size(); ++i) c.y[0][i] = act(c.y.size() > 1 ? c.y[1][i] : c.y[0][i]);
    });
  };
  add_twin(
      "linear",
      [activate](auto& c) {
        const int64_t n = c.x[1].rows(), k = c.x[1].cols();
        for (int64_t i = 0; i < c.y[0].size(); ++i) {
          auto z = dot(k, row_of(c.x[0], i / n), row_of(c.x[1], i % n));
          if (c.x.size() > 2) z = z + c.x[2][i % n];
          c.y.back()[i] = z;
        }
        activate(c);
      },
      [](auto& c) {
        const int64_t n = c.x[1].rows(), k = c.x[1].cols();
        with_activation(c.about.words("act"), [&](auto act) {
          for (int64_t i = 0; i < c.y[0].size(); ++i) c.dy[0][i] = c.dy[0][i] * act.slope(c.y.back()[i], c.y[0][i]);
        });
        for (size_t input = 0; input < c.x.size(); ++input) c.start_sums(input);
        for (int64_t i = 0; i < c.y[0].size(); ++i) {
          for (int64_t j = 0; j < k; ++j) {
            auto &x = c.dx[0], &w = c.dx[1];
            const int64_t at_x = i / n * k + j, at_w = i % n * k + j;
            if (c.wanted[0]) x[at_x] = x[at_x] + c.dy[0][i] * c.x[1][at_w];
            if (c.wanted[1]) w[at_w] = w[at_w] + c.dy[0][i] * c.x[0][at_x];
          }
          if (c.x.size() > 2 && c.wanted[2]) c.dx[2][i % n] = c.dx[2][i % n] + c.dy[0][i];
        }
      });
  twins()["linear"].restore = part(activate);
}

inline void add_norm_twins() {
  add_norms();
  add_embeddings();
  add_linear();
}

}  // namespace tapedeck::testing
