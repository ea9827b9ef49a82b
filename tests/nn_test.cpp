// Layers and models: gradients of the whole encoder to second order, names that cannot drift, and batches that may be cut
// into micro-batches without changing a single dropout mask.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "support/model_fixture.h"

using namespace tapedeck;
using namespace tapedeck::test;

namespace {

const char* encoders[] = {
    R"({"type": "transformer", "layers": 2, "width": 8, "heads": 2, "feed_forward": 12, "norm": "post", "dropout": 0.2})",
    R"({"type": "transformer", "layers": 2, "width": 8, "heads": 2, "feed_forward": 12, "norm": "pre", "dropout": 0.2, "causal": true})",
    R"({"type": "transformer", "layers": 1, "width": 8, "heads": 4, "norm": "pre", "positions": "rotary", "activation": "silu", "dropout": 0.1})",
    R"({"type": "transformer", "layers": 1, "width": 6, "heads": 1, "norm": "post", "positions": "none", "activation": "gelu_tanh", "dropout": 0})",
    R"({"type": "transformer", "layers": 2, "width": 8, "heads": 2, "norm": "post", "dropout": 0.2, "noise": {"dropout": "locked",
        "drop_path": 0.2, "drop_heads": 0.2, "layer_drop": 0.01, "embedding": 0.1, "neftune": 0.3, "hidden": 0.05}})",
    R"({"type": "transformer", "layers": 2, "width": 8, "heads": 2, "norm": "pre", "dropout": 0.2, "noise": {"dropout": "gaussian",
        "drop_path": 0.1, "drop_heads": 0.1, "layer_drop": 0.01, "embedding": 0.1, "hidden": 0.05}})",
};
const char* heads[] = {R"("linear")",
                       R"({"type": "mlp", "dropout": 0.3})",
                       R"({"type": "projection", "out": 3, "hidden": 5})",
                       R"({"type": "linear", "dropout": 0})",
                       R"({"type": "drop_connect", "p": 0.3})",
                       R"({"type": "cosine", "dropout": 0.1, "scale": 4})"};
const char* poolings[] = {"first", "mean", "max", "cls", "mean", "mean"};
constexpr int models = int(std::size(encoders));

std::string config_of(int i, const std::string& objective = R"("cross_entropy")") {
  return std::string(R"({"model": {"type": "text", "encoder": )") + encoders[i] + R"(, "head": )" + heads[i] +
         R"(, "pooling": ")" + poolings[i] + R"("}, "objective": )" + objective + "}";
}

}  // namespace

TEST_CASE("gradient and Hessian-vector product of whole models agree with finite differences") {
  for (int i = 0; i < models; ++i) {
    CAPTURE(i);
    ModelFixture f(config_of(i), DType::f64, 3);
    const Batch b = f.batch();
    // g(t) = directional derivative of the loss along v at w + t v, and its own derivative by double backward.
    std::vector<Tensor> v, start;
    for (auto& p : f.store.all()) {
      v.push_back(Tensor::normal(p.shape, root_key(21) / p.path, 0, 1, DType::f64));
      start.push_back(p.value.clone());
    }
    auto move = [&](double t) {
      for (size_t k = 0; k < v.size(); ++k) {
        const Parameter& p = f.store.all()[k];
        for (int64_t j = 0; j < p.value.size(); ++j) p.value.raw<double>()[j] = start[k].item(j) + t * v[k].item(j);
      }
    };
    auto value = [&](double t) {
      move(t);
      Step s = f.step(b);
      return f.config.objective->loss(s).item();
    };
    auto slopes = [&](double t) {
      move(t);
      Step s = f.step(b);
      const Tensor loss = f.config.objective->loss(s);
      Tensor along;
      for (size_t k = 0; k < v.size(); ++k) {
        const Tensor part = sum(s.grad(loss, f.store.all()[k].path, Order::differentiable) * v[k]);
        along = along ? along + part : part;
      }
      double second = 0;
      for (size_t k = 0; k < v.size(); ++k) {
        const Tensor h = s.grad(along, f.store.all()[k].path);
        for (int64_t j = 0; j < h.size(); ++j) second += h.item(j) * v[k].item(j);
      }
      return std::pair(along.item(), second);
    };
    auto difference = [](auto&& g, double h) { return (8 * (g(h) - g(-h)) - (g(2 * h) - g(-2 * h))) / (12 * h); };
    const auto [first, second] = slopes(0);
    const double first_numeric = difference(value, 1e-4),
                 second_numeric = difference([&](double t) { return slopes(t).first; }, 1e-4);
    CHECK(std::abs(first - first_numeric) <= 1e-8 * std::max(1.0, std::abs(first)));
    CHECK(std::abs(second - second_numeric) <= 1e-7 * std::max(1.0, std::abs(second)));
  }
}

TEST_CASE("rows that read a parameter are recorded under the parameter's path") {
  for (int i = 0; i < models; ++i) {
    ModelFixture f(config_of(i));
    const Batch b = f.batch();
    Step s = f.step(b);
    s.forward();
    std::set<std::string> read;
    for (NodeId n = 0; n < f.tape.size(); ++n) {
      for (auto& t : f.tape.node(n).in) {
        if (!t.on_tape() || f.tape.owner(t.place().value) >= f.store.all().size()) continue;
        const std::string path = f.store.all()[f.tape.owner(t.place().value)].path;
        const std::string scope = scope_path(f.tape.node(n).scope);
        CAPTURE(path);
        CAPTURE(scope);
        CHECK(path.starts_with(scope + "."));
        read.insert(path);
      }
    }
    CHECK(read.size() == f.store.all().size());  // no parameter without influence
  }
}

TEST_CASE("every parameter gets a gradient") {
  for (int i = 0; i < models; ++i) {
    ModelFixture f(config_of(i), DType::f32, 6);
    const Batch b = f.batch();
    Step s = f.step(b);
    f.config.objective->run(s);
    for (auto& p : f.store.all()) {
      CAPTURE(p.path);
      double largest = 0;
      for (int64_t j = 0; j < p.gradient.size(); ++j) largest = std::max(largest, std::abs(p.gradient.item(j)));
      CHECK(largest > 0);
    }
  }
}

TEST_CASE("micro-batches add up to the full batch, dropout masks included") {
  const char* objectives[] = {
      R"("cross_entropy")",
      R"({"type": "cross_entropy", "label_smoothing": 0.1, "class_weights": [1, 2, 0.5]})",
      R"("r_drop")",
      R"({"type": "gradient_penalty"})",
      R"({"type": "fgm", "at": "embedding"})",
      R"({"type": "r_drop", "preset": "bert4torch"})",
      R"({"type": "fgm", "at": "embedding", "loss": {"type": "r_drop"}})",
      R"({"type": "supervised", "loss": {"type": "focal", "class_weights": [1, 2, 0.5], "ignore_index": 1}})",
      R"({"type": "supervised", "loss": "bce"})",
      R"({"type": "supervised", "loss": "zlpr"})",
      R"({"type": "supervised", "loss": {"type": "class_balanced", "counts": [7, 1, 30]}})",
      R"({"type": "supervised", "loss": {"type": "confidence_penalty", "loss": {"type": "poly", "class_weights": [1, 0, 2]}}})"};
  for (int i = 0; i < models; ++i) {
    for (auto* objective : objectives) {
      CAPTURE(i);
      CAPTURE(objective);
      ModelFixture f(config_of(i, objective), DType::f64, 7);
      REQUIRE_FALSE(f.config.objective->couples_examples());
      double weight = 0;
      for (auto& e : f.data.examples) weight += f.config.objective->task().weight(e.label);
      auto run = [&](std::vector<int64_t> cuts) {
        f.zero_gradients();
        double loss = 0;
        for (size_t c = 0; c + 1 < cuts.size(); ++c) {
          Batch b = f.batch(cuts[c], cuts[c + 1]);
          b.total_weight = weight;
          Step s = f.step(b);
          loss += f.config.objective->run(s);
        }
        return std::pair(loss, f.gradients());
      };
      const auto whole = run({0, 7});
      for (auto& cuts : {std::vector<int64_t>{0, 3, 7}, std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7}}) {
        const auto parts = run(cuts);
        CHECK(parts.first == doctest::Approx(whole.first).epsilon(1e-12));
        CHECK(gap(parts.second, whole.second) < 1e-12);
      }
    }
  }
}

TEST_CASE("starting values depend on the path alone, and follow their rule") {
  ParamStore small, large;
  auto build = [](ParamStore& store, bool more) {
    Params root(store);
    if (more) (root / "new").make("weight", {50, 50}, Init::xavier({50, 50}));
    (root / "a").make("weight", {40, 60}, Init::xavier({40, 60}));
    (root / "a").make("bias", {40}, Init::zeros());
    (root / "b").make("weight", {100, 200}, Init::kaiming({100, 200}));
    (root / "c").make("weight", {100, 100}, Init::normal(0.02));
    (root / "d").make("weight", {7}, Init::ones());
    store.allocate(DType::f64, root_key(1));
  };
  build(small, false);
  build(large, true);
  for (auto& p : small.all()) {
    const Parameter& q = *large.find(p.path);
    for (int64_t j = 0; j < p.value.size(); ++j) CHECK(p.value.item(j) == q.value.item(j));
  }
  auto deviation = [&](const char* path) {
    const Tensor& t = small.find(path)->value;
    double squares = 0;
    for (int64_t j = 0; j < t.size(); ++j) squares += t.item(j) * t.item(j);
    return std::sqrt(squares / double(t.size()));
  };
  CHECK(deviation("a.weight") == doctest::Approx(std::sqrt(2.0 / 100)).epsilon(0.05));
  CHECK(deviation("b.weight") == doctest::Approx(std::sqrt(2.0 / 200)).epsilon(0.05));
  CHECK(deviation("c.weight") == doctest::Approx(0.02).epsilon(0.05));
  CHECK(deviation("d.weight") == 1);
  CHECK(deviation("a.bias") == 0);
}

TEST_CASE("evaluation draws nothing and records nothing") {
  ModelFixture f(config_of(0));
  const Batch b = f.batch();
  auto logits = [&](Key key) {
    Pass pass(f.store, b, Mode::evaluate, key);
    return f.model->forward(pass).logits;
  };
  const Tensor x = logits(root_key(1)), y = logits(root_key(2));
  CHECK_FALSE(x.on_tape());
  for (int64_t j = 0; j < x.size(); ++j) CHECK(x.item(j) == y.item(j));
}

TEST_CASE("a sequence's output does not depend on its neighbours in the batch") {
  for (int i = 0; i < models; ++i) {
    ModelFixture f(config_of(i), DType::f64, 5);
    auto logits = [&](int64_t begin, int64_t end) {
      const Batch b = f.batch(begin, end);
      Pass pass(f.store, b, Mode::evaluate, root_key(1));
      return f.model->forward(pass).logits;
    };
    const Tensor all = logits(0, 5);
    for (int64_t n = 0; n < 5; ++n)
      for (int64_t c = 0; c < 3; ++c) CHECK(logits(n, n + 1).item(c) == doctest::Approx(all.item(n * 3 + c)).epsilon(1e-12));
  }
}

TEST_CASE("frozen parameters get no gradient; a pattern without a match is an error that helps") {
  ModelFixture f(config_of(0));
  f.store.freeze({"encoder.layers.*"});
  const Batch b = f.batch();
  Step s = f.step(b);
  f.config.objective->run(s);
  for (auto& p : f.store.all()) {
    double largest = 0;
    for (int64_t j = 0; j < p.gradient.size(); ++j) largest = std::max(largest, std::abs(p.gradient.item(j)));
    CAPTURE(p.path);
    CHECK((largest > 0) != p.path.starts_with("encoder.layers."));
  }
  try {
    f.store.freeze({"encoder.layer.*"});
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::config);
    CHECK(e.message().find("encoder.layer.*") != std::string::npos);
  }
}
