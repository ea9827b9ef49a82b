// Attention over packed sequences, forward and backward, with dropout on the probabilities and no S x S buffer: blocks of
// queries meet blocks of keys in the cache (Dao et al. 2022, "FlashAttention", section 3), one task per (sequence, head).
// Next: ragged.cpp (the same with the scores in memory).
#include "dropout.h"
#include "gemm/micro.h"
#include "packed.h"
#include "rows.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

inline constexpr int64_t block_scores = 32768;  // scores per block of queries: 128 KB of floats
inline constexpr int64_t block_groups = 8;      // row groups per block at most
inline constexpr int64_t block_keys = 512;      // keys per block: 128 KB of keys of 64 floats

/// Hands out aligned pieces of one scratch buffer; with a null buffer it only counts.
struct BumpAllocator {
  char* at;
  int64_t used = 0;
  template <class T>
  T* take(int64_t n) {
    T* piece = at ? reinterpret_cast<T*>(at + used) : nullptr;
    used += (n * int64_t(sizeof(T)) + 63) / 64 * 64;
    return piece;
  }
};

/// Working memory of one (sequence, head): packed keys and values, one block of queries and its scores.
template <class T>
struct Workspace {
  int64_t block, stride, draw_stride;  // queries per block; elements between rows of scores, and of draws
  T *keys, *values, *queries, *scores, *top, *total;
  uint16_t* draws;
  T *scaled_keys, *gradients, *packed_queries, *packed_gradients;  // backward only

  Workspace(const Attention& a, const Pack& pack, bool backward) {
    stride = ceil_divide(smaller(pack.keys, block_keys), lanes<T>) * lanes<T>;
    draw_stride = stride + 2 * lane_draws;
    const int64_t groups = larger(1, smaller(block_groups, block_scores / larger(1, stride * group_rows)));
    const int64_t blocks = larger(1, ceil_divide(pack.queries, groups * group_rows));
    block = ceil_divide(ceil_divide(pack.queries, blocks), group_rows) * group_rows;
    BumpAllocator count{nullptr};
    carve(count, a, pack, backward);
    BumpAllocator carver{static_cast<char*>(scratch_bytes(Scratch::scores, size_t(count.used)))};
    carve(carver, a, pack, backward);
  }
  void carve(BumpAllocator& carver, const Attention& a, const Pack& pack, bool backward) {
    keys = carver.take<T>(packed_size<T>(a.head_dim, pack.keys));
    values = carver.take<T>(backward ? packed_size<T>(a.head_dim, pack.keys) : packed_size<T>(pack.keys, a.head_dim));
    queries = carver.take<T>(block * a.head_dim);
    scores = carver.take<T>(block * stride);
    top = carver.take<T>(block);
    total = carver.take<T>(block);
    draws = carver.take<uint16_t>(block * draw_stride);
    if (!backward) return;
    scaled_keys = carver.take<T>(packed_size<T>(pack.keys, a.head_dim));
    gradients = carver.take<T>(block * stride);
    packed_queries = carver.take<T>(packed_size<T>(block, a.head_dim));
    packed_gradients = carver.take<T>(packed_size<T>(block, a.head_dim));
  }
};

/// Queries first .. first + rows of a head against keys first_key .. first_key + keys.
struct Block {
  int64_t first, rows, first_key, keys;
};

/// The queries of the block, times `scale`, in a row.
template <class T>
void scale_queries(const Attention& a, const Pack& pack, int64_t first, int64_t rows, const T* q, const Workspace<T>& work) {
  const T scale = T(a.scale);
  for (int64_t i = 0; i < rows; ++i) {
    const T* from = q + (pack.q_row + first + i) * a.q_stride + pack.head * a.head_dim;
    T* to = work.queries + i * a.head_dim;
#pragma omp simd
    for (int64_t c = 0; c < a.head_dim; ++c) to[c] = scale * from[c];
  }
}

/// scores = (scale q) k^T for the block.
template <class T>
void score(const Attention& a, const Block& block, const Workspace<T>& work, const Panels<T>& keys) {
  multiply_packed<T>(block.rows, block.keys, a.head_dim, {work.queries, a.head_dim, 1}, {keys.at(block.first_key), keys.rows},
                     work.scores, work.stride, false);
}

/// Draws of the dropout mask of row i of the block; null without dropout.
template <class T>
const uint16_t* draws_of_row(const Attention& a, const Pack& pack, const Block& block, int64_t i, const Workspace<T>& work) {
  if (a.dropout.p <= 0) return nullptr;
  const uint64_t element = a.dropout.first + uint64_t(pack.first_score + (block.first + i) * pack.keys + block.first_key);
  return draw(a.dropout.key, element, block.keys, work.draws + i * work.draw_stride);
}

/// Calls body(block) for the keys that `rows` queries from `first` see, one block after another.
template <class Body>
TAPEDECK_INLINE void for_key_blocks(const Attention& a, const Pack& pack, int64_t first, int64_t rows, const Body& body) {
  const int64_t seen = visible_keys(a, pack, first + rows - 1);
  for (int64_t key = 0; key < seen || key == 0; key += block_keys) body(Block{first, rows, key, smaller(block_keys, seen - key)});
}

/// Keys of the block that its row i sees.
TAPEDECK_INLINE int64_t visible_in(const Attention& a, const Pack& pack, const Block& block, int64_t i) {
  return larger(0, smaller(block.keys, visible_keys(a, pack, block.first + i) - block.first_key));
}

/// row = exp(row - top), dropped elements 0, unseen keys 0, where `top` rises to the largest score so far and `total` is the sum
/// of all exponentials so far; returns what earlier results must be multiplied by.
template <class T>
TAPEDECK_INLINE T exponentiate(int64_t visible, int64_t keys, T* row, const uint16_t* draws, DropoutRate rate, T& top, T& total) {
  for (int64_t j = visible; j < keys; ++j) row[j] = 0;
  const T before = top, here = row_max(visible, row);
  if (here > top || here != here) top = here;
  if (top == minus_infinity<T>()) {
    for (int64_t j = 0; j < visible; ++j) row[j] = 0;
    return 1;
  }
  const T now = top;
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < visible; ++j) {
    const T e = exp(row[j] - now);
    row[j] = e;
    sum += e;
  }
  if (draws) {
#pragma omp simd
    for (int64_t j = 0; j < visible; ++j) row[j] = draws[j] >= rate.threshold ? row[j] : T(0);
  }
  const T fade = before == minus_infinity<T>() ? T(0) : exp(before - now);
  total = total * fade + sum;
  return fade;
}

template <class T>
TAPEDECK_INLINE void scale_row(int64_t n, T factor, T* row) {
#pragma omp simd
  for (int64_t c = 0; c < n; ++c) row[c] *= factor;
}

template <class T>
void attention_head(const Attention& a, const Pack& pack, const T* q, const T* k, const T* v, T* out, T* log_normaliser) {
  const int64_t column = pack.head * a.head_dim;
  const DropoutRate rate = dropout_rate(a.dropout.p);
  const Workspace<T> work(a, pack, false);
  const auto keys = pack_panels<T>({k + pack.k_row * a.k_stride + column, 1, a.k_stride}, a.head_dim, pack.keys, work.keys);
  const auto values = pack_panels<T>({v + pack.k_row * a.v_stride + column, a.v_stride, 1}, pack.keys, a.head_dim, work.values);
  for (int64_t first = 0; first < pack.queries; first += work.block) {
    const int64_t rows = smaller(work.block, pack.queries - first);
    T* to = out + (pack.q_row + first) * a.out_stride + column;
    for (int64_t i = 0; i < rows; ++i) work.top[i] = minus_infinity<T>(), work.total[i] = 0;
    scale_queries(a, pack, first, rows, q, work);
    for_key_blocks(a, pack, first, rows, [&](const Block& block) {
      score(a, block, work, keys);
      for (int64_t i = 0; i < rows; ++i) {
        const T fade = exponentiate(visible_in(a, pack, block, i), block.keys, work.scores + i * work.stride,
                                    draws_of_row(a, pack, block, i, work), rate, work.top[i], work.total[i]);
        if (block.first_key > 0) scale_row(a.head_dim, fade, to + i * a.out_stride);
      }
      multiply_packed<T>(rows, a.head_dim, block.keys, {work.scores, work.stride, 1},
                         {values.data + block.first_key * panel_cols<T>, values.rows}, to, a.out_stride, block.first_key > 0);
    });
    for (int64_t i = 0; i < rows; ++i) {
      const bool nothing = work.top[i] == minus_infinity<T>();
      scale_row(a.head_dim, nothing ? T(0) : T(rate.scale) / work.total[i], to + i * a.out_stride);
      log_normaliser[(pack.q_row + first + i) * a.heads + pack.head] =
          nothing ? minus_infinity<T>() : work.top[i] + log(work.total[i]);
    }
  }
}

/// From scores s and dP: row of s becomes M P, row of ds becomes P (M dP - delta); M is the scaled dropout mask.
template <class T>
TAPEDECK_INLINE void differentiate(int64_t visible, int64_t keys, T* s, T* ds, const uint16_t* draws, DropoutRate rate,
                                   T normaliser, T delta) {
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
  scale_row(packed_size<T>(pack.keys, dim), T(a.scale), work.scaled_keys);
  for (int64_t first = 0; first < pack.queries; first += work.block) {
    const int64_t row = pack.q_row + first, rows = smaller(work.block, pack.queries - first);
    const T* head_dout = dout + row * a.out_stride + column;
    scale_queries(a, pack, first, rows, q, work);
    const auto gradients = pack_panels<T>({head_dout, a.out_stride, 1}, rows, dim, work.packed_gradients);
    const auto queries = pack_panels<T>({work.queries, dim, 1}, rows, dim, work.packed_queries);
    for (int64_t i = 0; i < rows; ++i)
      work.total[i] = row_dot(dim, head_dout + i * a.out_stride, out + (row + i) * a.out_stride + column);
    for_key_blocks(a, pack, first, rows, [&](const Block& block) {
      score(a, block, work, keys);
      multiply_packed<T>(rows, block.keys, dim, {head_dout, a.out_stride, 1}, {values.at(block.first_key), values.rows},
                         work.gradients, work.stride, false);
      for (int64_t i = 0; i < rows; ++i)
        differentiate(visible_in(a, pack, block, i), block.keys, work.scores + i * work.stride, work.gradients + i * work.stride,
                      draws_of_row(a, pack, block, i, work), rate, log_normaliser[(row + i) * a.heads + pack.head],
                      work.total[i]);
      const int64_t key = block.first_key;
      multiply_packed<T>(block.keys, dim, rows, {work.scores, 1, work.stride}, gradients, head_dv + key * a.v_stride, a.v_stride,
                         true);
      multiply_packed<T>(block.keys, dim, rows, {work.gradients, 1, work.stride}, queries, head_dk + key * a.k_stride, a.k_stride,
                         true);
      multiply_packed<T>(rows, dim, block.keys, {work.gradients, work.stride, 1},
                         {scaled_keys.data + key * panel_cols<T>, scaled_keys.rows}, dq + row * a.q_stride + column, a.q_stride,
                         accumulate || key > 0);
    });
  }
}

template <class T>
void attention(const Attention& a, const T* q, const T* k, const T* v, T* out, T* log_normaliser) {
  for_packs(a, [&](const Pack& pack) { attention_head(a, pack, q, k, v, out, log_normaliser); });
}

template <class T>
void attention_backward(const Attention& a, const T* q, const T* k, const T* v, const T* out, const T* log_normaliser,
                        const T* dout, T* dq, T* dk, T* dv, bool accumulate) {
  for_packs(
      a, [&](const Pack& pack) { attention_head_backward(a, pack, q, k, v, out, log_normaliser, dout, dq, dk, dv, accumulate); });
}

}  // namespace

template <class T>
void register_attention(KernelTable<T>& table) {
  table.attention = attention<T>;
  table.attention_backward = attention_backward<T>;
}
template void register_attention(KernelTable<float>&);
template void register_attention(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
