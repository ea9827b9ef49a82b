// The ragged primitives: scores, softmax and weighted sums of packed sequences on the flat pair layout of fused.h. Their
// rules are written in each other, so every order of derivative through attention costs what its arithmetic costs.
#include "ragged.h"

#include "packed.h"

namespace tapedeck {
namespace {

const char* const where_sequences_begin = "where sequences begin";

void require_pairs(std::string_view op, std::string_view what, const Tensor& pairs, const Tensor& offsets, int64_t heads) {
  require_rank(op, what, pairs, 1);
  if (heads < 1) throw Error(ErrorKind::value, text(op, ": heads is ", heads, "; needs at least 1"));
  require_shape(op, what, pairs, {pairs_of(offsets, heads)});
}

/// 1 where query i may see key j <= i.
Tensor visible(const Tensor& offsets, int64_t heads) {
  const Tensor seen = Tensor::empty({pairs_of(offsets, heads)}, DType::u8);
  const int32_t* o = offsets.raw<int32_t>();
  uint8_t* at = seen.raw<uint8_t>();
  for (int64_t b = 0; b < sequences_of(offsets); ++b)
    for (int64_t h = 0, n = o[b + 1] - o[b]; h < heads; ++h)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) *at++ = j <= i;
  return seen;
}

struct RaggedScores final : Op {  // in: q[T,d], k[T,d], offsets; out: scores[pairs], -inf where masked
  static constexpr bool may_be_infinite = true;
  int64_t heads;
  bool causal;
  double scale;
  RaggedScores(int64_t heads, bool causal, double scale) : heads(heads), causal(causal), scale(scale) {}

  std::string_view name() const override { return "ragged_scores"; }
  Specs infer(In x) const override {
    require_heads(name(), "q", x[0], heads);
    require_shape(name(), "k", x[1], x[0].shape());
    require_floating(name(), {x[0], x[1]});
    require_offsets(name(), x[2], x[0].shape()[0]);
    return {{{pairs_of(x[2], heads)}, x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::Attention a = packed_attention(x[2], heads, x[0].shape()[1] / heads);
      a.causal = causal;
      a.scale = scale;
      kernels::kernel_table<T>().ragged_scores(a, at<T>(x[0]), at<T>(x[1]), at<T>(y[0]));
    });
  }
  /// A masked score is a constant, whatever gradient arrives there.
  Tensors vjp(In x, In, In dy, Wanted wanted) const override {
    const Tensor ds = causal ? where(visible(x[2], heads), dy[0], Tensor::zeros(dy[0].shape(), dy[0].dtype())) : dy[0];
    return {wanted[0] ? ragged_weighted_sum(ds, x[1], x[2], heads) * scale : Tensor{},
            wanted[1] ? ragged_weighted_sum_transposed(ds, x[0], x[2], heads) * scale : Tensor{}, Tensor{}};
  }
  Saves saves() const override {
    return {{Save::input, 0, "dk = ds^T q"}, {Save::input, 1, "dq = ds k"}, {Save::input, 2, where_sequences_begin}};
  }
  Cost cost(In x) const override {  // of all pairs, as they are made, before some are masked
    return {double(pairs_of(x[2], heads)) * double(2 * x[0].shape()[1] / heads + 1), bytes_moved(x)};
  }
  void attributes(Attributes& a) const override { a("heads", heads)("causal", causal)("scale", scale); }
};

struct RaggedSoftmax final : Op {  // in: scores[pairs], offsets; out: p[pairs], 0 where masked
  int64_t heads;
  bool causal;
  RaggedSoftmax(int64_t heads, bool causal) : heads(heads), causal(causal) {}

  std::string_view name() const override { return "ragged_softmax"; }
  kernels::Attention view(const Tensor& offsets) const {
    kernels::Attention a = packed_attention(offsets, heads, 1);
    a.causal = causal;
    return a;
  }
  Specs infer(In x) const override {
    require_dtype(name(), "offsets", x[1], DType::i32);
    require_offsets(name(), x[1], x[1].size() ? tokens_of(x[1]) : 0);
    require_pairs(name(), "scores", x[0], x[1], heads);
    require_floating(name(), {x[0]});
    return {{x[0].shape(), x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().ragged_softmax(view(x[1]), at<T>(x[0]), at<T>(y[0]));
    });
  }
  bool backward(In x, In y, In dy, Grads dx) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().ragged_softmax_backward(view(x[1]), at<T>(y[0]), at<T>(dy[0]), at<T>(dx[0].into),
                                                         dx[0].accumulate);
    });
    return true;
  }
  Tensors vjp(In x, In y, In dy, Wanted) const override {
    const Tensor dot = ragged_row_sum(y[0] * dy[0], x[1], heads);
    return {y[0] * (dy[0] - ragged_row_spread(dot, x[1], heads)), Tensor{}};
  }
  Saves saves() const override {
    return {{Save::output, 0, "ds = p (dp - sum_j p dp)"}, {Save::input, 1, where_sequences_begin}};
  }
  Cost cost(In x) const override { return {4.0 * double(x[0].size()) + double(heads * tokens_of(x[1])), bytes_moved(x)}; }
  void attributes(Attributes& a) const override { a("heads", heads)("causal", causal); }
};

struct RaggedWeightedSum final : Op {  // in: p[pairs], v[T,d], offsets; out: [T,d]
  int64_t heads;
  bool transposed;  // out_j = sum_i p_ij v_i instead of out_i = sum_j p_ij v_j
  RaggedWeightedSum(int64_t heads, bool transposed) : heads(heads), transposed(transposed) {}

  std::string_view name() const override { return transposed ? "ragged_weighted_sum_transposed" : "ragged_weighted_sum"; }
  Specs infer(In x) const override {
    const std::string_view rows = transposed ? "q" : "v";
    require_heads(name(), rows, x[1], heads);
    require_offsets(name(), x[2], x[1].shape()[0]);
    require_pairs(name(), "p", x[0], x[2], heads);
    require_floating(name(), {x[0], x[1]});
    return {{x[1].shape(), x[1].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      const auto& table = kernels::kernel_table<T>();
      (transposed ? table.ragged_weighted_sum_transposed : table.ragged_weighted_sum)(
          packed_attention(x[2], heads, x[1].shape()[1] / heads), at<T>(x[0]), at<T>(x[1]), at<T>(y[0]));
    });
  }
  Tensors vjp(In x, In, In dy, Wanted wanted) const override {
    const Tensor &query = transposed ? x[1] : dy[0], &key = transposed ? dy[0] : x[1];
    return {wanted[0] ? ragged_scores(query, key, x[2], heads, false, 1) : Tensor{},
            wanted[1] ? apply(RaggedWeightedSum(heads, !transposed), {x[0], dy[0], x[2]}) : Tensor{}, Tensor{}};
  }
  Saves saves() const override {
    return {{Save::input, 0, "dv = p^T dy"}, {Save::input, 1, "dp = dy v^T"}, {Save::input, 2, where_sequences_begin}};
  }
  Cost cost(In x) const override { return {2.0 * double(x[0].size()) * double(x[1].shape()[1] / heads), bytes_moved(x)}; }
  void attributes(Attributes& a) const override { a("heads", heads); }
};

/// The sum over the keys of every query row, and its transpose. Rows of sequence b lie at heads * offsets[b].
struct RaggedRowSum final : Op {  // in: x[pairs] or [heads T], offsets; out: [heads T] or [pairs]
  int64_t heads;
  bool spread;
  RaggedRowSum(int64_t heads, bool spread) : heads(heads), spread(spread) {}

  std::string_view name() const override { return spread ? "ragged_row_spread" : "ragged_row_sum"; }
  Specs infer(In x) const override {
    require_dtype(name(), "offsets", x[1], DType::i32);
    require_offsets(name(), x[1], x[1].size() ? tokens_of(x[1]) : 0);
    const Shape rows{heads * tokens_of(x[1])}, pairs{pairs_of(x[1], heads)};
    require_shape(name(), "x", x[0], spread ? rows : pairs);
    require_floating(name(), {x[0]});
    return {{spread ? pairs : rows, x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      const auto& table = kernels::kernel_table<T>();
      const int32_t* o = x[1].raw<int32_t>();
      const T* from = at<T>(x[0]);
      T* to = at<T>(y[0]);
      for (int64_t b = 0; b < sequences_of(x[1]); ++b) {
        const int64_t n = o[b + 1] - o[b], rows = heads * n;
        if (n == 0) continue;
        if (spread) table.spread(rows, n, 1, 1, from, to, false);
        else table.reduce(kernels::Reduce::sum, rows, n, 1, from, to, false);
        from += spread ? rows : rows * n;
        to += spread ? rows * n : rows;
      }
    });
  }
  Tensors vjp(In x, In, In dy, Wanted) const override { return {apply(RaggedRowSum(heads, !spread), {dy[0], x[1]}), Tensor{}}; }
  Saves saves() const override { return {{Save::input, 1, where_sequences_begin}}; }
  Cost cost(In x) const override { return {spread ? 0 : double(x[0].size()), bytes_moved(x)}; }
  void attributes(Attributes& a) const override { a("heads", heads); }
};

}  // namespace

Tensor ragged_scores(const Tensor& q, const Tensor& k, const Tensor& offsets, int64_t heads, bool causal, double scale) {
  return apply(RaggedScores(heads, causal, scale), {q, k, offsets});
}
Tensor ragged_softmax(const Tensor& scores, const Tensor& offsets, int64_t heads, bool causal) {
  return apply(RaggedSoftmax(heads, causal), {scores, offsets});
}
Tensor ragged_weighted_sum(const Tensor& p, const Tensor& v, const Tensor& offsets, int64_t heads) {
  return apply(RaggedWeightedSum(heads, false), {p, v, offsets});
}
Tensor ragged_weighted_sum_transposed(const Tensor& p, const Tensor& q, const Tensor& offsets, int64_t heads) {
  return apply(RaggedWeightedSum(heads, true), {p, q, offsets});
}
Tensor ragged_row_sum(const Tensor& x, const Tensor& offsets, int64_t heads) {
  return apply(RaggedRowSum(heads, false), {x, offsets});
}
Tensor ragged_row_spread(const Tensor& x, const Tensor& offsets, int64_t heads) {
  return apply(RaggedRowSum(heads, true), {x, offsets});
}

}  // namespace tapedeck
