// Every unary op y = f(x) as one row: a new op is a new row here and nothing else. Kernels, derivative, rule, free function,
// checks, documentation and flops all come from it. Next: kernels/unary.h, src/ops/unary.cpp.
#pragma once

/// ROW(name, cases, reads, doc, f, derivative)
///   cases       where the checks draw x: all, positive, away_from_zero (kinks and poles keep their distance)
///   reads       what the derivative reads: x, y, or flat (it is 0 wherever it exists)
///   f           in x of type X; what may be used is said in kernels/unary.h
///   derivative  in x and y; read with numbers it is the backward kernel, read with tensors the differentiable rule
// clang-format off
#define TAPEDECK_UNARY_OPS(ROW) \
  ROW(exp,        all,            y,    "y = e^x",                                exp(x),     y) \
  ROW(log,        positive,       x,    "y = ln x; -inf at 0, NaN below",         log(x),     reciprocal(x)) \
  ROW(tanh,       all,            y,    "y = tanh x",                             tanh(x),    (number<X>(1) - y) * (number<X>(1) + y)) \
  ROW(sigmoid,    all,            y,    "y = 1 / (1 + e^-x)",                     sigmoid(x), y * (number<X>(1) - y)) \
  ROW(relu,       away_from_zero, x,    "y = max(x, 0); derivative 0 at 0",       x < X(0) ? X(0) : x, step(x)) \
  ROW(gelu,       all,            x,    "y = x Phi(x) = x (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016)", \
      x * normal_cdf(x), gelu_slope(x)) \
  ROW(gelu_tanh,  all,            x,    "y = x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 (Hendrycks and Gimpel 2016)", \
      x * gelu_gate(x), gelu_tanh_slope(x)) \
  ROW(silu,       all,            x,    "y = x sigmoid(x)",                       x * sigmoid(x), silu_slope(x)) \
  ROW(softplus,   all,            x,    "y = ln(1 + e^x)", (x > X(0) ? x : X(0)) + log1p_unit(exp(-abs(x))), sigmoid(x)) \
  ROW(sqrt,       positive,       y,    "y = sqrt x; derivative inf at 0: add an epsilon inside", sqrt(x), number<X>(0.5) * reciprocal(y)) \
  ROW(rsqrt,      positive,       y,    "y = 1 / sqrt x",                         rsqrt(x),   number<X>(-0.5) * y * y * y) \
  ROW(square,     all,            x,    "y = x^2",                                x * x,      number<X>(2) * x) \
  ROW(abs,        away_from_zero, x,    "y = |x|; derivative 0 at 0",             abs(x),     sign(x)) \
  ROW(sin,        all,            x,    "y = sin x",                              sin(x),     cos(x)) \
  ROW(cos,        all,            x,    "y = cos x",                              cos(x),     number<X>(-1) * sin(x)) \
  ROW(erf,        all,            x,    "y = 2/sqrt(pi) integral of e^(-t^2), t from 0 to x", \
      erf(x), number<X>(1.12837916709551257390) * exp(number<X>(-1) * square(x))) \
  ROW(reciprocal, positive,       y,    "y = 1 / x",                              reciprocal(x), number<X>(-1) * square(y)) \
  ROW(sign,       away_from_zero, flat, "y = 1, 0 or -1; gradient 0",             sign(x),    constant_like(x, 0)) \
  ROW(step,       away_from_zero, flat, "y = 1 where x > 0, else 0; gradient 0",  step(x),    constant_like(x, 0))
// clang-format on
