// Twins of the ops over packed sequences: attention, its ragged primitives, rotary positions, pooling.
// Next: tests/op_cost_test.cpp.
#pragma once
#include "twins_norms.h"

namespace tapedeck::testing {

/// The heads of every sequence: tokens first .. first + size, and where their pairs begin in the ragged layout.
struct HeadTwin { int64_t head, first, size, pairs; };
template <class S, class F>
void each_head(const Array<S>& offsets, int64_t heads, F f) {
  for (int64_t b = 0, pairs = 0; b + 1 < offsets.size(); ++b)
    for (int64_t head = 0; head < heads; ++head) {
      const int64_t first = offsets.index(b), size = offsets.index(b + 1) - first;
      f(HeadTwin{head, first, size, pairs});
      pairs += size * size;
    }
}
inline int64_t keys_seen(bool causal, int64_t query, int64_t size) { return causal ? query + 1 : size; }

inline void add_ragged() {
  add_twin("ragged_scores", [](auto& c) {
    using S = Scalar<decltype(c)>;
    const int64_t heads = c.about.whole("heads"), width = c.x[0].cols(), d = width / heads;
    each_head(c.x[2], heads, [&](const HeadTwin& h) {
      for (int64_t i = 0; i < h.size; ++i)
        for (int64_t j = 0; j < h.size; ++j) {    // all products are made, then some are masked
          const S s = dot(d, row_of(c.x[0], h.first + i) + h.head * d, row_of(c.x[1], h.first + j) + h.head * d);
          c.y[0][h.pairs + i * h.size + j] =
              j < keys_seen(c.about.flag("causal"), i, h.size) ? s * S(c.about.number("scale")) : S(-std::numeric_limits<double>::infinity());
        }
    });
  });
  add_twin(
      "ragged_softmax",
      [](auto& c) {
        using S = Scalar<decltype(c)>;
        each_head(c.x[1], c.about.whole("heads"), [&](const HeadTwin& h) {
          for (int64_t i = 0; i < h.size; ++i) {
            const int64_t at = h.pairs + i * h.size, seen = keys_seen(c.about.flag("causal"), i, h.size);
            softmax_row(seen, &c.x[0][at], &c.y[0][at]);
            for (int64_t j = seen; j < h.size; ++j) c.y[0][at + j] = S(0);
          }
        });
      },
      [](auto& c) {
        each_head(c.x[1], c.about.whole("heads"), [&](const HeadTwin& h) {
          for (int64_t i = 0; i < h.size; ++i) {
            const int64_t at = h.pairs + i * h.size;
            const auto along = dot(h.size, &c.y[0][at], &c.dy[0][at]);
            for (int64_t j = at; j < at + h.size; ++j) c.give(0, j, c.y[0][j] * (c.dy[0][j] - along));
          }
        });
      });
  const auto weighted_sum = [](auto& c, bool transposed) {
    const int64_t heads = c.about.whole("heads"), width = c.x[1].cols(), d = width / heads;
    for (auto& y : c.y[0].at) y = 0;
    each_head(c.x[2], heads, [&](const HeadTwin& h) {
      for (int64_t i = 0; i < h.size; ++i)
        for (int64_t j = 0; j < h.size; ++j)
          for (int64_t k = h.head * d; k < (h.head + 1) * d; ++k) {
            auto& sum = c.y[0][(h.first + (transposed ? j : i)) * width + k];
            sum = sum + c.x[0][h.pairs + i * h.size + j] * c.x[1][(h.first + (transposed ? i : j)) * width + k];
          }
    });
  };
  add_twin("ragged_weighted_sum", [weighted_sum](auto& c) { weighted_sum(c, false); });
  add_twin("ragged_weighted_sum_transposed", [weighted_sum](auto& c) { weighted_sum(c, true); });
  const auto each_pair = [](auto& c, auto f) {    // f(pair, row)
    const int64_t heads = c.about.whole("heads");
    each_head(c.x[1], heads, [&](const HeadTwin& h) {
      for (int64_t i = 0; i < h.size * h.size; ++i) f(h.pairs + i, heads * h.first + h.head * h.size + i / h.size);
    });
  };
  add_twin("ragged_row_sum", [each_pair](auto& c) {
    for (auto& y : c.y[0].at) y = 0;
    each_pair(c, [&](int64_t pair, int64_t row) { c.y[0][row] = c.y[0][row] + c.x[0][pair]; });
  });
  add_twin("ragged_row_spread", [each_pair](auto& c) { each_pair(c, [&](int64_t pair, int64_t row) { c.y[0][pair] = c.x[0][row]; }); });
}

/// One head of attention, as its kernel's loops would be without blocks.
template <class C>
struct AttentionTwin {
  using S = Scalar<C&>;
  C& c;
  HeadTwin h;
  int64_t heads = c.about.whole("heads"), width = c.x[0].cols() / 3, d = width / heads;
  MaskTwin mask{c.about};
  S scale{1 / std::sqrt(double(d))};

  /// Row i of the queries (0), keys (1) or values (2) of this head.
  S* part(Array<S>& qkv, int third, int64_t i) const { return row_of(qkv, h.first + i) + third * width + h.head * d; }
  int64_t pair(int64_t i, int64_t j) const { return h.pairs + i * h.size + j; }
  int64_t seen(int64_t i) const { return keys_seen(c.about.flag("causal"), i, h.size); }
  S& normaliser(int64_t i) const { return c.y[1][(h.first + i) * heads + h.head]; }
  std::vector<S> scaled(int64_t i, int third) const {
    std::vector<S> row;
    for (int64_t k = 0; k < d; ++k) row.push_back(scale * part(c.x[0], third, i)[k]);
    return row;
  }

  void forward() const {
    for (int64_t i = 0; i < h.size; ++i) {
      const std::vector<S> q = scaled(i, 0);
      std::vector<S> p;
      for (int64_t j = 0; j < seen(i); ++j) p.push_back(dot(d, q.data(), part(c.x[0], 1, j)));
      const S top = largest_of(seen(i), p.data());
      S total = 0;
      for (S& s : p) s = exp(s - top), total = total + s;
      S* y = row_of(c.y[0], h.first + i) + h.head * d;
      for (int64_t k = 0; k < d; ++k) y[k] = S(0);
      for (int64_t j = 0; j < seen(i); ++j)
        for (int64_t k = 0; k < d; ++k) y[k] = y[k] + (mask.keeps(pair(i, j)) ? p[size_t(j)] : S(0)) * part(c.x[0], 2, j)[k];
      const S factor = S(mask.rate.scale) / total;
      for (int64_t k = 0; k < d; ++k) y[k] = y[k] * factor;
      normaliser(i) = top + log(total);
    }
  }

  void backward() const {
    std::vector<std::vector<S>> scaled_keys;
    for (int64_t j = 0; j < h.size; ++j) scaled_keys.push_back(scaled(j, 1));
    for (int64_t i = 0; i < h.size; ++i) {
      const std::vector<S> q = scaled(i, 0);
      const S* dy = row_of(c.dy[0], h.first + i) + h.head * d;
      const S along = dot(d, dy, row_of(c.y[0], h.first + i) + h.head * d);
      for (int64_t j = 0; j < seen(i); ++j) {
        const S p = exp(dot(d, q.data(), part(c.x[0], 1, j)) - normaliser(i)), dp = dot(d, dy, part(c.x[0], 2, j));
        const S kept(mask.keeps(pair(i, j)) ? mask.rate.scale : 0);
        const S ds = p * ((mask.on ? kept * dp : dp) - along), weight = mask.on ? kept * p : p;
        for (int64_t k = 0; k < d; ++k) {
          S &dq = part(c.dx[0], 0, i)[k], &dk = part(c.dx[0], 1, j)[k], &dv = part(c.dx[0], 2, j)[k];
          dq = dq + ds * scaled_keys[size_t(j)][size_t(k)];
          dk = dk + ds * q[size_t(k)];
          dv = dv + weight * dy[k];
        }
      }
    }
  }
};
inline void add_attention() {
  add_twin(
      "attention",
      [](auto& c) { each_head(c.x[1], c.about.whole("heads"), [&](const HeadTwin& h) { AttentionTwin<std::remove_reference_t<decltype(c)>>{c, h}.forward(); }); },
      [](auto& c) {
        c.start_sums(0);
        each_head(c.x[1], c.about.whole("heads"), [&](const HeadTwin& h) { AttentionTwin<std::remove_reference_t<decltype(c)>>{c, h}.backward(); });
      });
}

/// Turns the columns of x, back where `back` says so; give(i, value).
template <class C, class S, class Give>
void rotate_twin(C& c, Array<S>& x, bool back, Give give) {
  const int64_t d = c.about.whole("head_dim"), half = d / 2, columns = c.about.whole("columns");
  std::vector<S> frequency;
  for (int64_t i = 0; i < half; ++i) frequency.push_back(pow(S(c.about.number("base")), value_of(S(-2) * S(double(i)) / S(double(d)))));
  for (int64_t r = 0; r < x.rows(); ++r) {
    const int64_t at = r * x.cols();
    std::vector<S> cosine, sine;
    for (const S& f : frequency) {
      const S angle = S(double(c.x[1].index(r))) * f;
      cosine.push_back(cos(angle));
      sine.push_back(back ? -sin(angle) : sin(angle));
    }
    for (int64_t head = at; head < at + columns; head += d)
      for (int64_t i = 0; i < half; ++i) {
        const S low = x[head + i], high = x[head + half + i], co = cosine[size_t(i)], si = sine[size_t(i)];
        give(head + i, low * co - high * si);
        give(head + half + i, high * co + low * si);
      }
    for (int64_t i = at + columns; i < at + x.cols(); ++i) give(i, x[i]);
  }
}
inline void add_rotary() {
  add_twin(
      "rotary", [](auto& c) { rotate_twin(c, c.x[0], c.about.flag("inverse"), [&](int64_t i, auto value) { c.y[0][i] = value; }); },
      [](auto& c) { rotate_twin(c, c.dy[0], !c.about.flag("inverse"), [&](int64_t i, auto value) { c.give(0, i, value); }); });
}

inline void add_pooling() {
  const auto sequence = [](auto& offsets, auto f) {   // f(sequence, its first token, the one after its last)
    for (int64_t b = 0; b + 1 < offsets.size(); ++b) f(b, offsets.index(b), offsets.index(b + 1));
  };
  /// Row b of `from` to the first token of its sequence, or in equal parts to all of them.
  const auto spread = [sequence](auto& c, auto& from, bool mean, auto give) {
    using S = Scalar<decltype(c)>;
    const int64_t n = from.cols();
    sequence(c.x[1], [&](int64_t b, int64_t begin, int64_t end) {
      const S factor = mean ? S(1) / S(double(std::max<int64_t>(1, end - begin))) : S(1);
      for (int64_t t = begin; t < (mean ? end : std::min(end, begin + 1)); ++t)
        for (int64_t k = 0; k < n; ++k) give(t * n + k, mean ? factor * from[b * n + k] : from[b * n + k]);
    });
  };
  const auto transposed = [spread](bool mean) {
    return [spread, mean](auto& c) {
      for (auto& y : c.y[0].at) y = 0;
      spread(c, c.x[0], mean, [&](int64_t i, auto value) { c.y[0][i] = value; });
    };
  };
  const auto gradient = [spread](bool mean) {
    return [spread, mean](auto& c) {
      c.start_sums(0);
      spread(c, c.dy[0], mean, [&](int64_t i, auto value) { c.give(0, i, value); });
    };
  };
  add_twin(
      "segment_first",
      [sequence](auto& c) {
        const int64_t n = c.x[0].cols();
        sequence(c.x[1], [&](int64_t b, int64_t begin, int64_t end) {
          for (int64_t k = 0; k < n; ++k) c.y[0][b * n + k] = begin < end ? c.x[0][begin * n + k] : 0;
        });
      },
      gradient(false));
  add_twin(
      "segment_mean",
      [sequence](auto& c) {
        using S = Scalar<decltype(c)>;
        const int64_t n = c.x[0].cols();
        sequence(c.x[1], [&](int64_t b, int64_t begin, int64_t end) {
          const S factor = S(1) / S(double(std::max<int64_t>(1, end - begin)));
          for (int64_t k = 0; k < n; ++k) {
            S sum = 0;
            for (int64_t t = begin; t < end; ++t) sum = sum + c.x[0][t * n + k];
            c.y[0][b * n + k] = sum * factor;
          }
        });
      },
      gradient(true));
  add_twin("segment_first_transposed", transposed(false));
  add_twin("segment_mean_transposed", transposed(true));
  const auto put = [](auto& rows, auto& from, auto& to) {
    for (int64_t i = 0, n = rows.cols(); i < rows.size(); ++i)
      if (rows.index(i) >= 0) to[rows.index(i) * n + i % n] = to[rows.index(i) * n + i % n] + from[i];
  };
  add_twin(
      "segment_max",
      [sequence](auto& c) {
        const int64_t n = c.x[0].cols();
        sequence(c.x[1], [&](int64_t b, int64_t begin, int64_t end) {
          for (int64_t k = 0; k < n; ++k) {
            int64_t best = begin < end ? begin : -1;
            for (int64_t t = begin + 1; t < end; ++t) if (c.x[0][t * n + k] > c.x[0][best * n + k]) best = t;
            c.y[1][b * n + k] = double(best);
            c.y[0][b * n + k] = best < 0 ? 0 : c.x[0][best * n + k];
          }
        });
      },
      [put](auto& c) {
        c.start_sums(0);
        put(c.y[1], c.dy[0], c.dx[0]);
      });
  add_twin("segment_take", [](auto& c) {
    for (int64_t i = 0, n = c.x[1].cols(); i < c.y[0].size(); ++i)
      c.y[0][i] = c.x[1].index(i) < 0 ? 0 : c.x[0][c.x[1].index(i) * n + i % n];
  });
  add_twin("segment_put", [put](auto& c) {
    for (auto& y : c.y[0].at) y = 0;
    put(c.x[1], c.x[0], c.y[0]);
  });
}

inline void add_packed_twins() {
  add_ragged();
  add_attention();
  add_rotary();
  add_pooling();
}

}  // namespace tapedeck::testing
