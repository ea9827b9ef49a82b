// Parts with mistakes that gradcheck must find: a kernel that is off, a value that leaves the tape, sums that do not add up. And
// one that cannot be checked and says why.
#include <cmath>

#include <tapedeck/nn/head.h>
#include <tapedeck/nn/transformer.h>
#include <tapedeck/objectives/objective.h>
#include <tapedeck/ops/author.h>

namespace tapedeck {
namespace {

/// y = x^2 with the derivative 1.9 x.
struct WrongSquare final : Op {
  std::string_view name() const override { return "wrong_square"; }
  Specs infer(In x) const override {
    require_defined(name(), "x", x[0]);
    require_floating(name(), x);
    return {{x[0].shape(), x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      for (int64_t i = 0; i < x[0].size(); ++i) y[0].raw<T>()[i] = x[0].raw<T>()[i] * x[0].raw<T>()[i];
    });
  }
  Tensors vjp(In x, In, In dy, Wanted) const override { return {x[0] * dy[0] * 1.9}; }
  Saves saves() const override { return {{Save::input, 0, "the slope is 2 x"}}; }
};
Tensor wrong_square(const Tensor& x) { return apply(WrongSquare(), {x}); }

std::vector<OpCase> cases(DType t) {
  return {case_of("3x5", {case_input({3, 5}, "x", t)}, [](In v) { return wrong_square(v[0]); })};
}
std::vector<OpMisuse> misuses() { return {}; }
TAPEDECK_OP(wrong_square, "y = x^2, and a slope that is too small", cases, misuses);

double weight_of(const Batch& batch) { return batch.total_weight > 0 ? batch.total_weight : double(batch.examples()); }

struct WrongSlope final : Loss {
  Tensor operator()(const Tensor& logits, const Batch& batch) const override {
    return sum(wrong_square(logits)) / weight_of(batch);
  }
};
TAPEDECK_PART(Loss, WrongSlope, "wrong_slope", "Of an op whose derivative is off.");

struct WrongMean final : Loss {
  Tensor operator()(const Tensor& logits, const Batch&) const override { return mean(square(logits)); }
};
TAPEDECK_PART(Loss, WrongMean, "wrong_mean", "Divides by the micro-batch.");

struct NeedsWeather final : Loss {
  Tensor operator()(const Tensor&, const Batch&) const override {
    throw Error(ErrorKind::config, "needs_weather: the data have no weather", "add some");
  }
};
TAPEDECK_PART(Loss, NeedsWeather, "needs_weather", "Cannot be used on labels.");

struct WrongHead final : HeadSpec {
  struct Built final : Head {
    Built(Params params, int64_t width, int64_t outputs) : out(params, width, outputs) {}
    Tensor forward(Pass& pass, const Tensor& pooled) const override {
      const Tensor y = out(pass, pooled);
      return y * y.detach();
    }
    Linear out;
  };
  std::unique_ptr<Head> build(Params params, int64_t width, int64_t outputs) const override {
    return std::make_unique<Built>(params, width, outputs);
  }
};
TAPEDECK_PART(HeadSpec, WrongHead, "wrong_head", "Leaves the tape half way.");

struct WrongEncoder final : EncoderSpec {
  struct Built final : Encoder {
    Built(Params params, const ModelInput& input) : table(params.make("table", {input.vocabulary, 4}, Init::normal(1))) {}
    Tensor forward(Pass& pass) const override { return wrong_square(embedding_sum(pass(table), pass.batch().tokens)); }
    int64_t width() const override { return 4; }
    Param table;
  };
  std::unique_ptr<Encoder> build(Params params, const ModelInput& input) const override {
    return std::make_unique<Built>(params, input);
  }
};
TAPEDECK_PART(EncoderSpec, WrongEncoder, "wrong_encoder", "Of an op whose derivative is off.");

struct WithTask : Objective {
  Choice<Loss> task_loss{"cross_entropy"};
  void describe(Fields& f) override { f("loss", task_loss, "task loss"); }
  const Loss& task() const override { return *task_loss; }
};

struct WrongRun final : WithTask {
  Tensor loss(Step& step) override { return (step.loss(step.forward()) + step.loss(step.forward())) * 0.5; }
  double run(Step& step) override {
    const Tensor once = step.loss(step.forward());
    const double value = once.item();
    step.backward(once);
    return value;
  }
};
TAPEDECK_PART(Objective, WrongRun, "wrong_run", "Its sweep adds another gradient than that of its loss.");

struct WrongShare final : WithTask {
  Tensor loss(Step& step) override {
    const View view = step.forward();
    return step.loss(view) + mean(square(view.logits));
  }
};
TAPEDECK_PART(Objective, WrongShare, "wrong_share", "A mean over the micro-batch that takes no share of the step.");

struct WrongOp final : WithTask {
  Tensor loss(Step& step) override {
    const View view = step.forward();
    return step.loss(view) + sum(wrong_square(view.logits)) / double(step.batch().total_sequences);
  }
};
TAPEDECK_PART(Objective, WrongOp, "wrong_op", "Adds an op whose derivative is off.");

}  // namespace
}  // namespace tapedeck
