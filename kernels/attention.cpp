// Attention over packed sequences, forward and backward, with dropout on the probabilities and no S x S buffer: blocks of
// query rows pass through the cache, one task per (sequence, head). Next: ragged.cpp (the same with the scores in memory).
#include "dropout.h"
#include "gemm/micro.h"
#include "packed.h"
#include "rows.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

inline constexpr int64_t block_scores = 32768;  // scores per block of queries: 128 KB of floats
inline constexpr int64_t block_groups = 8;      // row groups per block at most

/// Hands out aligned pieces of one scratch buffer; with a null buffer it only counts.
struct Carver {
  char* at;
  int64_t used = 0;
  template <class T> T* take(int64_t n) {
    T* piece = at ? reinterpret_cast<T*>(at + used) : nullptr;
    used += (n * int64_t(sizeof(T)) + 63) / 64 * 64;
    return piece;
  }
};

/// Working memory of one (sequence, head): packed keys and values, one block of queries and its scores.
template <class T>
struct Workspace {
  int64_t block, stride;  // queries per block; elements between rows of scores
  T *keys, *values, *queries, *scores;
  uint16_t* draws;
  T *scaled_keys, *gradients, *packed_queries, *packed_gradients;  // backward only

  Workspace(const Attention& a, const Pack& pack, bool backward) {
    stride = ceil_divide(pack.keys, lanes<T>) * lanes<T>;
    const int64_t groups = larger(1, smaller(block_groups, block_scores / larger(1, stride * group_rows)));
    const int64_t blocks = larger(1, ceil_divide(pack.queries, groups * group_rows));
    block = ceil_divide(ceil_divide(pack.queries, blocks), group_rows) * group_rows;
    Carver count{nullptr};
    carve(count, a, pack, backward);
    Carver carver{static_cast<char*>(scratch_bytes(Scratch::scores, size_t(count.used)))};
    carve(carver, a, pack, backward);
  }
  void carve(Carver& carver, const Attention& a, const Pack& pack, bool backward) {
    keys = carver.take<T>(packed_size<T>(a.head_dim, pack.keys));
    values = carver.take<T>(backward ? packed_size<T>(a.head_dim, pack.keys) : packed_size<T>(pack.keys, a.head_dim));
    queries = carver.take<T>(block * a.head_dim);
    scores = carver.take<T>(block * stride);
    draws = carver.take<uint16_t>(block * pack.keys + 2 * lane_draws);
    if (!backward) return;
    scaled_keys = carver.take<T>(packed_size<T>(pack.keys, a.head_dim));
    gradients = carver.take<T>(block * stride);
    packed_queries = carver.take<T>(packed_size<T>(block, a.head_dim));
    packed_gradients = carver.take<T>(packed_size<T>(block, a.head_dim));
  }
};

/// One block of queries of one head: rows first .. first + rows, which see at most the first `keys` keys.
struct Block {
  int64_t first, rows, keys;
};

/// scores = (scale q) k^T for the block; draws of its dropout mask, row after row.
template <class T>
const uint16_t* block_scores_of(const Attention& a, const Pack& pack, const Block& block, const T* q, const Workspace<T>& work,
                                const Panels<T>& keys) {
  const T scale = T(a.scale);
  for (int64_t i = 0; i < block.rows; ++i) {
    const T* from = q + (pack.q_row + block.first + i) * a.q_stride + pack.head * a.head_dim;
    T* to = work.queries + i * a.head_dim;
#pragma omp simd
    for (int64_t c = 0; c < a.head_dim; ++c) to[c] = scale * from[c];
  }
  multiply_packed<T>(block.rows, block.keys, a.head_dim, {work.queries, a.head_dim, 1}, keys, work.scores, work.stride, false);
  const uint64_t element = a.dropout.first + uint64_t(pack.first_score + block.first * pack.keys);
  return a.dropout.p > 0 ? draw(a.dropout.key, element, block.rows * pack.keys, work.draws) : nullptr;
}

template <class T>
Block block_at(const Attention& a, const Pack& pack, const Workspace<T>& work, int64_t first) {
  const int64_t rows = smaller(work.block, pack.queries - first);
  return {first, rows, visible_keys(a, pack, first + rows - 1)};
}

/// row = exp(row - max), dropped elements 0, unseen keys 0; returns log sum exp and what the row must be multiplied by.
template <class T>
TAPEDECK_INLINE T exponentiate(int64_t visible, int64_t keys, T* row, const uint16_t* draws, DropoutRate rate, T& factor) {
  for (int64_t j = visible; j < keys; ++j) row[j] = 0;
  const T top = row_max(visible, row);
  factor = 0;
  if (top == minus_infinity<T>()) {
    for (int64_t j = 0; j < visible; ++j) row[j] = 0;
    return top;
  }
  T total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t j = 0; j < visible; ++j) {
    const T e = exp(row[j] - top);
    row[j] = e;
    total += e;
  }
  if (draws) {
#pragma omp simd
    for (int64_t j = 0; j < visible; ++j) row[j] = draws[j] >= rate.threshold ? row[j] : T(0);
  }
  factor = T(rate.scale) / total;
  return top + log(total);
}

template <class T>
void attention_head(const Attention& a, const Pack& pack, const T* q, const T* k, const T* v, T* out, T* log_normaliser) {
  const int64_t column = pack.head * a.head_dim;
  const DropoutRate rate = dropout_rate(a.dropout.p);
  const Workspace<T> work(a, pack, false);
  const auto keys = pack_panels<T>({k + pack.k_row * a.k_stride + column, 1, a.k_stride}, a.head_dim, pack.keys, work.keys);
  const auto values = pack_panels<T>({v + pack.k_row * a.v_stride + column, a.v_stride, 1}, pack.keys, a.head_dim, work.values);
  for (int64_t first = 0; first < pack.queries; first += work.block) {
    const Block block = block_at(a, pack, work, first);
    const uint16_t* draws = block_scores_of(a, pack, block, q, work, keys);
    T* to = out + (pack.q_row + first) * a.out_stride + column;
    T factor[block_groups * group_rows];
    for (int64_t i = 0; i < block.rows; ++i)
      log_normaliser[(pack.q_row + first + i) * a.heads + pack.head] =
          exponentiate(visible_keys(a, pack, first + i), block.keys, work.scores + i * work.stride,
                       draws ? draws + i * pack.keys : nullptr, rate, factor[i]);
    multiply_packed<T>(block.rows, a.head_dim, block.keys, {work.scores, work.stride, 1}, values, to, a.out_stride, false);
    for (int64_t i = 0; i < block.rows; ++i) {
#pragma omp simd
      for (int64_t c = 0; c < a.head_dim; ++c) to[i * a.out_stride + c] *= factor[i];
    }
  }
}

/// From scores s and dP: row of s becomes M P, row of ds becomes P (M dP - delta); M is the scaled dropout mask.
template <class T>
TAPEDECK_INLINE void differentiate(int64_t visible, int64_t keys, T* s, T* ds, const uint16_t* draws, DropoutRate rate, T normaliser,
                                   T delta) {
  if (normaliser == minus_infinity<T>()) visible = 0;
  const T scale = T(rate.scale);
  if (draws) {
#pragma omp simd
    for (int64_t j = 0; j < visible; ++j) {
      const T p = exp(s[j] - normaliser), mask = draws[j] >= rate.threshold ? scale : T(0);
      ds[j] = p * (mask * ds[j] - delta);
      s[j] = mask * p;
    }
  } else {
#pragma omp simd
    for (int64_t j = 0; j < visible; ++j) {
      const T p = exp(s[j] - normaliser);
      ds[j] = p * (ds[j] - delta);
      s[j] = p;
    }
  }
  for (int64_t j = visible; j < keys; ++j) s[j] = ds[j] = 0;
}

template <class T>
void clear_rows(int64_t rows, int64_t cols, T* x, int64_t stride) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t c = 0; c < cols; ++c) x[i * stride + c] = 0;
}

/// dV += (M P)^T dO, dP = M (dO V^T), dS = P (dP - sum(dO O)), dQ = dS (scale K), dK += dS^T (scale Q).
template <class T>
void attention_head_backward(const Attention& a, const Pack& pack, const T* q, const T* k, const T* v, const T* out,
                             const T* log_normaliser, const T* dout, T* dq, T* dk, T* dv, bool accumulate) {
  const int64_t column = pack.head * a.head_dim, dim = a.head_dim;
  const DropoutRate rate = dropout_rate(a.dropout.p);
  const Workspace<T> work(a, pack, true);
  const T *head_k = k + pack.k_row * a.k_stride + column, *head_v = v + pack.k_row * a.v_stride + column;
  T *head_dk = dk + pack.k_row * a.k_stride + column, *head_dv = dv + pack.k_row * a.v_stride + column;
  if (!accumulate) clear_rows(pack.keys, dim, head_dk, a.k_stride), clear_rows(pack.keys, dim, head_dv, a.v_stride);
  const auto keys = pack_panels<T>({head_k, 1, a.k_stride}, dim, pack.keys, work.keys);
  const auto values = pack_panels<T>({head_v, 1, a.v_stride}, dim, pack.keys, work.values);
  const auto scaled_keys = pack_panels<T>({head_k, a.k_stride, 1}, pack.keys, dim, work.scaled_keys);
  const T scale = T(a.scale);
  for (int64_t i = 0; i < packed_size<T>(pack.keys, dim); ++i) work.scaled_keys[i] *= scale;
  for (int64_t first = 0; first < pack.queries; first += work.block) {
    const Block block = block_at(a, pack, work, first);
    const int64_t row = pack.q_row + first;
    const T* head_dout = dout + row * a.out_stride + column;
    const uint16_t* draws = block_scores_of(a, pack, block, q, work, keys);
    multiply_packed<T>(block.rows, block.keys, dim, {head_dout, a.out_stride, 1}, values, work.gradients, work.stride, false);
    for (int64_t i = 0; i < block.rows; ++i) {
      const T delta = row_dot(dim, head_dout + i * a.out_stride, out + (row + i) * a.out_stride + column);
      differentiate(visible_keys(a, pack, first + i), block.keys, work.scores + i * work.stride, work.gradients + i * work.stride,
                    draws ? draws + i * pack.keys : nullptr, rate, log_normaliser[(row + i) * a.heads + pack.head], delta);
    }
    const auto gradients = pack_panels<T>({head_dout, a.out_stride, 1}, block.rows, dim, work.packed_gradients);
    const auto queries = pack_panels<T>({work.queries, dim, 1}, block.rows, dim, work.packed_queries);
    multiply_packed<T>(block.keys, dim, block.rows, {work.scores, 1, work.stride}, gradients, head_dv, a.v_stride, true);
    multiply_packed<T>(block.keys, dim, block.rows, {work.gradients, 1, work.stride}, queries, head_dk, a.k_stride, true);
    multiply_packed<T>(block.rows, dim, block.keys, {work.gradients, work.stride, 1}, scaled_keys,
                       dq + row * a.q_stride + column, a.q_stride, accumulate);
  }
}

template <class T>
void attention(const Attention& a, const T* q, const T* k, const T* v, T* out, T* log_normaliser) {
  for_packs(a, [&](const Pack& pack) { attention_head(a, pack, q, k, v, out, log_normaliser); });
}

template <class T>
void attention_backward(const Attention& a, const T* q, const T* k, const T* v, const T* out, const T* log_normaliser, const T* dout,
                        T* dq, T* dk, T* dv, bool accumulate) {
  for_packs(a, [&](const Pack& pack) {
    attention_head_backward(a, pack, q, k, v, out, log_normaliser, dout, dq, dk, dv, accumulate);
  });
}

}  // namespace

template <class T>
void offer_attention(Menu<T>& menu) {
  menu.attention = attention<T>;
  menu.attention_backward = attention_backward<T>;
}
template void offer_attention(Menu<float>&);
template void offer_attention(Menu<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
