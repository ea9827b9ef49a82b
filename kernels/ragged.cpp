// The three ragged primitives that attention's reference is made of: scores, softmax over each row's own keys, weighted
// sum of values. Plain loops over the explicit scores. Next: attention.cpp (the same without the scores in memory).
#include "packed.h"
#include "rows.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

template <class T>
void ragged_scores(const Attention& a, const T* q, const T* k, T* scores) {
  const T scale = T(a.scale);
  for_packs(a, [&](const Pack& pack) {
    for (int64_t i = 0; i < pack.queries; ++i) {
      const T* query = q + (pack.q_row + i) * a.q_stride + pack.head * a.head_dim;
      T* row = scores + pack.first_score + i * pack.keys;
      const int64_t visible = visible_keys(a, pack, i);
      for (int64_t j = 0; j < visible; ++j)
        row[j] = scale * row_dot(a.head_dim, query, k + (pack.k_row + j) * a.k_stride + pack.head * a.head_dim);
      for (int64_t j = visible; j < pack.keys; ++j) row[j] = minus_infinity<T>();
    }
  });
}

template <class T>
void ragged_softmax(const Attention& a, const T* scores, T* probabilities) {
  for_packs(a, [&](const Pack& pack) {
    for (int64_t i = 0; i < pack.queries; ++i) {
      const int64_t first = pack.first_score + i * pack.keys, visible = visible_keys(a, pack, i);
      row_softmax(visible, scores + first, probabilities + first);
      for (int64_t j = visible; j < pack.keys; ++j) probabilities[first + j] = 0;
    }
  });
}

template <class T>
void ragged_softmax_backward(const Attention& a, const T* probabilities, const T* dy, T* dx, bool accumulate) {
  with_flag(accumulate, [&](auto add) {
    for_packs(a, [&](const Pack& pack) {
      for (int64_t i = 0; i < pack.queries; ++i) {
        const int64_t first = pack.first_score + i * pack.keys;
        const T *p = probabilities + first, *dy_row = dy + first;
        T* dx_row = dx + first;
        const T dot = row_dot(pack.keys, p, dy_row);
#pragma omp simd
        for (int64_t j = 0; j < pack.keys; ++j) store<add.value>(dx_row[j], p[j] * (dy_row[j] - dot));
      }
    });
  });
}

template <class T>
void ragged_weighted_sum(const Attention& a, const T* probabilities, const T* v, T* out) {
  for_packs(a, [&](const Pack& pack) {
    for (int64_t i = 0; i < pack.queries; ++i) {
      const T* p = probabilities + pack.first_score + i * pack.keys;
      T* to = out + (pack.q_row + i) * a.out_stride + pack.head * a.head_dim;
      for (int64_t c = 0; c < a.head_dim; ++c) to[c] = 0;
      for (int64_t j = 0; j < pack.keys; ++j) {
        const T* value = v + (pack.k_row + j) * a.v_stride + pack.head * a.head_dim;
#pragma omp simd
        for (int64_t c = 0; c < a.head_dim; ++c) to[c] += p[j] * value[c];
      }
    }
  });
}

template <class T>
void ragged_weighted_sum_transposed(const Attention& a, const T* probabilities, const T* q, T* out_k) {
  for_packs(a, [&](const Pack& pack) {
    for (int64_t j = 0; j < pack.keys; ++j) {
      T* to = out_k + (pack.k_row + j) * a.out_stride + pack.head * a.head_dim;
      for (int64_t c = 0; c < a.head_dim; ++c) to[c] = 0;
      for (int64_t i = 0; i < pack.queries; ++i) {
        const T p = probabilities[pack.first_score + i * pack.keys + j];
        const T* query = q + (pack.q_row + i) * a.q_stride + pack.head * a.head_dim;
#pragma omp simd
        for (int64_t c = 0; c < a.head_dim; ++c) to[c] += p * query[c];
      }
    }
  });
}

}  // namespace

template <class T>
void offer_ragged(Menu<T>& menu) {
  menu.ragged_scores = ragged_scores<T>;
  menu.ragged_softmax = ragged_softmax<T>;
  menu.ragged_softmax_backward = ragged_softmax_backward<T>;
  menu.ragged_weighted_sum = ragged_weighted_sum<T>;
  menu.ragged_weighted_sum_transposed = ragged_weighted_sum_transposed<T>;
}
template void offer_ragged(Menu<float>&);
template void offer_ragged(Menu<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
