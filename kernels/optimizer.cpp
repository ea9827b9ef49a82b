// Parameter updates: clip factor, moments, decay, update and zeroing in one pass over a slab.
#include "math.h"
#include "variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

template <class T>
void adamw(int64_t n, const AdamW& o, T* w, T* grad, T* m, T* v) {
  const T grad_scale = T(o.grad_scale), beta1 = T(o.beta1), beta2 = T(o.beta2), rest1 = T(1 - o.beta1), rest2 = T(1 - o.beta2);
  const T step_size = T(o.lr / o.correction1), keep = T(1 - o.lr * o.weight_decay), epsilon = T(o.epsilon);
  const T root2 = T(1 / double(sqrt(o.correction2)));
  with_flag(o.zero_grad, [=](auto zero) {
    parallel_ranges(n, elementwise_grain, [=](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) {
        const T g = grad[i] * grad_scale;
        const T first = beta1 * m[i] + rest1 * g, second = beta2 * v[i] + rest2 * g * g;
        m[i] = first;
        v[i] = second;
        w[i] = keep * w[i] - step_size * first / (sqrt(second) * root2 + epsilon);
        if constexpr (zero.value) grad[i] = 0;
      }
    });
  });
}

template <class T>
void sgd(int64_t n, const Sgd& o, T* w, T* grad, T* momentum) {
  const T lr = T(o.lr), decay = T(o.weight_decay), grad_scale = T(o.grad_scale), friction = T(o.momentum);
  const bool nesterov = o.nesterov, first_step = o.first_step;
  with_flag(o.zero_grad, [=](auto zero) {
    parallel_ranges(n, elementwise_grain, [=](int64_t begin, int64_t end) {
      if (!momentum) {
#pragma omp simd
        for (int64_t i = begin; i < end; ++i) w[i] -= lr * (grad[i] * grad_scale + decay * w[i]);
      } else {
#pragma omp simd
        for (int64_t i = begin; i < end; ++i) {
          const T g = grad[i] * grad_scale + decay * w[i];
          const T velocity = first_step ? g : friction * momentum[i] + g;
          momentum[i] = velocity;
          w[i] -= lr * (nesterov ? g + friction * velocity : velocity);
        }
      }
      if constexpr (zero.value)
        for (int64_t i = begin; i < end; ++i) grad[i] = 0;
    });
  });
}

}  // namespace

template <class T>
void register_optimizer(KernelTable<T>& table) {
  table.adamw = adamw<T>;
  table.sgd = sgd<T>;
}
template void register_optimizer(KernelTable<float>&);
template void register_optimizer(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
