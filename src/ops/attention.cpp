// attention: multi-head self-attention inside packed sequences, dropout on the probabilities, no S x S buffer in memory.
// Its reference is the three ragged primitives in a row. Next: ragged.cpp.
#include <cmath>

#include "packed.h"

namespace tapedeck {
namespace {

struct Attention final : Op {  // in: qkv[T,3d], offsets i32 [B+1]; out: y[T,d], log_normaliser[T,heads]
  AttentionSpec spec;
  explicit Attention(const AttentionSpec& spec) : spec(spec) {}

  std::string_view name() const override { return "attention"; }

  Specs infer(In x) const override {
    require_heads(name(), "qkv", x[0], spec.heads, 3);
    require_floating(name(), {x[0]});
    require_offsets(name(), x[1], x[0].shape()[0]);
    require_dropout(name(), spec.dropout);
    const int64_t tokens = x[0].shape()[0];
    return {{{tokens, x[0].shape()[1] / 3}, x[0].dtype()}, {{tokens, spec.heads}, x[0].dtype()}};
  }

  /// Queries, keys and values are thirds of each row.
  kernels::Attention view(In x) const {
    const int64_t d = x[0].shape()[1] / 3;
    kernels::Attention a = packed_attention(x[1], spec.heads, d / spec.heads);
    a.q_stride = a.k_stride = a.v_stride = 3 * d;
    a.causal = spec.causal;
    a.scale = 1 / std::sqrt(double(a.head_dim));
    a.dropout = kernel_dropout(spec.dropout);
    return a;
  }

  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      const T* q = at<T>(x[0]);
      const int64_t d = y[0].shape()[1];
      kernels::kernel_table<T>().attention(view(x), q, q + d, q + 2 * d, at<T>(y[0]), at<T>(y[1]));
    });
  }

  bool backward(In x, In y, In dy, Grads dx) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      const T* q = at<T>(x[0]);
      T* dq = at<T>(dx[0].into);
      const int64_t d = y[0].shape()[1];
      kernels::kernel_table<T>().attention_backward(view(x), q, q + d, q + 2 * d, at<T>(y[0]), at<T>(y[1]), at<T>(dy[0]), dq,
                                                    dq + d, dq + 2 * d, dx[0].accumulate);
    });
    return true;
  }

  Tensors reference(In x) const override {
    const int64_t d = x[0].shape()[1] / 3;
    const Tensor q = slice(x[0], 1, 0, d), k = slice(x[0], 1, d, 2 * d), v = slice(x[0], 1, 2 * d, 3 * d);
    const Tensor scores = ragged_scores(q, k, x[1], spec.heads, spec.causal, 1 / std::sqrt(double(d / spec.heads)));
    const Tensor p =
        dropout(ragged_softmax(scores, x[1], spec.heads, spec.causal), spec.dropout.p, spec.dropout.key, spec.dropout.first);
    return {ragged_weighted_sum(p, v, x[1], spec.heads)};
  }

  Saves saves() const override {
    return {{Save::input, 0, "probabilities are recomputed from queries and keys"},
            {Save::input, 1, "where sequences begin"},
            {Save::output, 0, "sum_j p_ij dp_ij = <y_i, dy_i>"},
            {Save::output, 1, "p_ij = exp(s_ij - log_normaliser_i)"}};
  }
  /// Of the pairs that see each other, where the reference makes them all.
  double seen(In x) const {
    const int64_t pairs = pairs_of(x[1], spec.heads);
    return pairs ? double(pairs_seen(x[1], spec.heads, spec.causal)) / double(pairs) : 1;
  }
  Cost cost(In x) const override { return {std::round(seen(x) * reference_flops(x)), bytes_moved(x)}; }
  Cost backward_cost(In x, In y, In dy, Asked dx) const override {
    return {std::round(seen(x) * reference_flops(x, y, dy, dx)), bytes_moved(x, y, dy, dx)};
  }
  void attributes(Attributes& a) const override {
    a("heads", spec.heads)("causal", spec.causal);
    attributes_of(spec.dropout, a);
  }
};

std::vector<OpCase> attention_cases(DType t) {
  std::vector<OpCase> rows;
  const auto row = [&](std::string name, std::initializer_list<int32_t> lengths, int64_t heads, int64_t head_dim, bool causal,
                       double p) {
    const Tensor offsets = case_offsets(lengths);
    const AttentionSpec spec{heads, causal, {p, root_key(4) / "attention", 3}};
    rows.push_back(case_of(std::move(name), {case_input({tokens_of(offsets), 3 * heads * head_dim}, "qkv", t), offsets},
                           [spec](In v) { return attention(v[0], v[1], spec); }));
  };
  row("lengths 3 1 5, 2 heads", {3, 1, 5}, 2, 2, false, 0);
  row("one token", {1}, 1, 3, false, 0);
  row("an empty sequence, 3 heads", {0, 2}, 3, 2, false, 0);
  row("causal", {3, 1, 4}, 2, 2, true, 0);
  row("dropout 0.3", {3, 1, 4}, 2, 2, false, 0.3);
  row("causal, dropout 0.2, 3 heads", {2, 4}, 3, 1, true, 0.2);
  row("long: 70 and 33 tokens", {70, 0, 33}, 2, 8, false, 0.1);
  row("long, causal", {37, 80}, 3, 4, true, 0.1);
  row("no tokens at all", {0, 0}, 2, 2, false, 0.1);
  return rows;
}

std::vector<OpMisuse> attention_misuses() {
  const Tensor qkv = Tensor::zeros({4, 12}), offsets = case_offsets({3, 1});
  return {{"columns do not split",
           [=] {
             attention(qkv, offsets, {3, false, {}});
           },
           ErrorKind::shape, "12 columns do not split into 3 x 3 heads"},
          {"no heads",
           [=] {
             attention(qkv, offsets, {0, false, {}});
           },
           ErrorKind::value, "at least 1"},
          {"offsets end early",
           [=] {
             attention(qkv, case_offsets({3}), {2, false, {}});
           },
           ErrorKind::index, "end at 3, but there are 4 tokens"},
          {"offsets fall",
           [=] {
             attention(qkv, Tensor::of<int32_t>({0, 5, 4}, {3}), {2, false, {}});
           },
           ErrorKind::index, "offsets[2] is 4"},
          {"offsets start late",
           [=] {
             attention(qkv, Tensor::of<int32_t>({1, 4}, {2}), {2, false, {}});
           },
           ErrorKind::index, "offsets[0] is 1"},
          {"offsets are floating",
           [=] {
             attention(qkv, Tensor::zeros({2}), {2, false, {}});
           },
           ErrorKind::dtype, "needs i32"},
          {"dropout of 1",
           [=] {
             attention(qkv, offsets, {2, false, {1.0, {}, 0}});
           },
           ErrorKind::value, "outside [0, 1)"}};
}

}  // namespace

Tensor attention(const Tensor& qkv, const Tensor& offsets, const AttentionSpec& spec) {
  return apply(Attention(spec), {qkv, offsets});
}

TAPEDECK_OP(attention, "y_i = sum_j dropout(softmax_j(q_i k_j / sqrt(head_dim))) v_j per head, inside each sequence",
            attention_cases, attention_misuses);

}  // namespace tapedeck
