// A number that counts what is done to it, by the convention beside Cost (tape/op.h): what rounds is a flop. A formula written
// over a scalar type S computes with S = double and counts with S = Counted<double>. Next: op_twins.h.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>

namespace tapedeck::testing {

template <class T>
struct Counted {
  T value = 0;
  static inline int64_t flops = 0;

  Counted() = default;
  Counted(T value) : value(value) {}
  Counted operator-() const { return -value; }
  friend Counted operator+(Counted a, Counted b) { return ++flops, a.value + b.value; }
  friend Counted operator-(Counted a, Counted b) { return ++flops, a.value - b.value; }
  friend Counted operator*(Counted a, Counted b) { return ++flops, a.value * b.value; }
  friend Counted operator/(Counted a, Counted b) { return ++flops, a.value / b.value; }
  friend bool operator<(Counted a, Counted b) { return a.value < b.value; }
  friend bool operator>(Counted a, Counted b) { return a.value > b.value; }
  friend bool operator<=(Counted a, Counted b) { return a.value <= b.value; }
  friend bool operator==(Counted a, Counted b) { return a.value == b.value; }
};

inline double value_of(double x) { return x; }
template <class T>
T value_of(Counted<T> x) { return x.value; }

// One flop each.
#define TAPEDECK_ELEMENTARY(f)                                \
  inline double f(double x) { return std::f(x); }             \
  template <class T>                                          \
  Counted<T> f(Counted<T> x) { return ++Counted<T>::flops, f(x.value); }
TAPEDECK_ELEMENTARY(exp)
TAPEDECK_ELEMENTARY(log)
TAPEDECK_ELEMENTARY(log1p)
TAPEDECK_ELEMENTARY(tanh)
TAPEDECK_ELEMENTARY(erf)
TAPEDECK_ELEMENTARY(sin)
TAPEDECK_ELEMENTARY(cos)
TAPEDECK_ELEMENTARY(sqrt)
#undef TAPEDECK_ELEMENTARY
inline double pow(double x, double exponent) { return std::pow(x, exponent); }
template <class T>
Counted<T> pow(Counted<T> x, double exponent) { return ++Counted<T>::flops, std::pow(x.value, exponent); }

// Free: chosen or compared, not computed.
template <class S>
S largest(S a, S b) { return a < b ? b : a; }
template <class S>
S magnitude(S x) { return x < S(0) ? -x : x; }
template <class S>
S sign_of(S x) { return x > S(0) ? S(1) : x < S(0) ? S(-1) : S(0); }

// Made of the above.
template <class S>
S sigmoid_of(S x) { return S(1) / (S(1) + exp(-x)); }
template <class S>
S rsqrt_of(S x) { return S(1) / sqrt(x); }

}  // namespace tapedeck::testing
