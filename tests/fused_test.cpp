// What users rely on in the fused ops beyond the op table: packed sequences never see each other, the future stays hidden,
// masks are functions of their key, ignored rows are exactly nothing, and any order of derivative exists.
#include <doctest/doctest.h>

#include <functional>

#include <tapedeck/ops/fused.h>
#include "support/gradcheck.h"

namespace tapedeck::testing {
namespace {

Tensor normal(Shape shape, std::string_view seed, DType dtype = DType::f64) {
  return Tensor::normal(shape, root_key(1) / seed, 0, 1, dtype);
}
Tensor indices(std::initializer_list<int32_t> values) { return Tensor::of<int32_t>(values, {int64_t(values.size())}); }
Tensor numbers(std::initializer_list<double> values, Shape shape) { return Tensor::of<double>(values, shape); }
Tensor rows(const Tensor& x, int64_t begin, int64_t end) { return slice(x, 0, begin, end); }
constexpr double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

using Function = std::function<Tensor(const Tensor&)>;
/// Gradient of <r, f(x)> in x, r random.
Tensor gradient_of(const Function& f, const Tensor& x) {
  Tape tape;
  const Tensor leaf = tape.leaf(x), y = f(leaf);
  return gradient(sum(y * normal(y.shape(), "projection", y.dtype())), leaf);
}
bool all_finite(const Tensor& t) {
  for (int64_t i = 0; i < t.size(); ++i)
    if (!std::isfinite(t.item(i))) return false;
  return true;
}

// ---- attention ----------------------------------------------------------------------------------------------------------

const Tensor lengths_3_0_2_4 = indices({0, 3, 3, 5, 9});
constexpr int64_t heads = 2, dim = 6;
Function attend(bool causal, double p = 0, int seed = 0) {
  return [=](const Tensor& qkv) { return attention(qkv, lengths_3_0_2_4, {heads, causal, {p, root_key(uint64_t(seed)), 0}}); };
}

TEST_CASE("packed sequences attend as if each were alone") {
  for (bool causal : {false, true}) {
    const Tensor qkv = normal({9, 3 * dim}, "qkv"), together = attend(causal)(qkv);
    for (const auto& [begin, end] : {std::pair{0, 3}, {3, 5}, {5, 9}}) {
      const Tensor alone = attention(rows(qkv, begin, end), indices({0, end - begin}), {heads, causal, {}});
      CHECK(same_bits(alone, rows(together, begin, end)));
    }
  }
}

TEST_CASE("a poisoned sequence poisons neither its neighbours nor their gradients") {
  const Tensor clean = normal({9, 3 * dim}, "qkv"), bad = clean.clone();
  for (int64_t c = 0; c < 3 * dim; ++c) set(bad, 4 * 3 * dim + c, nan);  // token 4, in the second of the real sequences
  for (const auto& [begin, end] : {std::pair{0, 3}, {5, 9}}) {
    CHECK(same_bits(rows(attend(false)(bad), begin, end), rows(attend(false)(clean), begin, end)));
    CHECK(same_bits(rows(gradient_of(attend(false), bad), begin, end), rows(gradient_of(attend(false), clean), begin, end)));
  }
}

TEST_CASE("causal attention does not see the future") {
  const Tensor qkv = normal({9, 3 * dim}, "qkv"), changed = qkv.clone();
  for (int64_t c = 0; c < 3 * dim; ++c) set(changed, 8 * 3 * dim + c, 100 + double(c));  // the last token of the last sequence
  CHECK(same_bits(rows(attend(true)(changed), 0, 8), rows(attend(true)(qkv), 0, 8)));
  CHECK_FALSE(same_bits(rows(attend(false)(changed), 5, 8), rows(attend(false)(qkv), 5, 8)));
}

TEST_CASE("one token attends to itself, equal keys average the values") {
  const Tensor one = normal({1, 3 * dim}, "one");
  CHECK(compare(attention(one, indices({0, 1}), {heads, false, {}}), slice(one, 1, 2 * dim, 3 * dim)).relative < 1e-15);
  const Tensor v = normal({4, dim}, "v"), q = normal({4, dim}, "q"), zeros = Tensor::zeros({4, dim}, DType::f64);
  const Tensor y = attention(concat({q, zeros, v}, 1), indices({0, 4}), {heads, false, {}});
  CHECK(compare(y, expand(mean(v, 0, true), {4, dim})).relative < 1e-14);
}

TEST_CASE("attention's dropout mask is a function of its key") {
  const Tensor qkv = normal({9, 3 * dim}, "qkv");
  CHECK(same_bits(attend(true, 0.3, 5)(qkv), attend(true, 0.3, 5)(qkv)));
  CHECK_FALSE(same_bits(attend(true, 0.3, 5)(qkv), attend(true, 0.3, 6)(qkv)));
  Tensor average = Tensor::zeros({9, dim}, DType::f64);
  constexpr int draws = 1000;
  for (int seed = 0; seed < draws; ++seed) average = average + attend(false, 0.3, seed)(qkv) / double(draws);
  CHECK(compare(average, attend(false)(qkv)).relative < 0.1);
}

TEST_CASE("huge scores stay finite through the second derivative") {
  for (bool causal : {false, true}) {
    Tape tape;
    const Tensor x = tape.leaf(normal({9, 3 * dim}, "qkv") * 300.0);
    const Tensor g = gradient(sum(square(attend(causal, 0.2)(x))), x, Order::differentiable);
    CHECK(all_finite(g));
    CHECK(all_finite(gradient(sum(square(g)), x)));
  }
}

TEST_CASE("attention never writes scores of all pairs to memory") {
  constexpr int64_t tokens = 1024, one_score_matrix = tokens * tokens * 4;
  Tape tape;
  const Tensor x = tape.leaf(normal({tokens, 3 * 8}, "long", DType::f32)), offsets = indices({0, int32_t(tokens)});
  Pool::instance().reset_peak();
  const size_t before = Pool::instance().stats().live_bytes;
  gradient(sum(attention(x, offsets, {1, true, {0.1, root_key(1), 0}})), x);
  CHECK(Pool::instance().stats().peak_bytes - before < one_score_matrix / 4);
}

// ---- derivatives of any order -----------------------------------------------------------------------------------------------

struct Smooth {
  const char* name;
  Shape shape;
  Function f;
};
std::vector<Smooth> smooth_functions() {
  const Tensor gain = normal({4}, "gain"), bias = normal({4}, "bias"), w = normal({3, 4}, "w"), other = normal({3, 4}, "other");
  const Tensor weights = numbers({0.5, 1, 2}, {3});
  return {
      {"attention",
       {5, 6},
       [](const Tensor& x) {
         return attention(x, indices({0, 2, 5}), {2, true, {0.2, root_key(2), 0}});
       }},
      {"layer_norm", {3, 4}, [=](const Tensor& x) { return layer_norm(x, gain, bias, 0.1); }},
      {"residual_norm",
       {3, 4},
       [=](const Tensor& x) {
         return residual_norm(x, x, gain, bias, 0.1, {0.3, root_key(3), 0}).norm;
       }},
      {"linear with gelu", {3, 4}, [=](const Tensor& x) { return linear(x, w, {}, Activation::gelu); }},
      {"cross entropy",
       {3, 4},
       [=](const Tensor& x) {
         return cross_entropy_rows(x, indices({0, 3, -1}), {0.1, 0.025}, weights);
       }},
      {"symmetric KL", {3, 4}, [=](const Tensor& x) { return symmetric_kl_rows(x, other); }},
      {"symmetric KL of one tensor in both places", {3, 4}, [=](const Tensor& x) { return symmetric_kl_rows(x * other, x); }},
  };
}

TEST_CASE("third derivatives of fused ops agree with differences of second ones") {
  for (const Smooth& s : smooth_functions()) {
    CAPTURE(std::string(s.name));
    const Tensor x = normal(s.shape, "x"), u = normal(s.shape, "u"), v = normal(s.shape, "v");
    Tape tape;
    const auto second = [&](const Tensor& at, Order order) {
      const Tensor g = gradient(sum(square(s.f(at))), at, Order::differentiable);
      return sum(gradient(sum(g * u), at, order) * v);
    };
    const Tensor leaf = tape.leaf(x), third = gradient(second(leaf, Order::differentiable), leaf);
    const Gap gap = gradcheck(In(&x, 1), In(&third, 1), [&] {
      tape.clear();
      return second(tape.leaf(x), Order::first).item();
    });
    CHECK_MESSAGE(gap.relative < 1e-7, gap.str());
  }
}

TEST_CASE("second derivatives are symmetric") {
  for (const Smooth& s : smooth_functions()) {
    CAPTURE(std::string(s.name));
    const Tensor x = normal(s.shape, "x"), u = normal(s.shape, "u"), v = normal(s.shape, "v");
    const auto curvature = [&](const Tensor& along) {  // H along
      Tape tape;
      const Tensor leaf = tape.leaf(x);
      return gradient(sum(gradient(sum(square(s.f(leaf))), leaf, Order::differentiable) * along), leaf);
    };
    CHECK(compare(sum(curvature(u) * v), sum(curvature(v) * u)).relative < 1e-11);
  }
}

// ---- norms, dropout, linear ---------------------------------------------------------------------------------------------------

TEST_CASE("linear computes act(x w^T + bias)") {
  const Tensor x = numbers({1, 2}, {1, 2}), w = numbers({1, 0, 0, 1, 1, -2}, {3, 2}), bias = numbers({0.5, 0, -1}, {3});
  CHECK(same_bits(linear(x, w, bias), numbers({1.5, 2, -4}, {1, 3})));
  CHECK(same_bits(linear(x, w, bias, Activation::relu), numbers({1.5, 2, 0}, {1, 3})));
}

TEST_CASE("layer_norm gives rows of mean 0 and variance 1, and forgets shifts and scales") {
  const Tensor x = normal({4, 50}, "x"), one = Tensor::full({50}, 1, DType::f64), zero = Tensor::zeros({50}, DType::f64);
  const Tensor y = layer_norm(x, one, zero, 1e-12);
  CHECK(largest_entry(mean(y, 1)) < 1e-14);
  CHECK(compare(mean(square(y), 1), Tensor::full({4}, 1, DType::f64)).relative < 1e-10);
  CHECK(compare(layer_norm(x * 7.0 + 1000.0, one, zero, 1e-12), y).relative < 1e-10);
  CHECK(same_bits(layer_norm(Tensor::full({1, 50}, 3, DType::f64), one, one), expand(one, {1, 50})));  // a constant row: the bias
}

TEST_CASE("residual_norm draws the mask that dropout draws") {
  const Tensor x = normal({5, 8}, "x"), residual = normal({5, 8}, "r"), gain = normal({8}, "g"), bias = normal({8}, "b");
  const DropoutSpec spec{0.4, root_key(9), 16};
  const auto [sum, norm] = residual_norm(x, residual, gain, bias, 1e-5, spec);
  CHECK(compare(sum, residual + dropout(x, spec.p, spec.key, spec.first)).relative < 1e-15);
  CHECK(compare(norm, layer_norm(sum, gain, bias, 1e-5)).relative < 1e-14);
}

// ---- positions, tables, pooling
// -------------------------------------------------------------------------------------------------

TEST_CASE("rotary keeps lengths, is undone by its inverse, and leaves products that depend on distance only") {
  const Tensor q = normal({1, 8}, "q"), k = normal({1, 8}, "k");
  const auto turned = [](const Tensor& x, int32_t position) { return rotary(x, indices({position}), 8, 4); };
  const auto product = [&](int32_t i, int32_t j) { return sum(turned(q, i) * turned(k, j)).item(); };
  CHECK(same_bits(turned(q, 0), q));
  CHECK(norm(turned(q, 17)).item() == doctest::Approx(norm(q).item()).epsilon(1e-14));
  CHECK(compare(rotary(turned(q, 17), indices({17}), 8, 4, 10000, true), q).relative < 1e-14);
  CHECK(product(3, 7) == doctest::Approx(product(103, 107)).epsilon(1e-12));
  CHECK(std::fabs(product(3, 7) - product(3, 8)) > 1e-3);
}

TEST_CASE("a word that occurs twice collects both gradients") {
  const Tensor table = normal({5, 3}, "table"), index = indices({4, 1, 4});
  Tape tape;
  const Tensor leaf = tape.leaf(table);
  const Tensor g = gradient(sum(embedding_sum(leaf, index) * numbers({1, 2, 3, 10, 20, 30, 100, 200, 300}, {3, 3})), leaf);
  CHECK(same_bits(g, numbers({0, 0, 0, 10, 20, 30, 0, 0, 0, 0, 0, 0, 101, 202, 303}, {5, 3})));
}

TEST_CASE("poolings of packed sequences") {
  const Tensor x = numbers({1, 5, 3, 5, 2, -1, 7, 8}, {4, 2}), offsets = indices({0, 3, 3, 4});  // lengths 3, 0, 1
  CHECK(same_bits(segment_first(x, offsets), numbers({1, 5, 0, 0, 7, 8}, {3, 2})));
  CHECK(same_bits(segment_mean(x, offsets), numbers({2, 3, 0, 0, 7, 8}, {3, 2})));
  CHECK(same_bits(segment_max(x, offsets), numbers({3, 5, 0, 0, 7, 8}, {3, 2})));
  Tape tape;
  const Tensor leaf = tape.leaf(x);
  CHECK(
      same_bits(gradient(sum(segment_max(leaf, offsets)), leaf), numbers({0, 1, 1, 0, 0, 0, 1, 1}, {4, 2})));  // ties: the first
}

// ---- losses
// -----------------------------------------------------------------------------------------------------------------------

TEST_CASE("cross entropy against its definition, in both smoothing conventions") {
  const Tensor x = normal({3, 5}, "x"), labels = indices({2, 0, 4}), log_p = log_softmax(x), at_label = pick(log_p, labels),
               all = sum(log_p, 1);
  constexpr double e = 0.1, classes = 5;
  CHECK(compare(cross_entropy_rows(x, labels), -at_label).relative < 1e-14);
  CHECK(compare(cross_entropy_rows(x, labels, {e, e / classes}), at_label * (e - 1) - all * (e / classes)).relative < 1e-14);
  const double share = e / (classes - 1);  // fairseq: every class but the label
  CHECK(compare(cross_entropy_rows(x, labels, {e + share, share}), at_label * (e - 1) - (all - at_label) * share).relative <
        1e-14);
  CHECK(cross_entropy_rows(Tensor::zeros({1, 8}, DType::f64), indices({3})).item() ==
        doctest::Approx(std::log(8.0)).epsilon(1e-15));
}

TEST_CASE("an ignored row is exactly nothing, whatever it holds") {
  const Tensor weights = numbers({2, 1, 1, 1}, {4}), labels = indices({1, -100, -100, 0});
  const Tensor x = numbers({0.5, -1, 2, nan, nan, nan, infinity, -infinity, 1, 1, 1, 0}, {4, 3});
  Tape tape;
  const Tensor leaf = tape.leaf(x), loss = cross_entropy_rows(leaf, labels, {0.1, 0.1 / 3}, weights, -100);
  CHECK(loss.item(1) == 0);
  CHECK(loss.item(2) == 0);
  for (Order order : {Order::first, Order::differentiable}) {
    const Tensor g = gradient(sum(loss), leaf, order);
    for (int64_t i = 3; i < 9; ++i) CHECK(g.item(i) == 0);
    CHECK(all_finite(g));
    CHECK(std::fabs(g.item(0) + g.item(1) + g.item(2)) < 1e-15);  // a kept row's gradient sums to 0
  }
  const Tensor second = gradient(sum(square(gradient(sum(loss), leaf, Order::differentiable))), leaf);
  for (int64_t i = 3; i < 9; ++i) CHECK(second.item(i) == 0);
  CHECK(all_finite(second));
}

TEST_CASE("losses of huge logits stay finite in f32") {
  const Tensor a = numbers({1e4, -1e4, 0, 3e4, 0, 1}, {2, 3}).to(DType::f32),
               b = numbers({-1e4, 1e4, 0, 3e4, 0, 1}, {2, 3}).to(DType::f32);
  CHECK(cross_entropy_rows(a, indices({1, 0})).item(0) == doctest::Approx(2e4));
  CHECK(cross_entropy_rows(a, indices({1, 0})).item(1) == 0);
  CHECK(symmetric_kl_rows(a, b).item(0) == doctest::Approx(4e4));
  CHECK(symmetric_kl_rows(a, b).item(1) == 0);
  CHECK(all_finite(gradient_of([&](const Tensor& x) { return symmetric_kl_rows(x, b); }, a)));
  CHECK(all_finite(gradient_of([](const Tensor& x) { return cross_entropy_rows(x, indices({1, 0}), {0.1, 0.1 / 3}); }, a)));
}

TEST_CASE("symmetric KL is both divergences, symmetric, blind to shifts, and 0 for equal rows") {
  const Tensor a = normal({4, 6}, "a"), b = normal({4, 6}, "b"), la = log_softmax(a), lb = log_softmax(b);
  const Tensor both = sum(exp(la) * (la - lb), 1) + sum(exp(lb) * (lb - la), 1);
  CHECK(compare(symmetric_kl_rows(a, b), both).relative < 1e-14);
  CHECK(compare(symmetric_kl_rows(b, a), both).relative < 1e-14);
  CHECK(compare(symmetric_kl_rows(a + 5.0, b), both).relative < 1e-13);
  CHECK(same_bits(symmetric_kl_rows(a, a), Tensor::zeros({4}, DType::f64)));
}

TEST_CASE("off the tape nothing is recorded") {
  Tape tape;
  CHECK_FALSE(attend(false)(normal({9, 3 * dim}, "qkv")).on_tape());
  CHECK(tape.size() == 0);
  const Tensor leaf = tape.leaf(normal({9, 3 * dim}, "qkv"));
  CHECK(attend(false)(leaf).on_tape());
  CHECK(tape.size() == 2);  // the leaf and one fused row
}

}  // namespace
}  // namespace tapedeck::testing
