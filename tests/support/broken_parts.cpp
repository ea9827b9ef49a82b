// Heads with a mistake in them, as a plugin: what somebody would look for with `tapedeck look`. Next: ../learner_test.cpp.
#include <tapedeck/nn/head.h>
#include <tapedeck/ops/ops.h>

namespace tapedeck {
namespace {

/// A linear layer and a gate per class.
struct WithGate : Head {
  WithGate(Params params, int64_t width, int64_t outputs)
      : scope(params.scope()), out(params, width, outputs), gate(params.make("gate", {outputs}, {Init::Kind::constant, 0.5})) {}
  ScopeId scope;
  Linear out;
  Param gate;
};

/// logits = W h + b + step(gate): the step's derivative is 0, so the gate never learns.
struct Stuck final : HeadSpec {
  void describe(Fields&) override {}
  struct Built final : WithGate {
    using WithGate::WithGate;
    Tensor forward(Pass& pass, const Tensor& pooled) const override {
      const Scope here(scope);
      return out(pass, pooled) + step(pass(gate));
    }
  };
  std::unique_ptr<Head> build(Params params, int64_t width, int64_t outputs) const override {
    return std::make_unique<Built>(params, width, outputs);
  }
};
TAPEDECK_PART(HeadSpec, Stuck, "stuck", "logits = W h + b + step(gate), whose gate gets no gradient.");

/// logits = log(W h + b): none for what is below 0.
struct Logarithm final : HeadSpec {
  void describe(Fields&) override {}
  struct Built final : WithGate {
    using WithGate::WithGate;
    Tensor forward(Pass& pass, const Tensor& pooled) const override {
      const Scope here(scope);
      return log(out(pass, pooled)) + pass(gate);
    }
  };
  std::unique_ptr<Head> build(Params params, int64_t width, int64_t outputs) const override {
    return std::make_unique<Built>(params, width, outputs);
  }
};
TAPEDECK_PART(HeadSpec, Logarithm, "logarithm", "logits = log(W h + b) + gate, NaN where W h + b is below 0.");

}  // namespace
}  // namespace tapedeck
