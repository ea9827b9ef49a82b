// Every Unary once: `forward(x)` for scalars, `derivative(x, y)` for scalars AND tensors. Instantiated with scalars the
// derivative is the backward kernel; instantiated with tensors it is the differentiable rule: the two cannot drift.
//
// The contract of `derivative`: only + - * / between X and number<X>(constant), and exp, erf, sigmoid, sin, cos,
// reciprocal, square, pow_scalar, step, sign, inside, found here for scalars (math.h) and by ADL for tensors.
#pragma once
#include <tapedeck/kernels/unary_table.h>

#include "kernels.h"
#include "math.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {

// ---- what is too long for a row ------------------------------------------------------------------------------------------

/// `value` in the shape of x, finite whatever x holds.
template <class X>
TAPEDECK_INLINE X constant_like(const X& x, double value) {
  return number<X>(0) * step(x) + number<X>(value);
}

/// gelu: x Phi(x), Phi the normal distribution function; derivative Phi(x) + x phi(x) (Hendrycks and Gimpel 2016). In float both
/// come from one exponential: Phi(-t) = exp(-t^2 / 2) p(1 / (1 + t/4)), p a minimax fit on [0, 5.6] with a relative error of
/// 9e-8.
template <class X>
TAPEDECK_INLINE X bell(const X& x) {
  return exp(number<X>(-0.5) * square(x));
}
template <class X>
TAPEDECK_INLINE X normal_cdf(const X& x) {
  return number<X>(0.5) * (number<X>(1) + erf(number<X>(0.70710678118654752440) * x));
}
template <class X>
TAPEDECK_INLINE X normal_cdf(const X& x, const X&) {
  return normal_cdf(x);
}
TAPEDECK_INLINE float normal_cdf(float x, float bell) {
  const float u = 1.0f / (1.0f + 0.25f * abs(x));
  float p = -9.45987127e-2f;
  p = p * u + 3.55695995e-1f;
  p = p * u - 2.94091518e-1f;
  p = p * u + 3.08424176e-1f;
  p = p * u + 9.71730084e-3f;
  p = p * u + 1.16540917e-1f;
  p = p * u + 9.83117844e-2f;
  const float tail = p * u * bell;
  return x < 0 ? tail : 1.0f - tail;
}
TAPEDECK_INLINE float normal_cdf(float x) { return normal_cdf(x, bell(x)); }
template <class X>
TAPEDECK_INLINE X gelu_slope(const X& x) {
  const X density = bell(x);
  return normal_cdf(x, density) + number<X>(0.39894228040143267794) * x * density;
}

/// gelu_tanh: 0.5 x (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3): the sigmoid form has no cancellation.
inline constexpr double gelu_linear = 1.59576912160573071176, gelu_cubic = 0.044715 * gelu_linear;  // 2u = linear x + cubic x^3
template <class X>
TAPEDECK_INLINE X gelu_gate(const X& x) {
  return sigmoid(x * (number<X>(gelu_linear) + number<X>(gelu_cubic) * square(x)));
}
template <class X>
TAPEDECK_INLINE X gelu_tanh_slope(const X& x) {
  const X s = gelu_gate(x);
  return s + x * s * (number<X>(1) - s) * (number<X>(gelu_linear) + number<X>(3 * gelu_cubic) * square(x));
}

template <class X>
TAPEDECK_INLINE X silu_slope(const X& x) {
  const X s = sigmoid(x);
  return s * (number<X>(1) + x * (number<X>(1) - s));
}

// ---- the rows of the table, and those with a number of their own -----------------------------------------------------------

#define TAPEDECK_UNARY_STRUCT(name, cases, reads, doc, f, df)                                      \
  struct name##_op {                                                                               \
    template <class X>                                                                             \
    TAPEDECK_INLINE X forward(X x) const {                                                         \
      return f;                                                                                    \
    }                                                                                              \
    template <class X>                                                                             \
    TAPEDECK_INLINE X derivative([[maybe_unused]] const X& x, [[maybe_unused]] const X& y) const { \
      return df;                                                                                   \
    }                                                                                              \
  };
TAPEDECK_UNARY_OPS(TAPEDECK_UNARY_STRUCT)
#undef TAPEDECK_UNARY_STRUCT

struct negate_op {
  template <class T>
  TAPEDECK_INLINE T forward(T x) const {
    return -x;
  }
  template <class X>
  TAPEDECK_INLINE X derivative(const X& x, const X&) const {
    return constant_like(x, -1);
  }
};
struct pow_op {
  double exponent;
  template <class T>
  TAPEDECK_INLINE T forward(T x) const {
    return pow_scalar(x, exponent);
  }
  template <class X>
  TAPEDECK_INLINE X derivative(const X& x, const X&) const {
    return number<X>(exponent) * pow_scalar(x, exponent - 1);
  }
};
struct clamp_op {
  double low, high;
  template <class T>
  TAPEDECK_INLINE T forward(T x) const {
    return x < T(low) ? T(low) : x > T(high) ? T(high) : x;
  }
  template <class X>
  TAPEDECK_INLINE X derivative(const X& x, const X&) const {
    return inside(x, low, high);
  }
};
struct inside_op {
  double low, high;
  template <class T>
  TAPEDECK_INLINE T forward(T x) const {
    return inside(x, low, high);
  }
  template <class X>
  TAPEDECK_INLINE X derivative(const X& x, const X&) const {
    return constant_like(x, 0);
  }
};
struct scale_op {
  double factor;
  template <class T>
  TAPEDECK_INLINE T forward(T x) const {
    return T(factor) * x;
  }
  template <class X>
  TAPEDECK_INLINE X derivative(const X& x, const X&) const {
    return constant_like(x, factor);
  }
};
struct add_scalar_op {
  double addend;
  template <class T>
  TAPEDECK_INLINE T forward(T x) const {
    return x + T(addend);
  }
  template <class X>
  TAPEDECK_INLINE X derivative(const X& x, const X&) const {
    return constant_like(x, 1);
  }
};

/// Calls visit(exp_op{}), visit(pow_op{a}), ... for the Unary named.
template <class Visit>
TAPEDECK_INLINE auto visit_unary(Unary which, double a, double b, Visit&& visit) {
  switch (which) {
#define TAPEDECK_UNARY_CASE(name, ...) \
  case Unary::name:                    \
    return visit(name##_op{});
    TAPEDECK_UNARY_OPS(TAPEDECK_UNARY_CASE)
#undef TAPEDECK_UNARY_CASE
    case Unary::negate:
      return visit(negate_op{});
    case Unary::pow:
      return visit(pow_op{a});
    case Unary::clamp:
      return visit(clamp_op{a, b});
    case Unary::inside:
      return visit(inside_op{a, b});
    case Unary::scale:
      return visit(scale_op{a});
    case Unary::add_scalar:
      return visit(add_scalar_op{a});
    case Unary::count:
      break;
  }
  __builtin_unreachable();
}

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
