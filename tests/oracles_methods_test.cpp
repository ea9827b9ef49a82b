// Every published or hand-checkable number about a training method: R-Drop's scalings, attacks, virtual attacks, gradient
// penalties, decay. Next: objectives_test.cpp, what ties the methods together.
#include "support/oracles.h"

#include <tapedeck/losses/divergence.h>
#include <tapedeck/nn/penalties.h>
#include <tapedeck/objectives/perturbation.h>
#include <tapedeck/train/optimizer.h>

#include "support/model_fixture.h"

using namespace tapedeck;
using namespace tapedeck::test;
using tapedeck::testing::Oracle;

namespace {

constexpr double digit6 = 6e-7;  // of a number printed with six decimals

Tensor row(std::initializer_list<double> v) { return Tensor::of<double>(v, {1, int64_t(v.size())}); }
double length(const Tensor& x) { return std::sqrt(sum(square(x)).item()); }

/// Gives back the given logits pass after pass; one row, two classes.
struct FixedLogits final : Model {
  Param table;
  Output forward(Pass& pass) const override {
    const int64_t which = next++ % 2;
    return {slice(pass(table), 0, which, which + 1), {}, {}};
  }
  mutable int64_t next = 0;
};

Batch one_row() {
  Batch b;
  b.tokens = Tensor::of<int32_t>({0}, {1});
  b.positions = Tensor::of<int32_t>({0}, {1});
  b.offsets = Tensor::of<int32_t>({0, 1}, {2});
  b.labels = Tensor::of<int32_t>({0}, {1});
  b.total_sequences = b.total_labelled = 1;
  return b;
}

template <class P>
void configure(P& part, const std::string& json) {
  Diagnostics diagnostics;
  read_fields(part, parse_json(json, "oracle"), "", diagnostics);
  if (!diagnostics.empty()) FAIL(diagnostics.render());
}

double r_drop(const std::string& options, int64_t number = 0) {
  ModelConfig config;
  configure(config, "{\"objective\": {\"type\": \"r_drop\", " + options + "}}");
  ParamStore store;
  FixedLogits model;
  model.table = Params(store).make("table", {2, 2}, Init::zeros());
  store.allocate(DType::f64, root_key(0));
  store[model.table].value.copy_from(Tensor::of<double>({2, 0, 1, 0}, {2, 2}));
  Tape tape;
  const Batch b = one_row();
  Step step(tape, model, store, config.objective->task(), b, root_key(0), number);
  return config.objective->loss(step).item();
}

std::vector<Oracle> r_drop_rows() {
  const Tensor label = Tensor::of<int32_t>({0}, {1});
  const double first = cross_entropy(row({2, 0}), label).item(), second = cross_entropy(row({1, 0}), label).item();
  const double paper = r_drop(R"("alpha": 4)"), kl = symmetric_kl(row({2, 0}), row({1, 0}), Reduction::sum).item();
  const double p = 0.880797, q = 0.731059, m = (p + q) / 2;
  const double to_mean =
      p * std::log(p / m) + (1 - p) * std::log((1 - p) / (1 - m)) + q * std::log(q / m) + (1 - q) * std::log((1 - q) / (1 - m));
  return {
      {"cross-entropy of the first pass", "logits (2,0), label 0", first, 0.126928, digit6, "4.1.1"},
      {"cross-entropy of the second pass", "logits (1,0), label 0", second, 0.313262, digit6, "4.1.2"},
      {"paper", "CE1 + CE2 + alpha/2 D, alpha 4", paper, 0.739667, digit6, "4.1.3"},
      {"preset paper", "is the default", r_drop(R"("alpha": 4, "preset": "paper")") - paper, 0, 0},
      {"preset su", "mean CE + alpha/4 D", r_drop(R"("alpha": 4, "preset": "su")"), 0.369833, digit6, "4.1.4"},
      {"su is half of paper", "exactly", r_drop(R"("alpha": 4, "preset": "su")") - paper / 2, 0, 1e-15, "12.5"},
      {"preset readme", "mean CE + alpha/2 D", r_drop(R"("alpha": 4, "preset": "readme")"), 0.519572, digit6, "4.1.5"},
      {"preset vit", "CE1 + CE2 + alpha D", r_drop(R"("alpha": 4, "preset": "vit")"), 1.039144, digit6, "4.1.6"},
      {"preset bert4torch", "D averaged over classes", r_drop(R"("alpha": 4, "preset": "bert4torch")"), 0.294964, digit6,
       "4.1.7"},
      {"preset hf_bert", "one row: batch sum and mean are the same", r_drop(R"("alpha": 4, "preset": "hf_bert")") - paper, 0,
       1e-15},
      {"alpha 0", "the loss of the doubled batch, to the bit", r_drop(R"("alpha": 0)") - (first + second), 0, 0, "12.4"},
      {"su from its parts", "ce mean, kl_weight 1/4",
       r_drop(R"("alpha": 4, "ce": "mean", "kl_weight": 0.25, "kl_reduction": "sum")"), 0.369833, digit6},
      {"two passes, pairs averaged", "is R-Drop", r_drop(R"("alpha": 4, "passes": 2, "pair_pool": "mean")") - paper, 0, 0,
       "12.6"},
      {"two passes, pairs summed", "is R-Drop: one pair", r_drop(R"("alpha": 4, "passes": 2, "pair_pool": "sum")") - paper, 0, 0,
       "12.6"},
      {"every update", "is R-Drop", r_drop(R"("alpha": 4, "every": 1)", 5) - paper, 0, 0, "12.7"},
      {"every third update, on the third", "is R-Drop", r_drop(R"("alpha": 4, "every": 3)", 3) - paper, 0, 0},
      {"every third update, on the fourth", "one pass, same scale", r_drop(R"("alpha": 4, "every": 3)", 4), 2 * first, 1e-15},
      {"four passes, pairs averaged", "4 of 6 pairs differ", r_drop(R"("alpha": 4, "passes": 4)"),
       2 * (first + second) + 2 * kl * 4 / 6, 1e-14},
      {"four passes, pairs summed", "4 pairs differ", r_drop(R"("alpha": 4, "passes": 4, "pair_pool": "sum")"),
       2 * (first + second) + 2 * kl * 4, 1e-14},
      {"to the mean distribution", "KL(P1||M) + KL(P2||M)", r_drop(R"("alpha": 4, "pair_pool": "to_mean")"),
       first + second + 2 * to_mean, 5e-6},
  };
}

std::vector<Oracle> attack_rows() {
  Tape tape;
  const Tensor x = tape.leaf(row({0, 0})), w = row({3, 4});
  const auto loss = [&](const Tensor& at) { return sum(softplus(-sum(at * w))); };
  const Tensor g = gradient(loss(x), x), g2 = sum(square(g));
  const auto fgm = steepest_step(g, 0.1, NormBall::l2, NormScope::tensor),
             fgsm = steepest_step(g, 0.1, NormBall::linf, NormScope::tensor);
  // Two samples with gradients of length 3 and 4: one norm over all, or one each.
  const Tensor two = Tensor::of<double>({3, 0, 0, 4}, {2, 2}), offsets = Tensor::of<int32_t>({0, 1, 2}, {3});
  const auto batch = steepest_step(two, 1, NormBall::l2, NormScope::batch),
             sample = steepest_step(two, 1, NormBall::l2, NormScope::sample, offsets);
  const Tensor slope = row({-0.6, -0.8});
  const auto ascend = [&](const Tensor& d) {
    return project(d + steepest_step(slope, 0.3, NormBall::l2, NormScope::tensor), 0.5, NormBall::l2, NormScope::tensor);
  };
  const Tensor d1 = ascend(row({0, 0})), d2 = ascend(d1), d3 = ascend(d2);
  const Tensor far = Tensor::normal({3, 7}, root_key(1), 0, 1, DType::f64), near = far * 1e-3;
  Batch sixteen = one_row();
  sixteen.offsets = Tensor::of<int32_t>({0, 16}, {2});
  const Tensor start = Noise(root_key(2), Noise::Kind::ball, 0.4).draw({16, 768}, DType::f64, sixteen);
  const Tensor noise = row({1e-5, -2e-5}) + row({0.5, -0.25}) * 1e-3;
  const Tensor unit = rescale(noise, 1, NormBall::linf, NormScope::token);
  return {
      {"logistic loss", "w = (3,4), x = 0", loss(x).item(), 0.693147, digit6},
      {"its gradient, first", "-w / 2", g.item(0), -1.5, 1e-15, "7.2.1"},
      {"its gradient, second", "-w / 2", g.item(1), -2, 1e-15, "7.2.1"},
      {"length of the gradient", "2.5", length(g), 2.5, 1e-15, "7.2.1"},
      {"FGM shift, first", "epsilon 0.1", fgm.item(0), -0.06, 1e-15, "7.2.2"},
      {"FGM shift, second", "epsilon 0.1", fgm.item(1), -0.08, 1e-15, "7.2.2"},
      {"length of the shift", "epsilon", length(fgm), 0.1, 1e-15, "12.20"},
      {"loss under FGM", "epsilon 0.1", loss(x + fgm).item(), 0.974077, digit6, "7.2.3"},
      {"loss under FGM to first order", "L + epsilon |g|", loss(x).item() + sum(g * fgm).item(), 0.943147, digit6, "7.2.4"},
      {"FGSM shift", "-epsilon", fgsm.item(0), -0.1, 1e-15, "7.2.5"},
      {"loss under FGSM", "epsilon 0.1", loss(x + fgsm).item(), 1.103186, digit6, "7.2.5"},
      {"l1 shift", "all on the larger entry", steepest_step(g, 0.1, NormBall::l1, NormScope::tensor).item(1), -0.1, 1e-15},
      {"one norm over the batch, first sample", "0.6 epsilon", batch.item(0), 0.6, 1e-15, "7.2.6"},
      {"one norm over the batch, second sample", "0.8 epsilon", batch.item(3), 0.8, 1e-15, "7.2.6"},
      {"a norm per sample, first", "epsilon", sample.item(0), 1, 1e-15, "7.2.7"},
      {"a norm per sample, second", "epsilon", sample.item(3), 1, 1e-15, "7.2.7"},
      {"PGD, first step", "step 0.3 along (-.6, -.8)", d1.item(0), -0.18, 1e-15, "7.3.1"},
      {"PGD, first step", "second entry", d1.item(1), -0.24, 1e-15, "7.3.1"},
      {"PGD, second step", "0.6 projected to 0.5", d2.item(0), -0.3, 1e-15, "7.3.2"},
      {"PGD, second step", "second entry", d2.item(1), -0.4, 1e-15, "7.3.2"},
      {"PGD, third step", "stays", length(d3 - d2), 0, 1e-15, "7.3.3"},
      {"PGD stays in the ball", "epsilon 0.5", length(project(far, 0.5, NormBall::l2, NormScope::tensor)), 0.5, 1e-14, "12.21"},
      {"projection leaves what is inside", "to the bit", length(project(near, 0.5, NormBall::l2, NormScope::tensor) - near), 0, 0,
       "12.21"},
      {"FreeLB's start, largest entry", "0.4 / sqrt(16 768)", max(max(abs(start), 1), 0).item(), 0.00360844, 2e-6, "7.4.1"},
      {"FreeLB's start stays in the ball", "0.4", double(length(start) <= 0.4), 1, 0, "7.4.1"},
      {"SMART, noise after one step, first", "1e-5 + 1e-3 0.5", noise.item(0), 0.000510, 1e-15, "7.6.1"},
      {"SMART, noise after one step, second", "-2e-5 - 1e-3 0.25", noise.item(1), -0.000270, 1e-15, "7.6.1"},
      {"SMART, scaled, first", "max norm + 1e-6", unit.item(0), 0.998043, digit6, "7.6.2"},
      {"SMART, scaled, second", "max norm + 1e-6", unit.item(1), -0.528376, digit6, "7.6.2"},
      {"raw gradient step", "epsilon 0.1: exact", loss(x + g.detach() * 0.1).item(), 1.501929, digit6, "7.7.6"},
      {"raw gradient step to first order", "L + epsilon |g|^2", (loss(x) + g2 * 0.1).item(), 1.318147, digit6, "7.7.7"},
  };
}

/// KL(p(x) || p(x + r)) of p = sigmoid(<w, x>), as a softmax over (w x, 0).
Tensor divergence(const Tensor& w /*[1,d]*/, const Tensor& x, const Tensor& r) {
  const auto logits = [&](const Tensor& at) {
    return concat({reshape(sum(w * at), {1, 1}), Tensor::zeros({1, 1}, DType::f64)}, 1);
  };
  return kl_divergence(logits(x), logits(x + r), Reduction::sum);
}

std::vector<Oracle> virtual_rows() {
  const Tensor w = row({2}), x = row({0.5});
  const auto kl = [&](double r) { return divergence(w, x, row({r})).item(); };
  Tape tape;
  const Tensor zero = tape.leaf(row({0}));
  const Tensor slope = gradient(divergence(w, x, zero), zero, Order::differentiable);
  const double curvature = gradient(sum(slope), zero).item();
  const Tensor d = tape.leaf(row({0.8, -0.1}) * 1e-3);
  const Tensor power =
      steepest_step(gradient(divergence(row({3, 4}), row({0.1, -0.2}), d), d), 1, NormBall::l2, NormScope::tensor);
  return {
      {"divergence under a shift of 0.1", "p = sigmoid(2x), x = .5", kl(0.1), 0.00380906, 6e-9, "7.5.1"},
      {"its quadratic form", "r^2 w^2 p (1 - p) / 2", 0.5 * 0.01 * curvature, 0.00393224, 6e-9, "7.5.2"},
      {"one power iteration finds the direction, first", "w = (3,4): .6", std::abs(power.item(0)), 0.6, 1e-9, "7.5.3"},
      {"one power iteration finds the direction, second", ".8", std::abs(power.item(1)), 0.8, 1e-9, "7.5.3"},
      {"no shift, no divergence", "0", kl(0), 0, 1e-17, "12.23"},
      {"nor a slope", "0", slope.item(), 0, 1e-15, "12.23"},
      {"it is not negative", "either way", double(kl(0.3) > 0 && kl(-0.3) > 0), 1, 0, "12.23"},
      {"about quadratic", "KL(2r) / KL(r)", kl(2e-3) / kl(1e-3), 4, 5e-3, "12.23"},
  };
}

std::vector<Oracle> penalty_rows() {
  Tape tape;
  const Tensor w = tape.leaf(Tensor::scalar(2, DType::f64)), x = tape.leaf(Tensor::scalar(1, DType::f64));
  const auto loss = [&](const Tensor& at) { return square(w * at - 0.5) * 0.5; };
  const Tensor l = loss(x), g = gradient(l, x, Order::differentiable), penalty = square(g) * 0.5;
  const double plain = gradient(l, w).item();
  const auto ratio = [&](double epsilon) { return (gradient(loss(x + g.detach() * epsilon), w).item() - plain) / epsilon; };
  const auto at = [](double weight) {
    Tape t;
    const Tensor input = t.leaf(Tensor::scalar(1, DType::f64));
    return square(gradient(square(input * weight - 0.5) * 0.5, input)).item() * 0.5;
  };
  return {
      {"gradient at the input", "l = (wx - y)^2 / 2, w 2, x 1, y .5", g.item(), 3, 1e-15, "7.7.1"},
      {"penalty", "9 / 2", penalty.item(), 4.5, 1e-15, "7.7.2"},
      {"its derivative", "3 (2wx - y)", gradient(penalty, w).item(), 10.5, 1e-14, "7.7.3"},
      {"its derivative by differences", "10.5", (at(2 + 1e-5) - at(2 - 1e-5)) / 2e-5, 10.5, 1e-8, "7.7.3 12.25"},
      {"attack and penalty, epsilon 0.1", "(l'(x + 3 eps) - l'(x)) / eps", ratio(0.1), 12.3, 1e-12, "7.7.4"},
      {"attack and penalty, epsilon 0.001", "towards 10.5", ratio(1e-3), 10.518, 1e-9, "7.7.5 12.26"},
  };
}

/// One update of w = 1 with gradient 0.
double moved(const std::string& optimizer, const Penalty& penalty) {
  ParamStore store;
  const Param w = store.declare("w", {1}, Init::ones());
  store.allocate(DType::f64, root_key(0));
  auto rule = Registry<Optimizer>::find("adamw")->make();
  configure(*rule, optimizer);
  rule->bind(store);
  Penalties penalties;
  penalties.bind(store, {penalty});
  penalties.add_gradients();
  rule->update(1, 1, 1);
  return store[w].value.item() - 1;
}

std::vector<Oracle> decay_rows() {
  Penalty l2, none;
  l2.match = none.match = {"w"};
  l2.l2 = 0.1;
  return {
      {"Adam with an L2 penalty, first step", "w 1, gradient 0, l2 0.1, lr 0.01: scaled to lr",
       moved(R"({"lr": 0.01, "weight_decay": 0})", l2), -0.01, 1e-9, "2.4.1"},
      {"AdamW, first step", "lr times decay", moved(R"({"lr": 0.01, "weight_decay": 0.1})", none), -0.001, 1e-15, "2.4.2"},
  };
}

// ---- whole models ---------------------------------------------------------------------------------------------------------

std::string with(const std::string& objective, double dropout = 0.2) {
  return text(
      R"({"model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "feed_forward": 8, "dropout": )",
      dropout, R"(}, "head": {"type": "linear", "dropout": )", dropout, R"(}}, "objective": )", objective, "}");
}

struct Ran {
  double value = 0, moved = 0;
  std::vector<double> gradients;
};
Ran run(const std::string& objective, double dropout = 0.2) {
  ModelFixture f(with(objective, dropout));
  const Tensor before = f.store.values().clone();
  const Batch b = f.batch();
  Step s = f.step(b);
  Ran ran;
  ran.value = f.config.objective->run(s);
  ran.gradients = f.gradients();
  for (int64_t i = 0; i < before.size(); ++i)
    ran.moved = std::max(ran.moved, std::abs(before.item(i) - f.store.values().item(i)));
  return ran;
}
double apart(const std::string& a, const std::string& b) {
  const Ran one = run(a), other = run(b);
  return std::max(std::abs(one.value - other.value), gap(one.gradients, other.gradients));
}

/// Gradient along a direction minus the difference quotient, relative.
double differences(const std::string& objective) {
  ModelFixture f(with(objective));
  const Batch b = f.batch();
  const auto value = [&] {
    Step s = f.step(b);
    return f.config.objective->loss(s).item();
  };
  {
    Step s = f.step(b);
    f.config.objective->run(s);
  }
  const Tensor direction = Tensor::normal(f.store.values().shape(), root_key(4), 0, 1, DType::f64),
               start = f.store.values().clone();
  double along = 0;
  for (int64_t i = 0; i < start.size(); ++i) along += direction.item(i) * f.store.gradients().item(i);
  const double h = 1e-5;
  f.store.values().copy_from(start + direction * h);
  const double up = value();
  f.store.values().copy_from(start - direction * h);
  const double down = value();
  return (up - down) / (2 * h) / along - 1;
}

/// (L(x + e g) - L(x)) / e over |g|^2, and the gap between the parameter gradients of (L(x + e g) - L(x)) / e and of |g|^2 / 2.
std::pair<double, double> first_order(double epsilon) {
  ModelFixture f(with(R"("cross_entropy")"));
  const Batch b = f.batch();
  Step s = f.step(b);
  s.watch("embedding");
  const Tensor l = f.config.objective->loss(s);
  const Tensor g = s.grad(l, "embedding"), plain = s.grad(l).clone();
  Step shifted = s.with("embedding", g * epsilon);
  const Tensor there = f.config.objective->loss(shifted), slope = (shifted.grad(there) - plain) / epsilon;
  const Tensor penalty = sum(square(s.grad(l, "embedding", Order::differentiable))) * 0.5, wanted = s.grad(penalty);
  std::vector<double> one, other;
  for (int64_t i = 0; i < slope.size(); ++i) one.push_back(slope.item(i)), other.push_back(wanted.item(i));
  return {(there.item() - l.item()) / epsilon / sum(square(g)).item(), gap(one, other)};
}

std::vector<Oracle> model_rows() {
  const char* plain = R"("cross_entropy")";
  const auto [values, gradients] = first_order(1e-6);
  std::vector<Oracle> rows = {
      {"R-Drop with alpha 0, no dropout", "twice the plain loss, to the bit",
       run(R"({"type": "r_drop", "alpha": 0})", 0).value - 2 * run(plain, 0).value, 0, 0, "12.4"},
      {"FGM leaves the table as it was", "to the bit", run(R"({"type": "fgm", "epsilon": 0.3})").moved, 0, 0, "12.20"},
      {"PGD leaves the table as it was", "to the bit", run(R"({"type": "pgd", "at": "encoder.embeddings.word"})").moved, 0, 0,
       "12.20"},
      {"PGD with one step of epsilon is FGM", "value and gradients",
       apart(R"({"type": "pgd", "at": "embedding", "epsilon": 0.3, "steps": 1, "step_size": 0.3})",
             R"({"type": "fgm", "at": "embedding", "epsilon": 0.3})"),
       0, 1e-13, "12.21"},
      {"FreeLB with one step from 0 is clean training", "value and gradients",
       apart(R"({"type": "freelb", "steps": 1, "start": 0})", plain), 0, 1e-13, "12.22"},
      {"VAT of length 0 adds nothing", "value and gradients", apart(R"({"type": "vat", "epsilon": 0})", plain), 0, 1e-12,
       "12.23"},
      {"VAT adds what is not negative", "epsilon 1", double(run(R"({"type": "vat", "epsilon": 1})").value >= run(plain).value), 1,
       0, "12.23"},
      {"SMART of weight 0 is clean training", "value and gradients", apart(R"({"type": "smart", "weight": 0})", plain), 0, 1e-13,
       "12.24"},
      {"gradient penalty by differences", "d/d theta along a direction",
       differences(R"({"type": "gradient_penalty", "weight": 0.5})"), 0, 1e-6, "12.25"},
      {"attack and penalty: values", "(L(x + e g) - L) / e over |g|^2, e 1e-6", values, 1, 1e-4, "12.26"},
      {"attack and penalty: parameter gradients", "towards those of |g|^2 / 2", gradients, 0, 1e-4, "12.26"},
  };
  for (const char* loss : {"triplet", "multi_similarity", "n_pairs", "barlow_twins", "vicreg", "align_uniform"})
    rows.push_back({text("metric_learning with ", loss, " by differences"), "d/d theta along a direction",
                    differences(text(R"({"type": "metric_learning", "embedding_loss": ")", loss, "\"}")), 0, 1e-6});
  return rows;
}

}  // namespace

TEST_CASE("R-Drop") { tapedeck::testing::check_oracles("R-Drop on one row", r_drop_rows()); }
TEST_CASE("attacks") { tapedeck::testing::check_oracles("attacks", attack_rows()); }
TEST_CASE("virtual attacks") { tapedeck::testing::check_oracles("virtual attacks", virtual_rows()); }
TEST_CASE("gradient penalties") { tapedeck::testing::check_oracles("gradient penalties", penalty_rows()); }
TEST_CASE("decay") { tapedeck::testing::check_oracles("decay", decay_rows()); }
TEST_CASE("whole models") { tapedeck::testing::check_oracles("whole models", model_rows()); }
