// The heads: one small class and its options each.
#include <tapedeck/nn/head.h>

namespace tapedeck {
namespace {

const std::vector<std::pair<std::string, Activation>> activations = {
    {"tanh", Activation::tanh}, {"relu", Activation::relu}, {"gelu", Activation::gelu}, {"silu", Activation::silu}};

/// "from": the head starts as that part of the folder that the encoder comes from.
struct HeadStart {
  std::optional<std::string> part;
  void describe(Fields& f, std::vector<std::string> parts) {
    f("from", part, "part of the pretrained encoder's folder that the head starts as (default: random)").one_of(std::move(parts));
  }
  void ask(const Params& params) const {
    if (part) params.borrow(*part);
  }
};

struct LinearHeadSpec final : HeadSpec {
  double dropout = 0.1;
  HeadStart from;
  void describe(Fields& f) override {
    f("dropout", dropout, "drop probability of the pooled vector").at_least(0).below(1);
    from.describe(f, {"classifier"});
  }

  struct LinearHead final : Head {
    LinearHead(Params params, double dropout, int64_t width, int64_t outputs)
        : scope(params.scope()), dropout(dropout), linear(params, width, outputs ? outputs : width) {}
    Tensor forward(Pass& pass, const Tensor& pooled) const override {
      Scope here(scope);
      return linear(pass, pass.dropout(pooled, dropout, Rows::sequences));
    }
    ScopeId scope;
    double dropout;
    Linear linear;
  };
  std::unique_ptr<Head> build(Params params, int64_t width, int64_t outputs) const override {
    from.ask(params);
    return std::make_unique<LinearHead>(params, dropout, width, outputs);
  }
};
TAPEDECK_PART(HeadSpec, LinearHeadSpec, "linear", "Dropout, then one linear layer: logits = W dropout(h) + b.");

struct MlpHeadSpec final : HeadSpec {
  std::optional<int64_t> hidden;
  Activation activation = Activation::tanh;
  double dropout = 0;
  bool training_only = false;
  HeadStart from;
  void describe(Fields& f) override {
    f("hidden", hidden, "hidden size (default: the encoder's width)").at_least(1);
    f.names("activation", activation, activations, "between the two layers");
    f("dropout", dropout, "drop probability before the last layer").at_least(0).below(1);
    from.describe(f, {"pooler", "classifier"});
    f.names("active", training_only, {{"always", false}, {"training", true}},
            "training: skip the hidden layer when evaluating (hidden must equal the width)");
  }

  struct MlpHead final : Head {
    MlpHead(Params params, const MlpHeadSpec& spec, int64_t width, int64_t outputs)
        : scope(params.scope()),
          dropout(spec.dropout),
          training_only(spec.training_only),
          dense(params / "dense", width, spec.hidden.value_or(width), spec.activation),
          out(params / "out", spec.hidden.value_or(width), outputs ? outputs : width) {}
    Tensor forward(Pass& pass, const Tensor& pooled) const override {
      const Tensor h = training_only && !pass.training() ? pooled : dense(pass, pooled);
      Scope here(scope);
      return out(pass, pass.dropout(h, dropout, Rows::sequences));
    }
    ScopeId scope;
    double dropout;
    bool training_only;
    Linear dense, out;
  };
  std::unique_ptr<Head> build(Params params, int64_t width, int64_t outputs) const override {
    if (training_only && hidden.value_or(width) != width)
      throw Error(ErrorKind::config, text("head mlp: active \"training\" needs hidden equal to the encoder's width ", width),
                  "leave hidden out");
    from.ask(params);
    return std::make_unique<MlpHead>(params, *this, width, outputs);
  }
};
TAPEDECK_PART(HeadSpec, MlpHeadSpec, "mlp",
              "Hidden layer with activation, dropout, linear: logits = W2 dropout(act(W1 h + b1)) + b2.");

struct ProjectionHeadSpec final : HeadSpec {
  int64_t out = 128;
  std::optional<int64_t> hidden;
  bool normalize = true;
  void describe(Fields& f) override {
    f("out", out, "size of the projection").required().at_least(1);
    f("hidden", hidden, "hidden size (default: the encoder's width)").at_least(1);
    f("normalize", normalize, "scale each row to length 1");
  }

  struct ProjectionHead final : Head {
    ProjectionHead(Params params, const ProjectionHeadSpec& spec, int64_t width)
        : scope(params.scope()),
          normalize(spec.normalize),
          in(params / "in", width, spec.hidden.value_or(width), Activation::relu),
          out(params / "out", spec.hidden.value_or(width), spec.out) {}
    Tensor forward(Pass& pass, const Tensor& pooled) const override {
      const Tensor z = out(pass, in(pass, pooled));
      Scope here(scope);
      return normalize ? z / norm(z, -1, true, 1e-12) : z;
    }
    ScopeId scope;
    bool normalize;
    Linear in, out;
  };
  std::unique_ptr<Head> build(Params params, int64_t width, int64_t outputs) const override {
    if (outputs && out != outputs)
      throw Error(ErrorKind::config, text("head projection gives ", out, " values, but the objective reads ", outputs, " logits"),
                  "use head \"linear\" or \"mlp\" for this objective");
    return std::make_unique<ProjectionHead>(params, *this, width);
  }
};
TAPEDECK_PART(HeadSpec, ProjectionHeadSpec, "projection",
              "Two-layer projection for contrastive objectives: z = W2 relu(W1 h + b1), scaled to length 1.");

struct DenseHeadSpec final : HeadSpec {
  std::optional<int64_t> out;
  Activation activation = Activation::tanh;
  HeadStart from;
  void describe(Fields& f) override {
    f("out", out, "size of the result (default: the encoder's width)").at_least(1);
    f.names("activation", activation, activations, "after the layer");
    from.describe(f, {"pooler"});
  }

  struct DenseHead final : Head {
    DenseHead(Params params, Activation activation, int64_t width, int64_t outputs) : dense(params, width, outputs, activation) {}
    Tensor forward(Pass& pass, const Tensor& pooled) const override { return dense(pass, pooled); }
    Linear dense;
  };
  std::unique_ptr<Head> build(Params params, int64_t width, int64_t outputs) const override {
    const int64_t size = out.value_or(outputs ? outputs : width);
    if (outputs && size != outputs)
      throw Error(ErrorKind::config, text("head dense gives ", size, " values, but the objective reads ", outputs, " logits"),
                  "remove the option out");
    from.ask(params);
    return std::make_unique<DenseHead>(params, activation, width, size);
  }
};
TAPEDECK_PART(HeadSpec, DenseHeadSpec, "dense", "One layer with activation, the projection of SimCSE: z = act(W h + b).");

}  // namespace
}  // namespace tapedeck
