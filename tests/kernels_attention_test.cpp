// Attention over packed sequences against the full matrix of scores in double, the ragged primitives, rotary positions.
#include <doctest/doctest.h>

#include "kernels/own.h"
#include "support/naive_kernels.h"

using namespace tapedeck::kernels;
using namespace tapedeck::test;

namespace {

struct Case {
  const char* name;
  std::vector<int32_t> q_offsets, k_offsets;
  int64_t heads, head_dim, q_pad, k_pad, v_pad;  // pads: columns of each row that belong to somebody else
  bool causal;
  double p;

  Attention call() const {
    Attention a;
    a.sequences = int64_t(q_offsets.size()) - 1, a.heads = heads, a.head_dim = head_dim;
    a.q_offsets = q_offsets.data(), a.k_offsets = k_offsets.data();
    a.q_stride = heads * head_dim + q_pad, a.k_stride = heads * head_dim + k_pad, a.v_stride = heads * head_dim + v_pad;
    a.out_stride = heads * head_dim, a.causal = causal, a.scale = 1 / std::sqrt(double(head_dim)), a.dropout = {p, 31, 1003};
    return a;
  }
};

const Case cases[] = {
    {"one token", {0, 1}, {0, 1}, 1, 1, 0, 0, 0, false, 0},
    {"lengths 0, 1 and others", {0, 0, 1, 18, 18, 50}, {0, 0, 1, 18, 18, 50}, 2, 16, 3, 3, 3, false, 0},
    {"causal", {0, 17, 18, 80}, {0, 17, 18, 80}, 3, 8, 0, 0, 0, true, 0},
    {"dropout", {0, 33, 48, 49, 178}, {0, 33, 48, 49, 178}, 2, 32, 0, 0, 0, false, 0.2},
    {"causal dropout, one buffer", {0, 70, 101}, {0, 70, 101}, 2, 24, 96, 96, 96, true, 0.3},
    {"other keys", {0, 5, 36, 36, 40}, {0, 40, 40, 77, 110}, 2, 17, 1, 2, 3, false, 0.1},
    {"causal, fewer keys than queries", {0, 9, 12}, {0, 4, 20}, 1, 5, 0, 0, 0, true, 0},
    {"long", {0, 300}, {0, 300}, 1, 64, 0, 0, 0, false, 0.1},
    {"several blocks of keys", {0, 40, 43}, {0, 1100, 1613}, 2, 9, 0, 0, 0, false, 0.2},
    {"several blocks of keys, causal", {0, 1051}, {0, 1051}, 1, 4, 0, 0, 0, true, 0.1},
};

struct Want {
  Numbers out, normaliser, dq, dk, dv;
};

/// Everything in double through explicit scores; the pads of dq, dk, dv keep `initial`.
Want attention_want(const Attention& a, const Numbers& q, const Numbers& k, const Numbers& v, const Numbers& dout, Numbers dq,
                    Numbers dk, Numbers dv) {
  const int64_t queries = a.q_offsets[a.sequences];
  Want want;
  const Numbers scores = naive::ragged_scores(a, q, k), p = naive::ragged_softmax(a, scores);
  Numbers dropped = p, dp(p.size());
  for (size_t e = 0; e < p.size(); ++e) dropped[e] *= naive::dropout_factor(a.dropout, e);
  want.out = naive::weighted_sum(a, dropped, v, a.v_stride, Numbers(queries * a.out_stride, 0.0), a.out_stride);
  want.normaliser.assign(queries * a.heads, -HUGE_VAL);
  naive::each_pair(a, [&](int64_t e, int64_t h, int64_t i, int64_t j, bool) {
    double& total = want.normaliser[i * a.heads + h];
    total = naive::logsumexp(Numbers{total, scores[e]});
    dp[e] = naive::dropout_factor(a.dropout, e) * naive::dot(a, dout, a.out_stride, i, v, a.v_stride, j, h);
  });
  Numbers ds = naive::ragged_softmax_backward(a, p, dp);
  for (double& value : ds) value *= a.scale;
  want.dq = naive::weighted_sum(a, ds, k, a.k_stride, dq, a.q_stride);
  want.dk = naive::weighted_sum(a, ds, q, a.q_stride, dk, a.k_stride, true);
  want.dv = naive::weighted_sum(a, dropped, dout, a.out_stride, dv, a.v_stride, true);
  return want;
}

/// `initial` with the columns of the heads cleared: what an overwriting kernel must leave in the pads.
Numbers pads_of(Numbers initial, int64_t stride, int64_t columns) {
  for (size_t i = 0; i < initial.size(); ++i)
    if (int64_t(i) % stride < columns) initial[i] = 0;
  return initial;
}

}  // namespace

TEST_CASE("attention forward and backward equal the full matrix of scores") {
  for (const Case& test : cases)
    for (bool accumulate : {false, true}) {
      const Attention a = test.call();
      const int64_t queries = test.q_offsets.back(), keys = test.k_offsets.back(), columns = a.heads * a.head_dim;
      const Numbers q = random_numbers(queries * a.q_stride, 1), k = random_numbers(keys * a.k_stride, 2),
                    v = random_numbers(keys * a.v_stride, 3), dout = random_numbers(queries * a.out_stride, 4),
                    dq = random_numbers(queries * a.q_stride, 5), dk = random_numbers(keys * a.k_stride, 6),
                    dv = random_numbers(keys * a.v_stride, 7);
      const auto start = [&](const Numbers& x, int64_t stride) { return accumulate ? x : pads_of(x, stride, columns); };
      const Want want = attention_want(a, q, k, v, dout, start(dq, a.q_stride), start(dk, a.k_stride), start(dv, a.v_stride));
      check_kernel(test.name, joined({want.out, want.normaliser, want.dq, want.dk, want.dv}), 200, [&](const auto& table) {
        using T = type_of<decltype(table)>;
        const auto tq = cast<T>(q), tk = cast<T>(k), tv = cast<T>(v), up = cast<T>(dout);
        std::vector<T> out(queries * a.out_stride, T(NAN)), normaliser(queries * a.heads, T(NAN));
        auto gq = cast<T>(dq), gk = cast<T>(dk), gv = cast<T>(dv);
        table.attention(a, tq.data(), tk.data(), tv.data(), out.data(), normaliser.data());
        table.attention_backward(a, tq.data(), tk.data(), tv.data(), out.data(), normaliser.data(), up.data(), gq.data(),
                                 gk.data(), gv.data(), accumulate);
        return joined({out, normaliser, gq, gk, gv});
      });
    }
}

TEST_CASE("attention survives scores of +-1e4 and 2048 tokens") {
  const std::vector<int32_t> offsets{0, 2048};
  Attention a;
  a.sequences = 1, a.heads = 1, a.head_dim = 16;
  a.q_offsets = a.k_offsets = offsets.data();
  a.q_stride = a.k_stride = a.v_stride = a.out_stride = 16;
  const auto x = cast<float>(random_numbers(2048 * 16, 1, -50, 50));
  std::vector<float> out(x.size()), normaliser(2048), dq(x.size()), dk(x.size()), dv(x.size());
  kernel_table<float>().attention(a, x.data(), x.data(), x.data(), out.data(), normaliser.data());
  kernel_table<float>().attention_backward(a, x.data(), x.data(), x.data(), out.data(), normaliser.data(), x.data(), dq.data(),
                                           dk.data(), dv.data(), false);
  for (const auto& values : {out, normaliser, dq, dk, dv})
    CHECK(kernel_table<float>().first_non_finite(int64_t(values.size()), values.data()) == -1);
}

TEST_CASE("ragged primitives equal their definitions") {
  for (const Case& test : cases)
    for (bool accumulate : {false, true}) {
      const Attention a = test.call();
      const int64_t queries = test.q_offsets.back(), keys = test.k_offsets.back(), n = naive::pairs(a);
      const Numbers q = random_numbers(queries * a.q_stride, 1), k = random_numbers(keys * a.k_stride, 2),
                    v = random_numbers(keys * a.v_stride, 3), dy = random_numbers(n, 4), initial = random_numbers(n, 5);
      const Numbers scores = naive::ragged_scores(a, q, k), p = naive::ragged_softmax(a, scores);
      const Numbers out = naive::weighted_sum(a, p, v, a.v_stride, Numbers(queries * a.out_stride, 0.0), a.out_stride);
      const Numbers out_k = naive::weighted_sum(a, p, q, a.q_stride, Numbers(keys * a.out_stride, 0.0), a.out_stride, true);
      const Numbers dx = plus(naive::ragged_softmax_backward(a, p, dy), initial, accumulate);
      check_kernel(test.name, joined({scores, p, dx, out, out_k}), 200, [&](const auto& table) {
        using T = type_of<decltype(table)>;
        const auto tq = cast<T>(q), tk = cast<T>(k), tv = cast<T>(v), up = cast<T>(dy);
        std::vector<T> s(n, T(NAN)), y(n, T(NAN)), o(out.size(), T(NAN)), ok(out_k.size(), T(NAN));
        auto gradient = before<T>(initial, accumulate);
        table.ragged_scores(a, tq.data(), tk.data(), s.data());
        table.ragged_softmax(a, s.data(), y.data());
        table.ragged_softmax_backward(a, y.data(), up.data(), gradient.data(), accumulate);
        table.ragged_weighted_sum(a, y.data(), tv.data(), o.data());
        table.ragged_weighted_sum_transposed(a, y.data(), tq.data(), ok.data());
        return joined({s, y, gradient, o, ok});
      });
    }
}

TEST_CASE("attention's dropout is the dropout of the ragged probabilities") {
  const Attention a = cases[4].call();
  const int64_t queries = 101, n = naive::pairs(a);
  const auto q = cast<double>(random_numbers(queries * a.q_stride, 1)), k = cast<double>(random_numbers(queries * a.k_stride, 2)),
             v = cast<double>(random_numbers(queries * a.v_stride, 3));
  Numbers scores(n), out(queries * a.out_stride), other(out.size()), normaliser(queries * a.heads);
  const KernelTable<double>& m = kernel_table<double>();
  m.attention(a, q.data(), k.data(), v.data(), out.data(), normaliser.data());
  m.ragged_scores(a, q.data(), k.data(), scores.data());
  m.ragged_softmax(a, scores.data(), scores.data());
  m.dropout(n, a.dropout, scores.data(), scores.data(), false);
  m.ragged_weighted_sum(a, scores.data(), v.data(), other.data());
  for (size_t i = 0; i < out.size(); ++i) CHECK(out[i] == doctest::Approx(other[i]).epsilon(1e-12));
}

TEST_CASE("rotary positions turn pairs, and the inverse turns them back") {
  const int64_t rows = 40, head_dim = 16, columns = 48, stride = 55;
  const auto position = random_indices(rows, 512, 1);
  const Numbers x = random_numbers(rows * stride, 2), initial = random_numbers(rows * stride, 3);
  for (bool inverse : {false, true})
    for (bool accumulate : {false, true}) {
      const Numbers want = naive::rotary(rows, stride, columns, head_dim, 1e4, inverse, position.data(), x);
      check_kernel("rotary", plus(want, initial, accumulate), 16, [&]([[maybe_unused]] const auto& table) {
        using T = type_of<decltype(table)>;
        const auto in = cast<T>(x);
        auto y = before<T>(initial, accumulate);
        kernel<void(int64_t, int64_t, int64_t, int64_t, double, bool, const int32_t*, const T*, T*, bool)>("rotary")(
            rows, stride, columns, head_dim, 1e4, inverse, position.data(), in.data(), y.data(), accumulate);
        return y;
      });
    }
}
