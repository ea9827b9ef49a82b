// Twins of the ops that work element by element: y = f(x), sums and products with their broadcasts, dropout, choices.
// Next: twins_layout.h.
#pragma once
#include <numbers>

#include "kernels/philox.h"
#include "op_twins.h"

namespace tapedeck::testing {

/// f(x, about) and its slope(x, y, about), each a generic lambda.
template <class F, class Slope>
void add_unary(const char* op, F f, Slope slope) {
  add_twin(
      op, [f](auto& c) { for (int64_t i = 0; i < c.x[0].size(); ++i) c.y[0][i] = f(c.x[0][i], c.about); },
      [slope](auto& c) {
        for (int64_t i = 0; i < c.x[0].size(); ++i) c.give(0, i, c.dy[0][i] * slope(c.x[0][i], c.y[0][i], c.about));
      });
}
template <class F>
void add_unary(const char* op, F f) {
  add_twin(op, [f](auto& c) { for (int64_t i = 0; i < c.x[0].size(); ++i) c.y[0][i] = f(c.x[0][i], c.about); });
}

// The activations are needed by linear as well.
inline constexpr double root_half = 1 / std::numbers::sqrt2, root_two_by_pi = 0.79788456080286535588;
struct GeluTwin {
  template <class S> static S phi(S x) { return S(0.5) * (S(1) + erf(S(root_half) * x)); }
  template <class S> S operator()(S x) const { return x * phi(x); }
  template <class S> S slope(S x, S) const {
    return phi(x) + S(std::numbers::inv_sqrtpi * root_half) * x * exp(S(-0.5) * (x * x));
  }
};
struct GeluTanhTwin {                             // (1 + tanh u) / 2 = sigmoid(2u)
  static constexpr double a = 2 * root_two_by_pi, b = 0.044715 * a;
  template <class S> S operator()(S x) const { return x * sigmoid_of(x * (S(a) + S(b) * (x * x))); }
  template <class S> S slope(S x, S) const {
    const S square = x * x, s = sigmoid_of(x * (S(a) + S(b) * square));
    return s + x * s * (S(1) - s) * (S(a) + S(3 * b) * square);
  }
};
struct SiluTwin {
  template <class S> S operator()(S x) const { return x * sigmoid_of(x); }
  template <class S> S slope(S x, S) const {
    const S s = sigmoid_of(x);
    return s * (S(1) + x * (S(1) - s));
  }
};
struct ReluTwin {
  template <class S> S operator()(S x) const { return largest(x, S(0)); }
  template <class S> S slope(S, S y) const { return y > S(0) ? S(1) : S(0); }
};
struct TanhTwin {
  template <class S> S operator()(S x) const { return tanh(x); }
  template <class S> S slope(S, S y) const { return (S(1) - y) * (S(1) + y); }
};
template <class Activation>
void add_activation(const char* op, Activation f) {
  add_unary(op, [f](auto x, auto&) { return f(x); }, [f](auto x, auto y, auto&) { return f.slope(x, y); });
}

inline void add_functions() {
#define TAPEDECK_SCALAR(x) using S [[maybe_unused]] = decltype(x)
#define TAPEDECK_F(...) [](auto x, [[maybe_unused]] auto& about) { TAPEDECK_SCALAR(x); return __VA_ARGS__; }
#define TAPEDECK_SLOPE(...) \
  [](auto x, [[maybe_unused]] auto y, [[maybe_unused]] auto& about) { TAPEDECK_SCALAR(x); return __VA_ARGS__; }
  add_unary("negate", TAPEDECK_F(-x), TAPEDECK_SLOPE(S(-1)));
  add_unary("exp", TAPEDECK_F(exp(x)), TAPEDECK_SLOPE(y));
  add_unary("log", TAPEDECK_F(log(x)), TAPEDECK_SLOPE(S(1) / x));
  add_unary("sigmoid", TAPEDECK_F(sigmoid_of(x)), TAPEDECK_SLOPE(y * (S(1) - y)));
  add_unary("softplus", TAPEDECK_F(largest(x, S(0)) + log1p(exp(-magnitude(x)))), TAPEDECK_SLOPE(sigmoid_of(x)));
  add_unary("sqrt", TAPEDECK_F(sqrt(x)), TAPEDECK_SLOPE(S(0.5) * (S(1) / y)));
  add_unary("rsqrt", TAPEDECK_F(rsqrt_of(x)), TAPEDECK_SLOPE(S(-0.5) * y * y * y));
  add_unary("square", TAPEDECK_F(x * x), TAPEDECK_SLOPE(S(2) * x));
  add_unary("abs", TAPEDECK_F(magnitude(x)), TAPEDECK_SLOPE(sign_of(x)));
  add_unary("sin", TAPEDECK_F(sin(x)), TAPEDECK_SLOPE(cos(x)));
  add_unary("cos", TAPEDECK_F(cos(x)), TAPEDECK_SLOPE(-sin(x)));
  add_unary("erf", TAPEDECK_F(erf(x)), TAPEDECK_SLOPE(S(2 * std::numbers::inv_sqrtpi) * exp(-(x * x))));
  add_unary("pow", TAPEDECK_F(pow(x, about.number("exponent"))),
            TAPEDECK_SLOPE(S(about.number("exponent")) * pow(x, about.number("exponent") - 1)));
  add_unary("clamp", TAPEDECK_F(x < S(about.number("low")) ? S(about.number("low")) : x > S(about.number("high")) ? S(about.number("high")) : x),
            TAPEDECK_SLOPE(S(about.number("low")) <= x && x <= S(about.number("high")) ? S(1) : S(0)));
  add_unary("scale", TAPEDECK_F(S(about.number("factor")) * x), TAPEDECK_SLOPE(S(about.number("factor"))));
  add_unary("add_scalar", TAPEDECK_F(x + S(about.number("addend"))));
  add_unary("reciprocal", TAPEDECK_F(S(1) / x), TAPEDECK_SLOPE(-(y * y)));
  add_unary("sign", TAPEDECK_F(sign_of(x)));
  add_unary("step", TAPEDECK_F(x > S(0) ? S(1) : S(0)));
  add_unary("inside", TAPEDECK_F(S(about.number("low")) <= x && x <= S(about.number("high")) ? S(1) : S(0)));
#undef TAPEDECK_SLOPE
#undef TAPEDECK_F
#undef TAPEDECK_SCALAR
  add_activation("relu", ReluTwin{});
  add_activation("gelu", GeluTwin{});
  add_activation("gelu_tanh", GeluTanhTwin{});
  add_activation("silu", SiluTwin{});
  add_activation("tanh", TanhTwin{});
}

/// Where element i of `to` lies in `from`, which broadcasts to it: axes align at the right, an axis of size 1 repeats.
inline int64_t source_of(int64_t i, const Shape& to, const Shape& from) {
  int64_t at = 0, step = 1;
  for (int axis = to.rank() - 1, k = from.rank() - 1; axis >= 0; --axis, --k) {
    const int64_t place = i % to[axis];
    i /= to[axis];
    if (k < 0) continue;
    if (from[k] != 1) at += place * step;
    step *= from[k];
  }
  return at;
}

/// a op b, b broadcast to a; the backward kernels of products and quotients.
template <class F, class B>
void add_binary(const char* op, F f, B give) {
  add_twin(
      op,
      [f](auto& c) {
        for (int64_t i = 0; i < c.y[0].size(); ++i) c.y[0][i] = f(c.x[0][i], c.x[1][source_of(i, c.x[0].shape, c.x[1].shape)]);
      },
      [give](auto& c) {
        for (int64_t i = 0; i < c.x[0].size(); ++i) give(c, i, source_of(i, c.x[0].shape, c.x[1].shape));
      });
}

/// Whether the mask of (key, first) keeps element i; times the scale of what is kept.
struct MaskTwin {
  kernels::DropoutRate rate;
  uint64_t key = 0, first = 0;
  bool on = false;
  explicit MaskTwin(const Described& about) : rate(kernels::dropout_rate(about.number("p"))), on(about.number("p") > 0) {
    if (on) key = about.bits("key"), first = about.bits("first");
  }
  bool keeps(int64_t i) const {
    const uint64_t draw = first + uint64_t(i);
    return !on || kernels::dropout_keeps(kernels::philox(key, draw / 8), int(draw % 8), rate.threshold);
  }
  /// All are scaled, some are chosen.
  template <class S>
  S operator()(S x, int64_t i) const {
    if (!on) return x;
    const S scaled = x * S(rate.scale);
    return keeps(i) ? scaled : S(0);
  }
};

inline void add_elementwise_twins() {
  add_functions();
  add_binary("add", [](auto a, auto b) { return a + b; }, [](auto&, int64_t, int64_t) {});
  add_binary("sub", [](auto a, auto b) { return a - b; }, [](auto&, int64_t, int64_t) {});
  add_binary("mul", [](auto a, auto b) { return a * b; }, [](auto& c, int64_t i, int64_t j) {
    if (c.wanted[0]) c.give(0, i, c.dy[0][i] * c.x[1][j]);
    if (c.wanted[1]) c.give(1, i, c.dy[0][i] * c.x[0][i]);
  });
  add_binary("div", [](auto a, auto b) { return a / b; }, [](auto& c, int64_t i, int64_t j) { c.give(0, i, c.dy[0][i] / c.x[1][j]); });
  add_twin("where", [](auto& c) {
    for (int64_t i = 0; i < c.y[0].size(); ++i) c.y[0][i] = c.x[0].index(i) ? c.x[1][i] : c.x[2][i];
  });
  add_twin(
      "dropout",
      [](auto& c) {
        const MaskTwin mask(c.about);
        for (int64_t i = 0; i < c.y[0].size(); ++i) c.y[0][i] = mask(c.x[0][i], i);
      },
      [](auto& c) {
        const MaskTwin mask(c.about);
        for (int64_t i = 0; i < c.y[0].size(); ++i) c.give(0, i, mask(c.dy[0][i], i));
      });
}

}  // namespace tapedeck::testing
