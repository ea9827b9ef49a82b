// The identities that tie training methods together, and what they refuse. Next: oracles_methods_test.cpp, their numbers.
#include <doctest/doctest.h>

#include <cmath>

#include <tapedeck/objectives/perturbation.h>

#include "support/model_fixture.h"

using namespace tapedeck;
using namespace tapedeck::test;

namespace {

std::pair<double, std::vector<double>> run(const std::string& objective) {
  ModelFixture f(tiny_model(objective));
  const Batch b = f.batch();
  Step s = f.step(b);
  const double value = f.config.objective->run(s);
  return {value, f.gradients()};
}

}  // namespace

TEST_CASE("the steepest step: published examples, lengths and refusals") {
  const Tensor g = Tensor::of<double>({-1.5, -2}, {1, 2});
  auto check = [](const Tensor& step, std::initializer_list<double> expected) {
    int64_t i = 0;
    for (double e : expected) CHECK(step.item(i++) == doctest::Approx(e));
  };
  check(steepest_step(g, 0.1, NormBall::l2, NormScope::tensor), {-0.06, -0.08});
  check(steepest_step(g, 0.1, NormBall::linf, NormScope::tensor), {-0.1, -0.1});
  check(steepest_step(g, 0.1, NormBall::l1, NormScope::tensor), {0, -0.1});
  // Two samples with gradient norms 3 and 4: one norm over all gives 0.6 and 0.8 of epsilon, per sample both get epsilon.
  const Tensor two = Tensor::of<double>({3, 0, 0, 4}, {2, 2}), offsets = Tensor::of<int32_t>({0, 1, 2}, {3});
  check(steepest_step(two, 1, NormBall::l2, NormScope::batch), {0.6, 0, 0, 0.8});
  check(steepest_step(two, 1, NormBall::l2, NormScope::sample, offsets), {1, 0, 0, 1});
  check(steepest_step(two, 1, NormBall::l2, NormScope::token), {1, 0, 0, 1});
  check(steepest_step(Tensor::zeros({2, 2}, DType::f64), 1, NormBall::l2, NormScope::token), {0, 0, 0, 0});
  check(steepest_step(Tensor::of<double>({NAN, 1, 0, 2}, {2, 2}), 1, NormBall::l2, NormScope::token), {0, 0, 0, 1});
  CHECK_THROWS_AS(steepest_step(two, 1, NormBall::l2, NormScope::sample, Tensor::of<int32_t>({0, 5}, {2})), Error);
}

TEST_CASE("identities") {
  SUBCASE("r_drop with alpha 0 and no dropout is twice the plain loss") {
    const char* dry =
        R"("model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "dropout": 0}, "head": {"type": "linear", "dropout": 0}})";
    auto value = [&](const std::string& objective) {
      ModelFixture f(std::string("{") + dry + ", \"objective\": " + objective + "}");
      const Batch b = f.batch();
      Step s = f.step(b);
      return f.config.objective->run(s);
    };
    CHECK(value(R"({"type": "r_drop", "alpha": 0})") == 2 * value(R"("cross_entropy")"));
    CHECK(value(R"({"type": "r_drop", "alpha": 5})") ==
          doctest::Approx(2 * value(R"("cross_entropy")")).epsilon(1e-12));  // equal passes agree
  }
  SUBCASE("su is half of paper") {
    const auto paper = run(R"({"type": "r_drop", "alpha": 3})"), su = run(R"({"type": "r_drop", "alpha": 3, "preset": "su"})");
    CHECK(paper.first == doctest::Approx(2 * su.first).epsilon(1e-12));
    std::vector<double> twice = su.second;
    for (double& g : twice) g *= 2;
    CHECK(gap(paper.second, twice) < 1e-12);
  }
  SUBCASE("supervised, cross_entropy and a gradient penalty of weight 0 are one method") {
    const auto plain = run(R"("cross_entropy")");
    for (auto* same : {R"("supervised")", R"({"type": "gradient_penalty", "weight": 0})"}) {
      const auto other = run(same);
      CHECK(other.first == plain.first);
      CHECK(gap(other.second, plain.second) < 1e-14);
    }
  }
  SUBCASE("the attack of fgm has length epsilon and leaves the table as it was") {
    ModelFixture f(tiny_model(R"({"type": "fgm", "epsilon": 0.3})"));
    const Tensor before = f.store.values().clone();
    const Batch b = f.batch();
    Step s = f.step(b);
    f.config.objective->run(s);
    for (int64_t i = 0; i < before.size(); ++i) CHECK(before.item(i) == f.store.values().item(i));
    CHECK(s.reports().at("adversarial_loss") > s.reports().at("clean_loss"));
  }
  SUBCASE("to first order, fgm's gain is epsilon times the gradient norm, and the penalty's weight 1/2 matches the raw step") {
    ModelFixture f(tiny_model(R"("cross_entropy")"));
    const Batch b = f.batch();
    Step s = f.step(b);
    s.watch("embedding");
    const Tensor loss = f.config.objective->loss(s);
    const Tensor g = s.grad(loss, "embedding");
    double squares = 0;
    for (int64_t i = 0; i < g.size(); ++i) squares += g.item(i) * g.item(i);
    const double epsilon = 1e-5;
    Step shifted = s.with("embedding", g * epsilon);
    CHECK((f.config.objective->loss(shifted).item() - loss.item()) / epsilon == doctest::Approx(squares).epsilon(1e-3));
  }
}

TEST_CASE("two dropout rates: one per pass, in order") {
  const auto both = run(R"({"type": "r_drop", "alpha": 1, "dropout": [0.4, 0.4]})"),
             first = run(R"({"type": "r_drop", "alpha": 1, "dropout": [0.4, 0]})");
  CHECK(both.first != first.first);
  try {
    run(R"({"type": "r_drop", "dropout": [0.1, 0.2, 0.3]})");
    FAIL("no error");
  } catch (const Error& e) { CHECK(e.message().find("3 rates for 2 passes") != std::string::npos); }
}

TEST_CASE("same masks replay the passes, fresh masks do not") {
  ModelFixture f(tiny_model(R"("cross_entropy")"));
  const Batch b = f.batch();
  Step s = f.step(b);
  s.watch("embedding");
  const View clean = s.forward(), second = s.forward();
  const Tensor nothing = Tensor::zeros({b.token_count(), 8}, DType::f64);
  Step same = s.with("embedding", nothing), fresh = s.with("embedding", nothing, DropoutMasks::fresh);
  const View again = same.forward(), other = fresh.forward();
  auto difference = [](const Tensor& x, const Tensor& y) {
    double d = 0;
    for (int64_t i = 0; i < x.size(); ++i) d = std::max(d, std::abs(x.item(i) - y.item(i)));
    return d;
  };
  CHECK(difference(clean.logits, again.logits) < 1e-12);
  CHECK(difference(clean.logits, second.logits) > 1e-3);
  CHECK(difference(clean.logits, other.logits) > 1e-3);
  CHECK(difference(second.logits, other.logits) > 1e-3);
}

TEST_CASE("sites that do not fit are refused with a hint") {
  struct Row {
    const char* objective;
    const char* text;
  };
  const Row rows[] = {
      {R"({"type": "fgm", "at": "nowhere"})", "nowhere"},
      {R"({"type": "fgm", "at": "encoder.embeddings.word", "scope": "sample"})", "sample"},
      {R"({"type": "gradient_penalty", "at": "encoder.embeddings.word"})", "per_sample"},
  };
  for (auto& row : rows) {
    CAPTURE(row.objective);
    try {
      run(row.objective);
      FAIL("no error");
    } catch (const Error& e) {
      CHECK(std::string(e.what()).find(row.text) != std::string::npos);
      CHECK_FALSE(e.hint().empty());
    }
  }
}
