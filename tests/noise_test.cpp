// Masks and noise beside the fused dropout, and penalties on weights: published moments, what is shared with what, and
// nothing outside training. Micro-batches are in nn_test.cpp, where every encoder option is a row.
#include "support/oracles.h"

#include <set>

#include <tapedeck/nn/noise.h>
#include <tapedeck/nn/penalties.h>

#include "support/gradcheck.h"
#include "support/model_fixture.h"

using namespace tapedeck;
using tapedeck::testing::Oracle;

namespace {

constexpr int64_t many = 40000;  // draws behind a moment; its error is below 5 deviations / sqrt(many)

/// A pass over `sequences` of `length` tokens each.
struct Trip {
  ParamStore store;
  Batch batch;
  Pass pass;
  explicit Trip(int64_t sequences, int64_t length = 1, Mode mode = Mode::train, int number = 0)
      : batch(packed(sequences, length)), pass(store, batch, mode, root_key(3) / "pass" / number) {}
  static Batch packed(int64_t sequences, int64_t length) {
    Batch b;
    b.offsets = Tensor::empty({sequences + 1}, DType::i32);
    for (int64_t i = 0; i <= sequences; ++i) b.offsets.raw<int32_t>()[i] = int32_t(i * length);
    return b;
  }
};

struct Moments {
  double mean = 0, variance = 0;
};
Moments moments(const Tensor& x) {
  Moments m;
  for (int64_t i = 0; i < x.size(); ++i) m.mean += x.item(i) / double(x.size());
  for (int64_t i = 0; i < x.size(); ++i) m.variance += (x.item(i) - m.mean) * (x.item(i) - m.mean) / double(x.size());
  return m;
}
Tensor ones(int64_t rows, int64_t cols) { return Tensor::full({rows, cols}, 1, DType::f64); }
double largest(const Tensor& x) {
  double top = 0;
  for (int64_t i = 0; i < x.size(); ++i) top = std::max(top, x.item(i));
  return top;
}

std::vector<Oracle> rows() {
  Trip t(many);
  const Tensor dropped = drop(t.pass, ones(many, 1), 0.3, Rows::tokens, DropoutKind::standard);
  const auto gaussian = [&](double p) { return moments(drop(t.pass, ones(many, 1), p, Rows::tokens, DropoutKind::gaussian)); };
  const Tensor w = Tensor::of<double>({1, 2}, {1, 2});
  const auto connect = [&](bool per_example) {
    return moments(drop_connect(t.pass, ones(many, 2), w, 0.5, per_example, Rows::tokens) * 0.5);
  };
  const Tensor noisy = add_noise(t.pass, Tensor::full({many, 1}, 0.5, DType::f64), 0.2, Rows::tokens);
  Trip texts(many / 10, 5);  // of 5 tokens and 2 columns: NEFTune's noise is at most alpha / sqrt(10) there
  const Tensor tuned = neftune(texts.pass, Tensor::zeros({many / 2, 2}, DType::f64), 3);
  const double error = 5 / std::sqrt(double(many));
  int left_out = 0;
  for (int i = 0; i < 2000; ++i) left_out += layer_dropped(Trip(1, 1, Mode::train, i).pass, 0.25);
  return {
      {"dropout: what is kept", "p = 0.3, x = 1", largest(dropped), 1.428571, 1e-5, "2.1.1"},
      {"dropout: mean", "x", moments(dropped).mean, 1, error * 0.66, "2.1.2 12.27"},
      {"dropout: variance", "x^2 p / (1 - p)", moments(dropped).variance, 0.428571, error, "2.1.3 12.27"},
      {"Gaussian dropout: mean", "x", gaussian(0.3).mean, 1, error * 0.66},
      {"Gaussian dropout: deviation, p = 0.1", "sqrt(p / (1 - p))", std::sqrt(gaussian(0.1).variance), 0.333333, error, "2.5.2"},
      {"Gaussian dropout: deviation, p = 0.3", "sqrt(p / (1 - p))", std::sqrt(gaussian(0.3).variance), 0.654654, error, "2.5.3"},
      {"DropConnect: mean", "W = (1,2), v = (1,1), keep 0.5; undone scale", connect(true).mean, 1.5, error * 1.12, "2.2.1 12.28"},
      {"DropConnect: variance", "keep (1 - keep) (1 + 4)", connect(true).variance, 1.25, error * 2, "2.2.2 12.28"},
      {"DropConnect, one mask: no variance inside a batch", "Wan et al. 2013, shared mask", connect(false).variance, 0, 1e-15},
      {"noise on the input of a linear model", "E (w (x + e) - y)^2 = (wx - y)^2 + w^2 s^2: w 2, x 0.5, y 0, s 0.2",
       moments(square(noisy * 2.0)).mean, 1.16, error * 2, "2.5.1"},
      {"NEFTune: largest", "alpha / sqrt(tokens columns)", largest(tuned), 0.948683, 1e-3},
      {"NEFTune: variance", "alpha^2 / (3 tokens columns)", moments(tuned).variance, 0.3, error},
      {"LayerDrop: share of passes", "p = 0.25", left_out / 2000.0, 0.25, 0.05},
  };
}

}  // namespace

TEST_CASE("moments of masks and noise") { tapedeck::testing::check_oracles("masks and noise", rows()); }

TEST_CASE("a mask is shared by what it says and by nothing else") {
  Trip t(50, 4);
  const Tensor x = ones(200, 6);
  const auto groups = [&](const Tensor& y, int64_t row_group, int64_t column_group) {
    std::set<std::string> patterns;  // of whole groups; every entry of a group must agree
    for (int64_t r = 0; r < 200; r += row_group) {
      std::string pattern;
      for (int64_t c = 0; c < 6; c += column_group) {
        pattern += y.item(r * 6 + c) == 0 ? '0' : '1';
        for (int64_t i = r; i < r + row_group; ++i)
          for (int64_t j = c; j < c + column_group; ++j) CHECK(y.item(i * 6 + j) == y.item(r * 6 + c));
      }
      patterns.insert(pattern);
    }
    return patterns.size();
  };
  CHECK(groups(drop(t.pass, x, 0.5, Rows::tokens, DropoutKind::standard), 1, 1) > 30);
  CHECK(groups(drop(t.pass, x, 0.5, Rows::tokens, DropoutKind::locked), 4, 1) > 20);
  CHECK(groups(drop_path(t.pass, x, 0.5), 4, 6) == 2);
  CHECK(groups(drop_heads(t.pass, x, 0.5, 3), 4, 2) == 8);
}

TEST_CASE("the same key gives the same draws, another pass gives others, evaluation gives none") {
  const Tensor x = ones(40, 6), w = Tensor::normal({3, 6}, root_key(4), 0, 1, DType::f64);
  using Call = Tensor (*)(const Pass&, const Tensor&, const Tensor&);
  const Call calls[] = {
      [](const Pass& p, const Tensor& x, const Tensor&) { return drop(p, x, 0.5, Rows::tokens, DropoutKind::standard); },
      [](const Pass& p, const Tensor& x, const Tensor&) { return drop(p, x, 0.5, Rows::tokens, DropoutKind::locked); },
      [](const Pass& p, const Tensor& x, const Tensor&) { return drop(p, x, 0.5, Rows::tokens, DropoutKind::gaussian); },
      [](const Pass& p, const Tensor& x, const Tensor&) { return drop_path(p, x, 0.5); },
      [](const Pass& p, const Tensor& x, const Tensor&) { return drop_heads(p, x, 0.5, 3); },
      [](const Pass& p, const Tensor& x, const Tensor&) { return add_noise(p, x, 0.5, Rows::tokens); },
      [](const Pass& p, const Tensor& x, const Tensor&) { return neftune(p, x, 5); },
      [](const Pass& p, const Tensor& x, const Tensor& w) { return drop_connect(p, x, w, 0.5, true, Rows::tokens); },
      [](const Pass& p, const Tensor& x, const Tensor& w) { return drop_connect(p, x, w, 0.5, false, Rows::tokens); },
  };
  for (const Call& call : calls) {
    CAPTURE(&call - calls);
    Trip one(20, 2), again(20, 2), other(20, 2, Mode::train, 1), calm(20, 2, Mode::evaluate);
    const Tensor y = call(one.pass, x, w);
    CHECK(tapedeck::testing::same_bits(y, call(again.pass, x, w)));
    CHECK_FALSE(tapedeck::testing::same_bits(y, call(other.pass, x, w)));
    const Tensor plain = y.shape() == x.shape() ? x : matmul(x, w, false, true);
    CHECK(tapedeck::testing::same_bits(call(calm.pass, x, w), plain));
  }
  CHECK_FALSE(layer_dropped(Trip(1, 1, Mode::evaluate).pass, 0.999));
}

TEST_CASE("a noisy weight is the same wherever a pass reads it, and calm in evaluation and in the slab") {
  ParamStore store;
  const Params root(store);
  const Param w = root.make("w", {many}, Init::ones()), b = root.make("b", {3}, Init::ones());
  store.allocate(DType::f64, root_key(1));
  store.make_noisy({"w"}, 0.1);
  CHECK_THROWS_WITH_AS(store.make_noisy({"v"}, 0.1), doctest::Contains("\"v\" matches no parameter"), Error);
  const Batch batch = Trip::packed(1, 1);
  Pass one(store, batch, Mode::train, root_key(3) / 0), other(store, batch, Mode::train, root_key(3) / 1),
      calm(store, batch, Mode::evaluate, root_key(3));
  CHECK(tapedeck::testing::same_bits(one(w), one(w)));
  CHECK_FALSE(tapedeck::testing::same_bits(one(w), other(w)));
  for (const Tensor& plain : {calm(w), one(b), store[w].value, store[b].value})
    for (int64_t i = 0; i < plain.size(); i += 97) CHECK(plain.item(i) == 1);
  const Moments m = moments(one(w));
  CHECK(std::abs(m.mean - 1) < 0.5 / std::sqrt(double(many)));
  CHECK(std::sqrt(m.variance) == doctest::Approx(0.1).epsilon(0.02));
}

TEST_CASE("LayerDrop leaves out the layers it says, and none in evaluation") {
  const auto with = [](double layer_drop) {
    return text(
        R"({"model": {"type": "text", "encoder": {"type": "transformer", "layers": 3, "width": 8, "heads": 2, "dropout": 0, "noise": {"layer_drop": )",
        layer_drop, R"(}}, "head": {"type": "linear", "dropout": 0}}})");
  };
  test::ModelFixture all(with(0)), none(with(0.999));
  const Batch batch = all.batch();
  const auto rows_of = [&](test::ModelFixture& f, Mode mode) {
    Step s(f.tape, *f.model, f.store, f.config.objective->task(), batch, root_key(9) / "step" / 0, 0, mode);
    s.forward();
    int64_t rows = 0;
    for (NodeId n = 0; n < f.tape.size(); ++n) rows += f.tape.node(n).op && f.tape.node(n).op->name() == "attention";
    return rows;
  };
  CHECK(rows_of(all, Mode::train) == 3);
  CHECK(rows_of(none, Mode::train) == 0);
  CHECK(rows_of(none, Mode::evaluate) == 3);
}

TEST_CASE("penalties: gradient, value, max-norm, frozen parameters, patterns") {
  ParamStore store;
  const Params root(store);
  const Param w = root.make("w", {2, 3}, Init::zeros()), b = root.make("b", {3}, Init::zeros()),
              frozen = root.make("frozen", {2, 2}, Init::ones());
  store.allocate(DType::f64, root_key(1));
  store.freeze({"frozen"});
  store[w].value.copy_from(Tensor::of<double>({3, -4, 0, 0.1, 0.2, -0.2}, {2, 3}));
  store[b].value.copy_from(Tensor::of<double>({0, 2, -2}, {3}));
  Penalty weights, length;
  weights.match = {"*"};
  weights.l1 = 0.5, weights.l2 = 0.1;
  length.match = {"w"};
  length.max_norm = 2.5;
  Penalties penalties;
  penalties.bind(store, {weights, length});
  CHECK(penalties.add_gradients() == doctest::Approx(0.5 * (7.5 + 4) + 0.05 * (25 + 0.09 + 8)).epsilon(1e-14));
  const double want[] = {0.5 + 0.3, -0.5 - 0.4, 0, 0.5 + 0.01, 0.5 + 0.02, -0.5 - 0.02};
  for (int i = 0; i < 6; ++i) CHECK(store[w].gradient.item(i) == doctest::Approx(want[i]).epsilon(1e-14));
  CHECK(store[b].gradient.item(1) == doctest::Approx(0.7).epsilon(1e-14));
  for (int i = 0; i < 4; ++i) CHECK(store[frozen].gradient.item(i) == 0);
  penalties.project();
  const double shorter[] = {1.5, -2, 0, 0.1, 0.2, -0.2};
  for (int i = 0; i < 6; ++i) CHECK(store[w].value.item(i) == doctest::Approx(shorter[i]).epsilon(1e-14));
  CHECK(store[b].value.item(1) == 2);
  weights.match = {"encoder.*"};
  CHECK_THROWS_WITH_AS(penalties.bind(store, {weights}), doctest::Contains("training.penalties"), Error);
}
