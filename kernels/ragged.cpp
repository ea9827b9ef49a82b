// The three ragged primitives that attention's reference is made of: scores, softmax over each row's own keys, weighted
// sum of values, each over the explicit scores of one (sequence, head) per task. Next: attention.cpp (all in one).
#include "gemm/micro.h"
#include "packed.h"
#include "rows.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

/// c[m, n] = A B for one head, B packed in this thread's scratch.
template <class T>
void multiply(int64_t m, int64_t n, int64_t k, const MatrixView<T>& a, const MatrixView<T>& b, T* c, int64_t c_stride) {
  T* packed = scratch<T>(Scratch::packed_b, packed_size<T>(k, n));
  multiply_packed(m, n, k, a, pack_panels(b, k, n, packed), c, c_stride, false);
}

/// Rows of one head inside a strided buffer.
template <class T>
TAPEDECK_INLINE T* head_rows(const Attention& a, const Pack& pack, T* x, int64_t row, int64_t stride) {
  return x + row * stride + pack.head * a.head_dim;
}

template <class T>
void ragged_scores(const Attention& a, const T* q, const T* k, T* scores) {
  const T scale = T(a.scale);
  for_packs(a, [&](const Pack& pack) {
    const T *head_q = head_rows(a, pack, q, pack.q_row, a.q_stride), *head_k = head_rows(a, pack, k, pack.k_row, a.k_stride);
    multiply<T>(pack.queries, pack.keys, a.head_dim, {head_q, a.q_stride, 1}, {head_k, 1, a.k_stride}, scores + pack.first_score,
                pack.keys);
    for (int64_t i = 0; i < pack.queries; ++i) {
      T* row = scores + pack.first_score + i * pack.keys;
      const int64_t visible = visible_keys(a, pack, i);
#pragma omp simd
      for (int64_t j = 0; j < visible; ++j) row[j] *= scale;
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
    multiply<T>(pack.queries, a.head_dim, pack.keys, {probabilities + pack.first_score, pack.keys, 1},
                {head_rows(a, pack, v, pack.k_row, a.v_stride), a.v_stride, 1}, head_rows(a, pack, out, pack.q_row, a.out_stride),
                a.out_stride);
  });
}

template <class T>
void ragged_weighted_sum_transposed(const Attention& a, const T* probabilities, const T* q, T* out_k) {
  for_packs(a, [&](const Pack& pack) {
    multiply<T>(pack.keys, a.head_dim, pack.queries, {probabilities + pack.first_score, 1, pack.keys},
                {head_rows(a, pack, q, pack.q_row, a.q_stride), a.q_stride, 1},
                head_rows(a, pack, out_k, pack.k_row, a.out_stride), a.out_stride);
  });
}

}  // namespace

template <class T>
void register_ragged(KernelTable<T>& table) {
  table.ragged_scores = ragged_scores<T>;
  table.ragged_softmax = ragged_softmax<T>;
  table.ragged_softmax_backward = ragged_softmax_backward<T>;
  table.ragged_weighted_sum = ragged_weighted_sum<T>;
  table.ragged_weighted_sum_transposed = ragged_weighted_sum_transposed<T>;
}
template void register_ragged(KernelTable<float>&);
template void register_ragged(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
