// Attention over packed sequences, forward and backward, with dropout on the probabilities and no S x S buffer: one
// row of scores at a time per (sequence, head). Next: ragged.cpp (the same mathematics with the scores in memory).
#include "dropout.h"
#include "packed.h"
#include "rows.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

template <class T>
void attention(const Attention& a, const T* q, const T* k, const T* v, T* out, T* log_normaliser) {
  const T scale = T(a.scale);
  for_packs(a, [&](const Pack& pack) {
    T* p = scratch<T>(Scratch::scores, pack.keys);
    const int64_t column = pack.head * a.head_dim;
    for (int64_t i = 0; i < pack.queries; ++i) {
      const int64_t visible = visible_keys(a, pack, i);
      const T* query = q + (pack.q_row + i) * a.q_stride + column;
      for (int64_t j = 0; j < visible; ++j) p[j] = scale * row_dot(a.head_dim, query, k + (pack.k_row + j) * a.k_stride + column);
      log_normaliser[(pack.q_row + i) * a.heads + pack.head] = row_softmax(visible, p, p);
      dropout_range<false>(a.dropout, pack.first_score + i * pack.keys, visible, p, p);
      T* to = out + (pack.q_row + i) * a.out_stride + column;
      for (int64_t c = 0; c < a.head_dim; ++c) to[c] = 0;
      for (int64_t j = 0; j < visible; ++j) {
        const T* value = v + (pack.k_row + j) * a.v_stride + column;
#pragma omp simd
        for (int64_t c = 0; c < a.head_dim; ++c) to[c] += p[j] * value[c];
      }
    }
  });
}

/// With P = softmax, M the dropout mask: dV += (P M)^T dO, dP = M (dO V^T), dS = P (dP - sum(dO O)), dQ = scale dS K,
/// dK += scale dS^T Q.
template <class T>
void attention_backward(const Attention& a, const T* q, const T* k, const T* v, const T* out, const T* log_normaliser, const T* dout,
                        T* dq, T* dk, T* dv, bool accumulate) {
  const T scale = T(a.scale);
  for_packs(a, [&](const Pack& pack) {
    T* p = scratch<T>(Scratch::scores, pack.keys);
    T* ds = scratch<T>(Scratch::gradients, pack.keys);
    const int64_t column = pack.head * a.head_dim, dim = a.head_dim;
    for (int64_t j = 0; j < pack.keys && !accumulate; ++j)
      for (int64_t c = 0; c < dim; ++c)
        dk[(pack.k_row + j) * a.k_stride + column + c] = dv[(pack.k_row + j) * a.v_stride + column + c] = 0;
    for (int64_t i = 0; i < pack.queries; ++i) {
      const int64_t visible = visible_keys(a, pack, i), row = pack.q_row + i;
      const T *query = q + row * a.q_stride + column, *dout_row = dout + row * a.out_stride + column;
      const T normaliser = log_normaliser[row * a.heads + pack.head];
      const T delta = row_dot(dim, dout_row, out + row * a.out_stride + column);
      T* dq_row = dq + row * a.q_stride + column;
      for (int64_t c = 0; c < dim && !accumulate; ++c) dq_row[c] = 0;
      for (int64_t j = 0; j < visible; ++j) {
        p[j] = exp(scale * row_dot(dim, query, k + (pack.k_row + j) * a.k_stride + column) - normaliser);
        ds[j] = row_dot(dim, dout_row, v + (pack.k_row + j) * a.v_stride + column);
      }
      const int64_t element = pack.first_score + i * pack.keys;
      dropout_range<false>(a.dropout, element, visible, ds, ds);
      for (int64_t j = 0; j < visible; ++j) ds[j] = scale * p[j] * (ds[j] - delta);
      dropout_range<false>(a.dropout, element, visible, p, p);
      for (int64_t j = 0; j < visible; ++j) {
        const T* key = k + (pack.k_row + j) * a.k_stride + column;
        T *dk_row = dk + (pack.k_row + j) * a.k_stride + column, *dv_row = dv + (pack.k_row + j) * a.v_stride + column;
#pragma omp simd
        for (int64_t c = 0; c < dim; ++c) {
          dq_row[c] += ds[j] * key[c];
          dk_row[c] += ds[j] * query[c];
          dv_row[c] += p[j] * dout_row[c];
        }
      }
    }
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
