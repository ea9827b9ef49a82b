// "drop_connect": one linear layer whose weights are dropped instead of its inputs (Wan et al. 2013).
#include <tapedeck/nn/head.h>
#include <tapedeck/nn/noise.h>

namespace tapedeck {
namespace {

struct DropConnectHead final : Head {
  DropConnectHead(Params params, double p, bool per_example, int64_t width, int64_t outputs)
      : scope(params.scope()),
        weight(params.make("weight", {outputs, width}, Init::xavier({outputs, width}))),
        bias(params.make("bias", {outputs}, Init::zeros())),
        p(p),
        per_example(per_example) {}
  Tensor forward(Pass& pass, const Tensor& pooled) const override {
    Scope here(scope);
    return drop_connect(pass, pooled, pass(weight), p, per_example, Rows::sequences) + pass(bias);
  }
  ScopeId scope;
  Param weight, bias;
  double p;
  bool per_example;
};

struct DropConnectHeadSpec final : HeadSpec {
  double p = 0.5;
  bool per_example = true;
  void describe(Fields& f) override {
    f("p", p, "probability that a weight is dropped").at_least(0).below(1);
    f.names("per", per_example, {{"example", true}, {"batch", false}},
            "example: a mask of its own for each (memory: examples times weights); batch: one mask per step");
  }
  std::unique_ptr<Head> build(Params params, int64_t width, int64_t outputs) const override {
    return std::make_unique<DropConnectHead>(params, p, per_example, width, outputs ? outputs : width);
  }
};
TAPEDECK_PART(
    HeadSpec, DropConnectHeadSpec, "drop_connect",
    "logits = (M * W) h + b, M drops weights with probability p in training; W h + b after it (Wan et al. 2013).",
    {.equation = "training: logits = (M * W) h + b, M_ij = 1 / (1 - p) with probability 1 - p, else 0; afterwards W h + b",
     .source = "Wan et al., Regularization of Neural Networks using DropConnect, ICML 2013",
     .cost = "per example: memory and arithmetic of examples * width * classes; per batch: one mask of the weights",
     .pitfalls =
         "One mask for the batch is another, noisier method: its gradients of all examples miss the same weights.\n"
         "The paper samples a Gaussian around W h at inference; here it is the mean, which differs behind a nonlinearity."});

}  // namespace
}  // namespace tapedeck
