// A number that counts what is done to it, by the convention beside Cost (tape/op.h): what rounds is a flop. A formula written
// over a scalar type computes with double and counts with Counted. Next: unary.cpp, tests/op_cost_test.cpp.
#pragma once
#include <cmath>
#include <cstdint>

namespace tapedeck {

struct Counted {
  double value = 0;
  static inline thread_local int64_t flops = 0;

  Counted() = default;
  Counted(double value) : value(value) {}
  Counted operator-() const { return -value; }
  Counted& operator+=(Counted b) { return *this = *this + b; }
  Counted& operator*=(Counted b) { return *this = *this * b; }
  friend Counted operator+(Counted a, Counted b) { return ++flops, a.value + b.value; }
  friend Counted operator-(Counted a, Counted b) { return ++flops, a.value - b.value; }
  friend Counted operator*(Counted a, Counted b) { return ++flops, a.value * b.value; }
  friend Counted operator*(double a, Counted b) { return a == -1 ? -b : Counted(a) * b; }  // a sign is free
  friend Counted operator/(Counted a, Counted b) { return ++flops, a.value / b.value; }
  friend bool operator<(Counted a, Counted b) { return a.value < b.value; }
  friend bool operator>(Counted a, Counted b) { return a.value > b.value; }
  friend bool operator<=(Counted a, Counted b) { return a.value <= b.value; }
  friend bool operator>=(Counted a, Counted b) { return a.value >= b.value; }
  friend bool operator==(Counted a, Counted b) { return a.value == b.value; }
};

// Elementary functions: one flop each.
#define TAPEDECK_ELEMENTARY(f) \
  inline Counted f(Counted x) { return ++Counted::flops, std::f(x.value); }
TAPEDECK_ELEMENTARY(exp)
TAPEDECK_ELEMENTARY(log)
TAPEDECK_ELEMENTARY(log1p)
TAPEDECK_ELEMENTARY(tanh)
TAPEDECK_ELEMENTARY(erf)
TAPEDECK_ELEMENTARY(sin)
TAPEDECK_ELEMENTARY(cos)
TAPEDECK_ELEMENTARY(sqrt)
#undef TAPEDECK_ELEMENTARY
inline Counted log1p_unit(Counted x) { return log1p(x); }
inline Counted pow_scalar(Counted x, double exponent) { return ++Counted::flops, std::pow(x.value, exponent); }
// Free: chosen, not computed.
inline Counted abs(Counted x) { return std::fabs(x.value); }
inline Counted constant_like(Counted, double value) { return value; }

inline double value_of(Counted x) { return x.value; }

/// The flops of f().
template <class F>
int64_t flops_of(F&& f) {
  const int64_t before = Counted::flops;
  f();
  return Counted::flops - before;
}

}  // namespace tapedeck
