// Cross-entropy with label smoothing and symmetric KL divergence, straight from logits. Log-probabilities are formed
// before anything is subtracted, so logits of any size stay accurate.
#include "rows.h"
#include "variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

template <class T>
void cross_entropy(int64_t rows, int64_t cols, double smooth_total, double smooth_each, const T* x, const int32_t* label,
                   const T* weight, T* loss, T* log_normaliser) {
  const T on_label = T(1 - smooth_total), on_each = T(smooth_each);
  parallel_ranges(rows, row_grain(4 * cols), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T row_weight = weight ? weight[row] : T(1);
      loss[row] = log_normaliser[row] = 0;
      if (row_weight == T(0)) continue;
      const T* x_row = x + row * cols;
      const T normaliser = row_logsumexp(cols, x_row);
      T total = on_label * (normaliser - x_row[label[row]]);
      if (on_each != T(0)) {
        total += on_each * row_total(
                               cols, [=](auto value) { return normaliser - value; }, x_row);
      }
      log_normaliser[row] = normaliser;
      loss[row] = row_weight * total;
    }
  });
}

/// dx_c = dloss weight (sum(q) p_c - q_c)
template <class T>
void cross_entropy_backward(int64_t rows, int64_t cols, double smooth_total, double smooth_each, const T* x, const int32_t* label,
                            const T* weight, const T* log_normaliser, const T* dloss, T* dx, bool accumulate) {
  const T on_label = T(1 - smooth_total), on_each = T(smooth_each), mass = T(1 - smooth_total + smooth_each * double(cols));
  with_flag(accumulate, [=](auto add) {
    parallel_ranges(rows, row_grain(4 * cols), [=](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const T row_weight = weight ? weight[row] : T(1);
        const T* x_row = x + row * cols;
        T* dx_row = dx + row * cols;
        if (row_weight == T(0)) {
          for (int64_t c = 0; c < cols; ++c) store<add.value>(dx_row[c], T(0));
          continue;
        }
        const T factor = dloss[row] * row_weight, normaliser = log_normaliser[row];
#pragma omp simd
        for (int64_t c = 0; c < cols; ++c) store<add.value>(dx_row[c], factor * (mass * exp(x_row[c] - normaliser) - on_each));
        dx_row[label[row]] -= factor * on_label;
      }
    });
  });
}

/// One class of a pair of rows: log-probabilities u, v; probabilities p, q; p - q and u - v (0 where both p and q are 0).
template <class T>
struct Pair {
  T p, q, difference, log_ratio;
  TAPEDECK_INLINE Pair(T u, T v) {
    p = exp(u), q = exp(v), difference = p - q;
    log_ratio = p + q == T(0) ? T(0) : u - v;
  }
};

template <class T>
void symmetric_kl(int64_t rows, int64_t cols, const T* a, const T* b, T* divergence) {
  parallel_ranges(rows, row_grain(8 * cols), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T *a_row = a + row * cols, *b_row = b + row * cols;
      const T a_normaliser = row_logsumexp(cols, a_row), b_normaliser = row_logsumexp(cols, b_row);
      T total = 0;
#pragma omp simd reduction(+ : total)
      for (int64_t c = 0; c < cols; ++c) {
        const Pair<T> pair(a_row[c] - a_normaliser, b_row[c] - b_normaliser);
        total += pair.difference * pair.log_ratio;
      }
      divergence[row] = total;
    }
  });
}

/// da = dD ((p - q) + p (u - v - KL(p||q))), db = -dD ((p - q) + q (u - v + KL(q||p)))
template <class T, bool to_a, bool add>
TAPEDECK_INLINE void symmetric_kl_row(int64_t cols, const T* a, T a_normaliser, const T* b, T b_normaliser, T factor, T* dx) {
  T mean = 0;  // of u - v, under p for da and under q for db
#pragma omp simd reduction(+ : mean)
  for (int64_t c = 0; c < cols; ++c) {
    const Pair<T> pair(a[c] - a_normaliser, b[c] - b_normaliser);
    const T weight = to_a ? pair.p : pair.q;
    mean += weight == T(0) ? T(0) : weight * pair.log_ratio;
  }
#pragma omp simd
  for (int64_t c = 0; c < cols; ++c) {
    const Pair<T> pair(a[c] - a_normaliser, b[c] - b_normaliser);
    const T weight = to_a ? pair.p : pair.q;
    const T value = pair.difference + (weight == T(0) ? T(0) : weight * (pair.log_ratio - mean));
    store<add>(dx[c], (to_a ? factor : -factor) * value);
  }
}

template <class T>
void symmetric_kl_backward(int64_t rows, int64_t cols, const T* a, const T* b, const T* /*divergence*/, const T* ddivergence,
                           T* da, bool accumulate_a, T* db, bool accumulate_b) {
  parallel_ranges(rows, row_grain(16 * cols), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t first = row * cols;
      const T a_normaliser = row_logsumexp(cols, a + first), b_normaliser = row_logsumexp(cols, b + first);
      const T factor = ddivergence[row];
      if (da)
        with_flag(accumulate_a, [=](auto add) {
          symmetric_kl_row<T, true, add.value>(cols, a + first, a_normaliser, b + first, b_normaliser, factor, da + first);
        });
      if (db)
        with_flag(accumulate_b, [=](auto add) {
          symmetric_kl_row<T, false, add.value>(cols, a + first, a_normaliser, b + first, b_normaliser, factor, db + first);
        });
    }
  });
}

}  // namespace

template <class T>
void register_losses(KernelTable<T>& table) {
  table.cross_entropy = cross_entropy<T>;
  table.cross_entropy_backward = cross_entropy_backward<T>;
  table.symmetric_kl = symmetric_kl<T>;
  table.symmetric_kl_backward = symmetric_kl_backward<T>;
}
template void register_losses(KernelTable<float>&);
template void register_losses(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
