// Twins of the ops that move elements, add them up along an axis, or look them up; and of products of matrices.
// Next: twins_rows.h.
#pragma once
#include "twins_elementwise.h"

namespace tapedeck::testing {

/// x seen as [outer, axis, inner].
struct AxisTwin {
  int64_t outer = 1, size = 1, inner = 1;
  AxisTwin(const Shape& shape, int64_t axis) {
    if (axis < 0) axis += shape.rank();
    for (int k = 0; k < shape.rank(); ++k) (k < axis ? outer : k == axis ? size : inner) *= shape[k];
  }
  int64_t operator()(int64_t o, int64_t a, int64_t i) const { return (o * size + a) * inner + i; }
  template <class F>
  void each(F f) const {
    for (int64_t o = 0; o < outer; ++o) for (int64_t a = 0; a < size; ++a) for (int64_t i = 0; i < inner; ++i) f(o, a, i);
  }
};

/// Of sum and mean: over one axis, or over everything.
template <class C>
AxisTwin reduced_axis(const C& c) {
  return c.about.has("axis") ? AxisTwin(c.x[0].shape, c.about.whole("axis")) : AxisTwin(Shape{c.x[0].size()}, 0);
}
inline void add_reductions() {
  const auto sum = [](auto& c) {
    using S = Scalar<decltype(c)>;
    const AxisTwin v = reduced_axis(c);
    for (S& y : c.y[0].at) y = S(0);
    v.each([&](int64_t o, int64_t a, int64_t i) { c.y[0][o * v.inner + i] = c.y[0][o * v.inner + i] + c.x[0][v(o, a, i)]; });
  };
  add_twin("sum", sum, [](auto& c) {
    const AxisTwin v = reduced_axis(c);
    v.each([&](int64_t o, int64_t a, int64_t i) { c.give(0, v(o, a, i), c.dy[0][o * v.inner + i]); });
  });
  add_twin(
      "mean",
      [sum](auto& c) {
        using S = Scalar<decltype(c)>;
        sum(c);
        for (S& y : c.y[0].at) y = y * S(1 / double(reduced_axis(c).size));
      },
      [](auto& c) {
        using S = Scalar<decltype(c)>;
        const AxisTwin v = reduced_axis(c);
        const S factor(1 / double(v.size));
        S row(0);                                 // of whole rows each number is scaled once
        v.each([&](int64_t o, int64_t a, int64_t i) {
          if (a == 0 || v.inner > 1) row = factor * c.dy[0][o * v.inner + i];
          c.give(0, v(o, a, i), row);
        });
      });
}

inline void add_choices() {
  const auto first_largest = [](auto& c, const AxisTwin& v, int64_t o, int64_t i) {
    int64_t best = 0;
    for (int64_t a = 1; a < v.size; ++a) if (c.x[0][v(o, a, i)] > c.x[0][v(o, best, i)]) best = a;
    return best;
  };
  add_twin("argmax", [first_largest](auto& c) {
    const AxisTwin v(c.x[0].shape, c.about.whole("axis"));
    for (int64_t o = 0; o < v.outer; ++o)
      for (int64_t i = 0; i < v.inner; ++i) c.y[0][o * v.inner + i] = double(first_largest(c, v, o, i));
  });
  add_twin(
      "max",
      [first_largest](auto& c) {
        const AxisTwin v(c.x[0].shape, -1);
        for (int64_t o = 0; o < v.outer; ++o) {
          const int64_t best = first_largest(c, v, o, 0);
          c.y[1][o] = double(best);
          c.y[0][o] = c.x[0][v(o, best, 0)];
        }
      },
      [](auto& c) {
        c.start_sums(0);
        for (int64_t o = 0; o < c.y[0].size(); ++o) c.give(0, o * c.x[0].cols() + c.y[1].index(o), c.dy[0][o]);
      });
}

/// Calls f(place in the whole, place in the part) for every element of a part that begins at `begin` of the whole's axis.
template <class F>
void each_in_block(const Shape& whole, const Shape& part, int64_t axis, int64_t begin, F f) {
  const AxisTwin w(whole, axis), p(part, axis);
  p.each([&](int64_t o, int64_t a, int64_t i) { f(w(o, begin + a, i), p(o, a, i)); });
}
inline void add_blocks() {
  add_twin(
      "slice",
      [](auto& c) {
        each_in_block(c.x[0].shape, c.y[0].shape, c.about.whole("axis"), c.about.whole("begin"), [&](int64_t w, int64_t p) { c.y[0][p] = c.x[0][w]; });
      },
      [](auto& c) {
        c.start_sums(0);
        each_in_block(c.x[0].shape, c.y[0].shape, c.about.whole("axis"), c.about.whole("begin"), [&](int64_t w, int64_t p) { c.give(0, w, c.dy[0][p]); });
      });
  add_twin(
      "pad",
      [](auto& c) {
        for (auto& y : c.y[0].at) y = 0;
        each_in_block(c.y[0].shape, c.x[0].shape, c.about.whole("axis"), c.about.whole("before"), [&](int64_t w, int64_t p) { c.y[0][w] = c.x[0][p]; });
      },
      [](auto& c) {
        each_in_block(c.y[0].shape, c.x[0].shape, c.about.whole("axis"), c.about.whole("before"), [&](int64_t w, int64_t p) { c.give(0, p, c.dy[0][w]); });
      });
  const auto each_part = [](auto& c, auto f) {
    const int64_t axis = c.about.whole("axis");
    int64_t begin = 0;
    for (size_t k = 0; k < c.x.size(); begin += c.x[k++].shape[int(axis)])
      each_in_block(c.y[0].shape, c.x[k].shape, axis, begin, [&](int64_t w, int64_t p) { f(k, w, p); });
  };
  add_twin(
      "concat", [each_part](auto& c) { each_part(c, [&](size_t k, int64_t w, int64_t p) { c.y[0][w] = c.x[k][p]; }); },
      [each_part](auto& c) { each_part(c, [&](size_t k, int64_t w, int64_t p) { c.give(k, p, c.dy[0][w]); }); });
}

/// Where element i of y comes from: axis k of y is axis order[k] of x; order is written "[2,0,1]".
inline int64_t permuted_source(int64_t i, const Shape& x, const Shape& y, const std::string& order) {
  int64_t at = 0;
  for (int k = y.rank() - 1; k >= 0; --k) {
    const int axis = order[size_t(1 + 2 * k)] - '0';
    int64_t step = 1;
    for (int later = axis + 1; later < x.rank(); ++later) step *= x[later];
    at += i % y[k] * step;
    i /= y[k];
  }
  return at;
}
inline void add_shapes() {
  add_twin("reshape", [](auto& c) { c.y[0].at = c.x[0].at; });
  add_twin(
      "permute",
      [](auto& c) {
        for (int64_t i = 0; i < c.y[0].size(); ++i)
          c.y[0][i] = c.x[0][permuted_source(i, c.x[0].shape, c.y[0].shape, c.about.words("order"))];
      },
      [](auto& c) {
        for (int64_t i = 0; i < c.y[0].size(); ++i)
          c.give(0, permuted_source(i, c.x[0].shape, c.y[0].shape, c.about.words("order")), c.dy[0][i]);
      });
  add_twin(
      "expand",
      [](auto& c) { for (int64_t i = 0; i < c.y[0].size(); ++i) c.y[0][i] = c.x[0][source_of(i, c.y[0].shape, c.x[0].shape)]; },
      [](auto& c) {
        c.start_sums(0);
        for (int64_t i = 0; i < c.y[0].size(); ++i) {
          auto& sum = c.dx[0][source_of(i, c.y[0].shape, c.x[0].shape)];
          sum = sum + c.dy[0][i];
        }
      });
}

inline void add_tables() {
  const auto look_up = [](auto& c) {
    const int64_t cols = c.x[0].cols();
    for (int64_t i = 0; i < c.y[0].size(); ++i) c.y[0][i] = c.x[0][c.x[1].index(i / cols) * cols + i % cols];
  };
  const auto add_up = [](auto& index, auto& from, auto& to, int64_t cols) {
    for (int64_t i = 0; i < from.size(); ++i) {
      auto& sum = to[index.index(i / cols) * cols + i % cols];
      sum = sum + from[i];
    }
  };
  add_twin("gather", look_up, [add_up](auto& c) {
    c.start_sums(0);
    add_up(c.x[1], c.dy[0], c.dx[0], c.x[0].cols());
  });
  add_twin("scatter_add", [add_up](auto& c) {
    for (auto& y : c.y[0].at) y = 0;
    add_up(c.x[1], c.x[0], c.y[0], c.x[0].cols());
  });
  add_twin(
      "pick", [](auto& c) { for (int64_t i = 0; i < c.y[0].size(); ++i) c.y[0][i] = c.x[0][i * c.x[0].cols() + c.x[1].index(i)]; },
      [](auto& c) {
        c.start_sums(0);
        for (int64_t i = 0; i < c.y[0].size(); ++i) c.give(0, i * c.x[0].cols() + c.x[1].index(i), c.dy[0][i]);
      });
  add_twin("pick_transposed", [](auto& c) {
    for (auto& y : c.y[0].at) y = 0;
    for (int64_t i = 0; i < c.x[0].size(); ++i) c.y[0][i * c.y[0].cols() + c.x[1].index(i)] = c.x[0][i];
  });
}

/// f(place in a, place in b, place in y) for every product of y[...,m,n] = sum_k a[...,m,k] b[...,k,n].
template <class C, class F>
void each_product(const C& c, F f) {
  const Shape &a = c.x[0].shape, &b = c.x[1].shape, &y = c.y[0].shape;
  const bool ta = c.about.flag("a_transposed"), tb = c.about.flag("b_transposed");
  const int64_t m = y[-2], n = y[-1], inner = a[ta ? -2 : -1];
  int64_t batches = 1;
  for (int axis = 0; axis + 2 < y.rank(); ++axis) batches *= y[axis];
  for (int64_t batch = 0; batch < batches; ++batch)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j)
        for (int64_t k = 0; k < inner; ++k)
          f((a.rank() > 2 ? batch * m * inner : 0) + (ta ? k * m + i : i * inner + k),
            (b.rank() > 2 ? batch * inner * n : 0) + (tb ? j * inner + k : k * n + j), (batch * m + i) * n + j);
}
inline void add_matmul() {
  add_twin(
      "matmul",
      [](auto& c) {
        for (auto& y : c.y[0].at) y = 0;
        each_product(c, [&](int64_t a, int64_t b, int64_t y) { c.y[0][y] = c.y[0][y] + c.x[0][a] * c.x[1][b]; });
      },
      [](auto& c) {
        c.start_sums(0), c.start_sums(1);
        each_product(c, [&](int64_t a, int64_t b, int64_t y) {
          if (c.wanted[0]) c.dx[0][a] = c.dx[0][a] + c.dy[0][y] * c.x[1][b];
          if (c.wanted[1]) c.dx[1][b] = c.dx[1][b] + c.dy[0][y] * c.x[0][a];
        });
      });
}

inline void add_layout_twins() {
  add_reductions();
  add_choices();
  add_blocks();
  add_shapes();
  add_tables();
  add_matmul();
}

}  // namespace tapedeck::testing
