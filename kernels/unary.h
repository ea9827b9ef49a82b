// Every Unary once: `forward(x)` for scalars, `derivative(x, y)` for scalars AND tensors. Instantiated with scalars the
// derivative is the backward kernel; instantiated with tensors it is the differentiable rule: the two cannot drift.
//
// The contract of `derivative`: only + - * / between X and number<X>(constant), and exp, erf, sigmoid, sin, cos,
// reciprocal, square, pow_scalar, step, sign, inside, found here for scalars (math.h) and by ADL for tensors.
#pragma once
#include "kernels.h"
#include "math.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {

/// `value` in the shape of x, finite whatever x holds.
template <class X>
TAPEDECK_INLINE X constant_like(const X& x, double value) { return number<X>(0) * step(x) + number<X>(value); }

struct Negate {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return -x; }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return constant_like(x, -1); }
};
struct Exp {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return exp(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X&, const X& y) const { return y; }
};
struct Log {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return log(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return reciprocal(x); }
};
struct Tanh {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return tanh(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X&, const X& y) const { return (number<X>(1) - y) * (number<X>(1) + y); }
};
struct Sigmoid {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return sigmoid(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X&, const X& y) const { return y * (number<X>(1) - y); }
};
struct Relu {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return x < T(0) ? T(0) : x; }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return step(x); }
};
/// x Phi(x), Phi the normal distribution function; derivative Phi(x) + x phi(x) (Hendrycks and Gimpel 2016). In float both come
/// from one exponential: Phi(-t) = exp(-t^2 / 2) p(1 / (1 + t/4)), p a minimax fit on [0, 5.6] with a relative error of 9e-8.
struct GeluErf {
  static constexpr double root_half = 0.70710678118654752440, density_at_zero = 0.39894228040143267794;
  template <class X> TAPEDECK_INLINE static X bell(const X& x) { return exp(number<X>(-0.5) * square(x)); }
  template <class X> TAPEDECK_INLINE static X distribution(const X& x, const X&) {
    return number<X>(0.5) * (number<X>(1) + erf(number<X>(root_half) * x));
  }
  TAPEDECK_INLINE static float distribution(float x, float bell) {
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
  template <class T> TAPEDECK_INLINE T forward(T x) const { return x * distribution(x, bell(x)); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const {
    const X density = bell(x);
    return distribution(x, density) + number<X>(density_at_zero) * x * density;
  }
};
/// 0.5 x (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3): the sigmoid form has no cancellation.
struct GeluTanh {
  static constexpr double linear = 1.59576912160573071176, cubic = 0.044715 * linear;  // 2u = linear x + cubic x^3
  template <class X> TAPEDECK_INLINE static X gate(const X& x) {
    return sigmoid(x * (number<X>(linear) + number<X>(cubic) * square(x)));
  }
  template <class T> TAPEDECK_INLINE T forward(T x) const { return x * gate(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const {
    const X s = gate(x);
    return s + x * s * (number<X>(1) - s) * (number<X>(linear) + number<X>(3 * cubic) * square(x));
  }
};
struct Silu {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return x * sigmoid(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const {
    const X s = sigmoid(x);
    return s * (number<X>(1) + x * (number<X>(1) - s));
  }
};
struct Softplus {  // log(1 + e^x)
  template <class T> TAPEDECK_INLINE T forward(T x) const { return (x > T(0) ? x : T(0)) + log1p_unit(exp(-abs(x))); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return sigmoid(x); }
};
struct Sqrt {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return sqrt(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X&, const X& y) const { return number<X>(0.5) * reciprocal(y); }
};
struct Rsqrt {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return rsqrt(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X&, const X& y) const { return number<X>(-0.5) * y * y * y; }
};
struct Square {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return x * x; }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return number<X>(2) * x; }
};
struct Abs {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return abs(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return sign(x); }
};
struct Sin {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return sin(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return cos(x); }
};
struct Cos {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return cos(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return number<X>(-1) * sin(x); }
};
struct Erf {  // 2/sqrt(pi) e^(-x^2)
  template <class T> TAPEDECK_INLINE T forward(T x) const { return erf(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const {
    return number<X>(1.12837916709551257390) * exp(number<X>(-1) * square(x));
  }
};
struct Pow {
  double exponent;
  template <class T> TAPEDECK_INLINE T forward(T x) const { return pow_scalar(x, exponent); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const {
    return number<X>(exponent) * pow_scalar(x, exponent - 1);
  }
};
struct Clamp {
  double low, high;
  template <class T> TAPEDECK_INLINE T forward(T x) const { return x < T(low) ? T(low) : x > T(high) ? T(high) : x; }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return inside(x, low, high); }
};
struct Scale {
  double factor;
  template <class T> TAPEDECK_INLINE T forward(T x) const { return T(factor) * x; }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return constant_like(x, factor); }
};
struct AddScalar {
  double addend;
  template <class T> TAPEDECK_INLINE T forward(T x) const { return x + T(addend); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return constant_like(x, 1); }
};
struct Reciprocal {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return reciprocal(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X&, const X& y) const { return number<X>(-1) * square(y); }
};
struct Sign {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return sign(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return constant_like(x, 0); }
};
struct Step {
  template <class T> TAPEDECK_INLINE T forward(T x) const { return step(x); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return constant_like(x, 0); }
};
struct Inside {
  double low, high;
  template <class T> TAPEDECK_INLINE T forward(T x) const { return inside(x, low, high); }
  template <class X> TAPEDECK_INLINE X derivative(const X& x, const X&) const { return constant_like(x, 0); }
};

/// Calls visit(Exp{}), visit(Pow{a}), ... for the Unary named.
template <class Visit>
TAPEDECK_INLINE auto visit_unary(Unary which, double a, double b, Visit&& visit) {
  switch (which) {
    case Unary::negate: return visit(Negate{});
    case Unary::exp: return visit(Exp{});
    case Unary::log: return visit(Log{});
    case Unary::tanh: return visit(Tanh{});
    case Unary::sigmoid: return visit(Sigmoid{});
    case Unary::relu: return visit(Relu{});
    case Unary::gelu_erf: return visit(GeluErf{});
    case Unary::gelu_tanh: return visit(GeluTanh{});
    case Unary::silu: return visit(Silu{});
    case Unary::softplus: return visit(Softplus{});
    case Unary::sqrt: return visit(Sqrt{});
    case Unary::rsqrt: return visit(Rsqrt{});
    case Unary::square: return visit(Square{});
    case Unary::abs: return visit(Abs{});
    case Unary::sin: return visit(Sin{});
    case Unary::cos: return visit(Cos{});
    case Unary::erf: return visit(Erf{});
    case Unary::pow: return visit(Pow{a});
    case Unary::clamp: return visit(Clamp{a, b});
    case Unary::scale: return visit(Scale{a});
    case Unary::add_scalar: return visit(AddScalar{a});
    case Unary::reciprocal: return visit(Reciprocal{});
    case Unary::sign: return visit(Sign{});
    case Unary::step: return visit(Step{});
    case Unary::inside: return visit(Inside{a, b});
    case Unary::count: break;
  }
  __builtin_unreachable();
}

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
