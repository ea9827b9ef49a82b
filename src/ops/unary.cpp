// One struct for every y = f(x): the formulas and derivatives are in kernels/unary.h. Read with numbers a derivative is
// the backward kernel, read with tensors it is the rule below, so the two cannot drift. Next: reduce.cpp.
#include <cmath>

#include "kernels/unary.h"
#include "support.h"

namespace tapedeck {

/// Found by the derivative of pow when it is read with tensors.
static Tensor pow_scalar(const Tensor& x, double exponent) { return pow(x, exponent); }

namespace {

using kernels::Unary;

/// What the derivative reads: the shorter of the two, see kernels/unary.h.
enum class Reads : uint8_t { nothing, x, y };
struct About { std::string_view name; Reads reads; UnaryFlops flops; };
constexpr About about[] = {
    {"negate", Reads::nothing, {0, 1}},     {"exp", Reads::y, {1, 1}},              {"log", Reads::x, {1, 2}},
    {"tanh", Reads::y, {1, 4}},             {"sigmoid", Reads::y, {3, 3}},          {"relu", Reads::x, {0, 1}},
    {"gelu", Reads::x, {5, 11}},            {"gelu_tanh", Reads::x, {8, 15}},       {"silu", Reads::x, {4, 8}},
    {"softplus", Reads::x, {3, 4}},         {"sqrt", Reads::y, {1, 3}},             {"rsqrt", Reads::y, {2, 4}},
    {"square", Reads::x, {1, 2}},           {"abs", Reads::x, {0, 1}},              {"sin", Reads::x, {1, 2}},
    {"cos", Reads::x, {1, 2}},              {"erf", Reads::x, {1, 4}},              {"pow", Reads::x, {1, 3}},
    {"clamp", Reads::x, {0, 1}},            {"scale", Reads::nothing, {1, 1}},      {"add_scalar", Reads::nothing, {1, 0}},
    {"reciprocal", Reads::y, {1, 2}},       {"sign", Reads::nothing, {0, 0}},       {"step", Reads::nothing, {0, 0}},
    {"inside", Reads::nothing, {0, 0}},
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
    return {kernels::visit_unary(kind, a, b, [&](auto f) { return dy[0] * f.derivative(x[0], y[0]); })};
  }
  Saves saves() const override {
    if (flat()) return {};
    switch (about[size_t(kind)].reads) {
      case Reads::x: return {{Save::input, 0, "the derivative is a function of x"}};
      case Reads::y: return {{Save::output, 0, "the derivative is short in y"}};
      case Reads::nothing: break;
    }
    return {};
  }
  Cost cost(In x) const override { return {about[size_t(kind)].flops.forward * double(x[0].size()), Op::cost(x).bytes}; }
  Cost backward_cost(In x, In y, In dy, Asked dx) const override {
    return {about[size_t(kind)].flops.backward * double(x[0].size()) + added(dx), Op::backward_cost(x, y, dy, dx).bytes};
  }
  void attributes(Attributes& list) const override {
    if (kind == Unary::pow) list("exponent", a);
    if (kind == Unary::clamp || kind == Unary::inside) list("low", a)("high", b);
    if (kind == Unary::scale) list("factor", a);
    if (kind == Unary::add_scalar) list("addend", a);
  }

 private:
  /// dy goes through unchanged.
  bool shared() const { return kind == Unary::add_scalar; }
  /// Constant wherever it is differentiable; x^0 would otherwise give 0 * x^-1, NaN at 0.
  bool flat() const {
    return kind == Unary::sign || kind == Unary::step || kind == Unary::inside || (kind == Unary::pow && a == 0);
  }
};

}  // namespace

UnaryFlops flops_of(Unary kind) { return kind == Unary::count ? UnaryFlops{} : about[size_t(kind)].flops; }

Tensor unary(Unary kind, const Tensor& x, double a, double b) { return apply(Elementwise(kind, a, b), {x}); }

Tensor exp(const Tensor& x) { return unary(Unary::exp, x); }
Tensor log(const Tensor& x) { return unary(Unary::log, x); }
Tensor tanh(const Tensor& x) { return unary(Unary::tanh, x); }
Tensor sigmoid(const Tensor& x) { return unary(Unary::sigmoid, x); }
Tensor relu(const Tensor& x) { return unary(Unary::relu, x); }
Tensor gelu(const Tensor& x) { return unary(Unary::gelu_erf, x); }
Tensor gelu_tanh(const Tensor& x) { return unary(Unary::gelu_tanh, x); }
Tensor silu(const Tensor& x) { return unary(Unary::silu, x); }
Tensor softplus(const Tensor& x) { return unary(Unary::softplus, x); }
Tensor sqrt(const Tensor& x) { return unary(Unary::sqrt, x); }
Tensor rsqrt(const Tensor& x) { return unary(Unary::rsqrt, x); }
Tensor square(const Tensor& x) { return unary(Unary::square, x); }
Tensor abs(const Tensor& x) { return unary(Unary::abs, x); }
Tensor sin(const Tensor& x) { return unary(Unary::sin, x); }
Tensor cos(const Tensor& x) { return unary(Unary::cos, x); }
Tensor erf(const Tensor& x) { return unary(Unary::erf, x); }
Tensor reciprocal(const Tensor& x) { return unary(Unary::reciprocal, x); }
Tensor sign(const Tensor& x) { return unary(Unary::sign, x); }
Tensor step(const Tensor& x) { return unary(Unary::step, x); }
Tensor inside(const Tensor& x, double low, double high) { return unary(Unary::inside, x, low, high); }
Tensor pow(const Tensor& x, double exponent) { return unary(Unary::pow, x, exponent); }
Tensor clamp(const Tensor& x, double low, double high) { return unary(Unary::clamp, x, low, high); }

}  // namespace tapedeck
