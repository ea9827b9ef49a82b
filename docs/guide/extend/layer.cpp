// gated_head: a layer that gates a vector, and the head made of it. Dauphin et al. 2017, "Language modeling with gated
// convolutional networks", section 2.
#include <tapedeck/nn/head.h>

namespace tapedeck {
namespace {

/// The layer: y = x * sigmoid(G x + b), [..., width] -> [..., width]. Its parameters are called "weight" and "bias", below the
/// place in the tree of names that `params` is.
class Gate {
 public:
  Gate(Params params, int64_t width) : gate_(params, width, width) {}
  Tensor operator()(Pass& pass, const Tensor& x) const { return x * sigmoid(gate_(pass, x)); }

 private:
  Linear gate_;
};

/// "head": {"type": "gated_head", "layers": 2}
struct GatedHead final : HeadSpec {
  int64_t layers = 1;
  double dropout = 0.1;
  void describe(Fields& f) override {
    f("layers", layers, "gates, one after another").at_least(1);
    f("dropout", dropout, "drop probability before the last layer").at_least(0).below(1);
  }

  struct Built final : Head {
    Built(Params params, const GatedHead& spec, int64_t width, int64_t outputs)
        : scope(params.scope()), dropout(spec.dropout), out(params / "out", width, outputs ? outputs : width) {
      for (int64_t i = 0; i < spec.layers; ++i) gates.emplace_back(params / "gates" / i, width);
    }
    Tensor forward(Pass& pass, const Tensor& pooled /*[B,width]*/) const override {
      Tensor h = pooled;
      for (const Gate& gate : gates) h = gate(pass, h);
      Scope here(scope);                          // the dropout's key and its row on the tape carry this head's path
      return out(pass, pass.dropout(h, dropout, Rows::sequences));
    }
    ScopeId scope;
    double dropout;
    std::vector<Gate> gates;
    Linear out;
  };
  std::unique_ptr<Head> build(Params params, int64_t width, int64_t outputs) const override {
    return std::make_unique<Built>(params, *this, width, outputs);
  }
};
TAPEDECK_PART(HeadSpec, GatedHead, "gated_head", "logits = W dropout(h * sigmoid(G h)) + b (Dauphin et al. 2017).");

}  // namespace
}  // namespace tapedeck
