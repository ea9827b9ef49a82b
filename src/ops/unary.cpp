// One struct for every y = f(x). Names, formulas, derivatives, documentation and cases are the rows of one table; read with
// numbers a derivative is the backward kernel, read with tensors it is the rule below, so the two cannot drift. Next: reduce.cpp.
#include <algorithm>
#include <cmath>

#include "counted.h"
#include "kernels/unary.h"
#include "support.h"

namespace tapedeck {

/// Found by the derivative of pow when it is read with tensors.
static Tensor pow_scalar(const Tensor& x, double exponent) { return pow(x, exponent); }

namespace {

using kernels::Unary;

/// Far out these functions are 0, constant or x itself, with derivatives that say so, but their formulas multiply a 0 by a power
/// of x that may leave the range of its type: there any number far out will do.
Tensor within_reach(const Tensor& x) {
  constexpr double far = 1e4;
  const bool beyond = x.has_data() && dispatch(x.dtype(), [&](auto tag) {
                        const auto all = x.detach().template data<decltype(tag)>();
                        return std::ranges::any_of(all, [](auto v) { return std::abs(v) > far; });
                      });
  return beyond ? clamp(x, -far, far) : x;
}

/// What the derivative reads; flat: it is 0 wherever it exists.
enum class Reads : uint8_t { nothing, x, y, flat };
struct About {
  std::string_view name;
  Reads reads;
};
constexpr About about[] = {
#define TAPEDECK_UNARY_ABOUT(name, cases, reads, ...) {#name, Reads::reads},
    TAPEDECK_UNARY_OPS(TAPEDECK_UNARY_ABOUT)
#undef TAPEDECK_UNARY_ABOUT
        {"negate", Reads::nothing},
    {"pow", Reads::x},
    {"clamp", Reads::x},
    {"inside", Reads::flat},
    {"scale", Reads::nothing},
    {"add_scalar", Reads::nothing},
};
static_assert(std::size(about) == size_t(Unary::count));

struct Elementwise final : Op {
  Unary kind;
  double a, b;
  Elementwise(Unary kind, double a, double b) : kind(kind), a(a), b(b) {}

  std::string_view name() const override { return about[size_t(kind)].name; }
  Specs infer(In x) const override {
    require_defined(name(), "x", x[0]);
    require_floating(name(), x);
    if (!std::isfinite(a) && kind == Unary::pow) raise(ErrorKind::value, text("pow: exponent ", a, " is not finite"));
    if ((kind == Unary::clamp || kind == Unary::inside) && !(a <= b))
      raise(ErrorKind::value, text(name(), ": low ", a, " lies above high ", b), "swap the bounds");
    return {{x[0].shape(), x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().unary(kind, a, b, x[0].size(), x[0].raw<T>(), y[0].raw<T>());
    });
  }
  bool backward(In x, In y, In dy, Grads dx) const override {
    if (shared() || flat()) return false;
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().unary_backward(kind, a, b, x[0].size(), x[0].raw<T>(), y[0].raw<T>(), dy[0].raw<T>(),
                                                dx[0].into.raw<T>(), dx[0].accumulate);
    });
    return true;
  }
  Tensors vjp(In x, In y, In dy, Wanted) const override {
    if (flat()) return {};
    if (shared()) return {dy[0]};
    if (kind == Unary::negate) return {-dy[0]};
    if (kind == Unary::scale) return {dy[0] * a};
    const bool saturates = kind == Unary::erf || kind == Unary::gelu || kind == Unary::silu;
    const Tensor at = saturates ? within_reach(x[0]) : x[0];
    return {kernels::visit_unary(kind, a, b, [&](auto f) { return dy[0] * f.derivative(at, y[0]); })};
  }
  Saves saves() const override {
    if (flat()) return {};
    switch (about[size_t(kind)].reads) {
      case Reads::x:
        return {{Save::input, 0, "the derivative is a function of x"}};
      case Reads::y:
        return {{Save::output, 0, "the derivative is short in y"}};
      default:
        return {};
    }
  }
  Cost cost(In x) const override { return {double(x[0].size()) * double(forward_flops(kind, a, b)), bytes_moved(x)}; }
  Cost backward_cost(In x, In y, In dy, Asked dx) const override {
    const int64_t each = shared() || flat() ? 0 : 1 + kernels::visit_unary(kind, a, b, [](auto f) {
                                                    return flops_of([&] { f.derivative(Counted(0.5), Counted(0.5)); });
                                                  });
    return {double(each * x[0].size()) + added(dx), bytes_moved(x, y, dy, dx)};
  }
  void attributes(Attributes& list) const override {
    if (kind == Unary::pow) list("exponent", a);
    if (kind == Unary::clamp || kind == Unary::inside) list("low", a)("high", b);
    if (kind == Unary::scale) list("factor", a);
    if (kind == Unary::add_scalar) list("addend", a);
  }
  static int64_t forward_flops(Unary kind, double a, double b) {
    return kernels::visit_unary(kind, a, b, [](auto f) { return flops_of([&] { f.forward(Counted(0.5)); }); });
  }

 private:
  /// dy goes through unchanged.
  bool shared() const { return kind == Unary::add_scalar; }
  /// Constant wherever it is differentiable; x^0 would otherwise give 0 * x^-1, NaN at 0.
  bool flat() const { return about[size_t(kind)].reads == Reads::flat || (kind == Unary::pow && a == 0); }
};

}  // namespace

double unary_flops(Unary kind) { return kind == Unary::count ? 0 : double(Elementwise::forward_flops(kind, 0, 0)); }

Tensor unary(Unary kind, const Tensor& x, double a, double b) { return apply(Elementwise(kind, a, b), {x}); }

#define TAPEDECK_UNARY_FUNCTION(name, ...) \
  Tensor name(const Tensor& x) { return unary(Unary::name, x); }
TAPEDECK_UNARY_OPS(TAPEDECK_UNARY_FUNCTION)
#undef TAPEDECK_UNARY_FUNCTION
Tensor inside(const Tensor& x, double low, double high) { return unary(Unary::inside, x, low, high); }
Tensor pow(const Tensor& x, double exponent) { return unary(Unary::pow, x, exponent); }
Tensor clamp(const Tensor& x, double low, double high) { return unary(Unary::clamp, x, low, high); }

// ---- cases: sizes around the vector widths, ranks 0 to 3, an empty tensor; kinks and poles kept at a distance -----------------
namespace {

using Function = Tensor (*)(const Tensor&);
enum class Domain { all, positive, away_from_zero, away_from_bounds };

Tensor draw(Domain domain, const Shape& shape, DType t) {
  switch (domain) {
    case Domain::positive:
      return case_uniform(shape, "x", t, 0.3, 3);
    case Domain::away_from_zero:
      return case_away_from({0}, shape, "x", t);
    case Domain::away_from_bounds:
      return case_away_from({-0.6, 0.9}, shape, "x", t);
    case Domain::all:
      break;
  }
  return case_input(shape, "x", t);
}

template <Function f, Domain domain = Domain::all>
std::vector<OpCase> unary_cases(DType t) {
  struct Row {
    const char* name;
    Shape shape;
  };
  const Row rows[] = {{"scalar", {}},         {"1", {1}},           {"7", {7}}, {"15", {15}}, {"3x17", {3, 17}},
                      {"2x1x33", {2, 1, 33}}, {"empty 0x3", {0, 3}}};
  std::vector<OpCase> cases;
  for (const Row& r : rows) cases.push_back(case_of(r.name, {draw(domain, r.shape, t)}, [](In x) { return f(x[0]); }));
  return cases;
}
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
Tensor negative(const Tensor& x) { return -x; }

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

#define TAPEDECK_UNARY_ENTRY(name, cases, reads, doc, ...) \
  TAPEDECK_OP(name, doc, (unary_cases<name, Domain::cases>), unary_misuses<name>);
TAPEDECK_UNARY_OPS(TAPEDECK_UNARY_ENTRY)
#undef TAPEDECK_UNARY_ENTRY
TAPEDECK_OP(inside, "y = 1 where low <= x <= high, else 0; gradient 0", (unary_cases<inside_at, Domain::away_from_bounds>),
            bound_misuses<inside>);
TAPEDECK_OP(pow, "y = x^exponent", pow_cases, pow_misuses);
TAPEDECK_OP(clamp, "y = min(max(x, low), high); derivative 0 outside", (unary_cases<clamp_at, Domain::away_from_bounds>),
            bound_misuses<clamp>);
TAPEDECK_OP(scale, "y = factor x", unary_cases<scale_by>, unary_misuses<scale_by>);
TAPEDECK_OP(add_scalar, "y = x + addend", unary_cases<add_to>, unary_misuses<add_to>);
TAPEDECK_OP(negate, "y = -x", unary_cases<negative>, unary_misuses<negative>);

}  // namespace
}  // namespace tapedeck
