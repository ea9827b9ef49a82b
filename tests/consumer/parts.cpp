// What a project outside adds: an op with forward and backward kernels, a layer that uses it, an objective. All of it is
// written against the installed headers.
#include <cmath>

#include <tapedeck/nn/head.h>
#include <tapedeck/objectives/objective.h>
#include <tapedeck/ops/author.h>

namespace tapedeck {
namespace {

/// y = c tanh(x / c): logits that cannot leave (-c, c). Gemma ThreadPool 2024, "Gemma 2", section 2.
struct SoftCap final : Op {  // in: x, any shape; out: y, like x
  double cap;
  explicit SoftCap(double cap) : cap(cap) {}

  std::string_view name() const override { return "soft_cap"; }
  Specs infer(In x) const override {
    require_defined(name(), "x", x[0]);
    require_floating(name(), x);
    if (!(cap > 0)) raise(ErrorKind::value, text("soft_cap: cap is ", cap), "give a number above 0");
    return {{x[0].shape(), x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      parallel_ranges(x[0].size(), 4096, [c = T(cap), in = x[0].raw<T>(), out = y[0].raw<T>()](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) out[i] = c * std::tanh(in[i] / c);
      });
    });
  }
  bool backward(In, In y, In dy, Grads dx) const override {
    dispatch(y[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      const T c = T(cap), *out = y[0].raw<T>(), *up = dy[0].raw<T>();
      parallel_ranges(y[0].size(), 4096, [=, to = dx[0].into.raw<T>(), add = dx[0].accumulate](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) to[i] = (add ? to[i] : T(0)) + (1 - out[i] / c * (out[i] / c)) * up[i];
      });
    });
    return true;
  }
  Tensors reference(In x) const override { return {tanh(x[0] * (1 / cap)) * cap}; }
  Saves saves() const override { return {{Save::output, 0, "the slope is 1 - (y / c)^2"}}; }
  void attributes(Attributes& list) const override { list("cap", cap); }
};

Tensor soft_cap(const Tensor& x, double cap) { return apply(SoftCap(cap), {x}); }

std::vector<OpCase> cases(DType t) {
  return {case_of("3x4", {case_input({3, 4}, "x", t)}, [](In v) { return soft_cap(v[0], 2); }),
          case_of("two ranges", {case_input({3, 1500}, "x", t)}, [](In v) { return soft_cap(v[0], 0.5); })};
}
std::vector<OpMisuse> misuses() {
  return {{"no room", [] { soft_cap(Tensor::zeros({2}), 0); }, ErrorKind::value, "cap is 0"}};
}
TAPEDECK_OP(soft_cap, "y = c tanh(x / c) (Gemma ThreadPool 2024)", cases, misuses);

struct CappedHead final : HeadSpec {
  double cap = 5;
  void describe(Fields& f) override { f("cap", cap, "logits stay between -cap and cap").above(0); }

  struct Built final : Head {
    Built(Params params, double cap, int64_t width, int64_t outputs)
        : scope(params.scope()), cap(cap), out(params, width, outputs) {}
    Tensor forward(Pass& pass, const Tensor& pooled) const override {
      const Tensor logits = out(pass, pooled);
      Scope here(scope);  // the row of soft_cap carries this head's path
      return soft_cap(logits, cap);
    }
    ScopeId scope;
    double cap;
    Linear out;
  };
  std::unique_ptr<Head> build(Params params, int64_t width, int64_t outputs) const override {
    return std::make_unique<Built>(params, cap, width, outputs);
  }
};
TAPEDECK_PART(HeadSpec, CappedHead, "capped", "logits = soft_cap(W h + b).");

/// Two passes with masks of their own; the mean of their losses.
struct Twice final : Objective {
  Choice<Loss> task_loss{"cross_entropy"};
  void describe(Fields& f) override { f("loss", task_loss, "task loss"); }
  Tensor loss(Step& step) override {
    const View a = step.forward(), b = step.forward();
    return (step.loss(a) + step.loss(b)) * 0.5;
  }
  const Loss& task() const override { return *task_loss; }
};
TAPEDECK_PART(Objective, Twice, "twice", "The mean loss of two passes.");

}  // namespace
}  // namespace tapedeck
