// Cases of the unary ops: sizes around the vector widths, ranks 0 to 3, an empty tensor; kinks and poles kept at a distance.
#include "support.h"

namespace tapedeck {
namespace {

using Function = Tensor (*)(const Tensor&);
enum class Domain { all, positive, away_from_zero, away_from_bounds };

Tensor draw(Domain domain, const Shape& shape, DType t) {
  switch (domain) {
    case Domain::positive: return case_uniform(shape, "x", t, 0.3, 3);
    case Domain::away_from_zero: return case_away_from({0}, shape, "x", t);
    case Domain::away_from_bounds: return case_away_from({-0.6, 0.9}, shape, "x", t);
    case Domain::all: break;
  }
  return case_input(shape, "x", t);
}

std::vector<OpCase> table(DType t, Domain domain, Function f) {
  struct Row { const char* name; Shape shape; };
  const Row rows[] = {{"scalar", {}},         {"1", {1}},           {"7", {7}}, {"15", {15}}, {"3x17", {3, 17}},
                      {"2x1x33", {2, 1, 33}}, {"empty 0x3", {0, 3}}};
  std::vector<OpCase> cases;
  for (const Row& r : rows) cases.push_back(case_of(r.name, {draw(domain, r.shape, t)}, [f](In x) { return f(x[0]); }));
  return cases;
}

template <Function f, Domain domain = Domain::all>
std::vector<OpCase> unary_cases(DType t) { return table(t, domain, f); }

template <Function f>
std::vector<OpMisuse> unary_misuses() {
  return {
      {"integers", [] { f(Tensor::zeros({2}, DType::i32)); }, ErrorKind::dtype, "i32[2]; needs f32 or f64"},
      {"undefined", [] { f(Tensor{}); }, ErrorKind::value, "undefined"},
  };
}

Tensor clamp_at(const Tensor& x) { return clamp(x, -0.6, 0.9); }
Tensor inside_at(const Tensor& x) { return inside(x, -0.6, 0.9); }
Tensor scale_by(const Tensor& x) { return x * -1.5; }
Tensor add_to(const Tensor& x) { return x + 0.75; }
Tensor negate(const Tensor& x) { return -x; }

std::vector<OpCase> pow_cases(DType t) {
  std::vector<OpCase> cases;
  for (double exponent : {-1.5, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0})
    cases.push_back(case_of(text("exponent ", exponent), {case_uniform({3, 5}, "x", t, 0.3, 3)},
                            [exponent](In x) { return pow(x[0], exponent); }));
  cases.push_back(case_of("odd power of negatives", {case_away_from({0}, {17}, "x", t)}, [](In x) { return pow(x[0], 3); }));
  return cases;
}
std::vector<OpMisuse> pow_misuses() {
  return {
      {"integers", [] { pow(Tensor::zeros({2}, DType::i32), 2); }, ErrorKind::dtype, "i32"},
      {"infinite exponent", [] { pow(Tensor::zeros({2}), __builtin_inf()); }, ErrorKind::value, "not finite"},
  };
}
template <Tensor (*f)(const Tensor&, double, double)>
std::vector<OpMisuse> bound_misuses() {
  return {
      {"integers", [] { f(Tensor::zeros({2}, DType::i32), 0, 1); }, ErrorKind::dtype, "i32"},
      {"bounds turned", [] { f(Tensor::zeros({2}), 1, -1); }, ErrorKind::value, "swap the bounds"},
      {"a bound that is no number", [] { f(Tensor::zeros({2}), 0, __builtin_nan("")); }, ErrorKind::value, "nan"},
  };
}

TAPEDECK_OP(exp, "y = e^x", (unary_cases<exp>), unary_misuses<exp>);
TAPEDECK_OP(log, "y = ln x; -inf at 0, NaN below", (unary_cases<log, Domain::positive>), unary_misuses<log>);
TAPEDECK_OP(tanh, "y = tanh x", (unary_cases<tanh>), unary_misuses<tanh>);
TAPEDECK_OP(sigmoid, "y = 1 / (1 + e^-x)", (unary_cases<sigmoid>), unary_misuses<sigmoid>);
TAPEDECK_OP(relu, "y = max(x, 0); derivative 0 at 0", (unary_cases<relu, Domain::away_from_zero>), unary_misuses<relu>);
TAPEDECK_OP(gelu, "y = x Phi(x) = x (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016)", (unary_cases<gelu>), unary_misuses<gelu>);
TAPEDECK_OP(gelu_tanh, "y = x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 (Hendrycks and Gimpel 2016)", (unary_cases<gelu_tanh>),
            unary_misuses<gelu_tanh>);
TAPEDECK_OP(silu, "y = x sigmoid(x)", (unary_cases<silu>), unary_misuses<silu>);
TAPEDECK_OP(softplus, "y = ln(1 + e^x)", (unary_cases<softplus>), unary_misuses<softplus>);
TAPEDECK_OP(sqrt, "y = sqrt x; derivative inf at 0: add an epsilon inside", (unary_cases<sqrt, Domain::positive>), unary_misuses<sqrt>);
TAPEDECK_OP(rsqrt, "y = 1 / sqrt x", (unary_cases<rsqrt, Domain::positive>), unary_misuses<rsqrt>);
TAPEDECK_OP(square, "y = x^2", (unary_cases<square>), unary_misuses<square>);
TAPEDECK_OP(abs, "y = |x|; derivative 0 at 0", (unary_cases<abs, Domain::away_from_zero>), unary_misuses<abs>);
TAPEDECK_OP(sin, "y = sin x", (unary_cases<sin>), unary_misuses<sin>);
TAPEDECK_OP(cos, "y = cos x", (unary_cases<cos>), unary_misuses<cos>);
TAPEDECK_OP(erf, "y = 2/sqrt(pi) integral of e^(-t^2), t from 0 to x", (unary_cases<erf>), unary_misuses<erf>);
TAPEDECK_OP(reciprocal, "y = 1 / x", (unary_cases<reciprocal, Domain::positive>), unary_misuses<reciprocal>);
TAPEDECK_OP(sign, "y = 1, 0 or -1; gradient 0", (unary_cases<sign, Domain::away_from_zero>), unary_misuses<sign>);
TAPEDECK_OP(step, "y = 1 where x > 0, else 0; gradient 0", (unary_cases<step, Domain::away_from_zero>), unary_misuses<step>);
TAPEDECK_OP(inside, "y = 1 where low <= x <= high, else 0; gradient 0", (unary_cases<inside_at, Domain::away_from_bounds>),
            bound_misuses<inside>);
TAPEDECK_OP(pow, "y = x^exponent", pow_cases, pow_misuses);
TAPEDECK_OP(clamp, "y = min(max(x, low), high); derivative 0 outside", (unary_cases<clamp_at, Domain::away_from_bounds>),
            bound_misuses<clamp>);
TAPEDECK_OP(scale, "y = factor x", (unary_cases<scale_by>), unary_misuses<scale_by>);
TAPEDECK_OP(add_scalar, "y = x + addend", (unary_cases<add_to>), unary_misuses<add_to>);
TAPEDECK_OP(negate, "y = -x", (unary_cases<negate>), unary_misuses<negate>);

}  // namespace
}  // namespace tapedeck
