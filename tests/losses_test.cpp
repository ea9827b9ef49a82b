// Losses against hand-computable numbers (the published examples of each method) and at the edges of the number line.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <tapedeck/losses/loss.h>

using namespace tapedeck;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
Tensor matrix(std::initializer_list<double> v, Shape shape) { return Tensor::of<double>(v, shape); }
Tensor indices(std::initializer_list<int32_t> v) { return Tensor::of<int32_t>(v, {int64_t(v.size())}); }

}  // namespace

TEST_CASE("values that can be checked by hand") {
  const Tensor l210 = matrix({2, 1, 0}, {1, 3});
  const double ln2 = std::log(2.0);
  const Tensor p = matrix({ln2, 0, 0, 0, 0, 0}, {2, 3}), q = Tensor::zeros({2, 3}, DType::f64);
  const Tensor s = matrix({2, 0}, {1, 2}), t = matrix({1, 0}, {1, 2});
  struct Row { const char* name; Tensor value; double expected; };
  const Row rows[] = {
      {"cross entropy", cross_entropy(l210, indices({0})), 0.407606},
      {"smoothing over all classes", cross_entropy(l210, indices({0}), {0.1, 0.1 / 3}), 0.507606},
      {"smoothing over the other classes", cross_entropy(l210, indices({0}), {0.1 + 0.05, 0.05}), 0.557606},
      {"KL sum", kl_divergence(p, q, Reduction::sum), 0.0588915},
      {"KL mean divides by the classes too", kl_divergence(p, q, Reduction::mean), 0.00981525},
      {"KL batchmean", kl_divergence(p, q, Reduction::batchmean), 0.0294458},
      {"KL tokenmean over the first row", kl_divergence(p, q, Reduction::tokenmean, Tensor::of<uint8_t>({1, 0}, {2})), 0.0588915},
      {"KL swapped", kl_divergence(q, p, Reduction::sum), 0.0566330},
      {"KL of s and t", kl_divergence(s, t, Reduction::sum), 0.0671308},
      {"KL of t and s", kl_divergence(t, s, Reduction::sum), 0.0826077},
      {"symmetric KL", symmetric_kl(s, t, Reduction::sum), 0.1497385},
      {"symmetric KL mean", symmetric_kl(s, t, Reduction::mean), 0.1497385 / 2},
      {"KL of equals", kl_divergence(s, s, Reduction::sum), 0},
      {"class weights", cross_entropy(matrix({2, 1, 0, 0, 0, 0}, {2, 3}), indices({0, 1}), {}, {3, 1, 1}), (3 * 0.407606 + std::log(3.0)) / 4},
      {"an unlabelled row does not count", cross_entropy(matrix({2, 1, 0, 9, 9, 9}, {2, 3}), indices({0, -1})), 0.407606},
      {"all rows unlabelled", cross_entropy(l210, indices({-1})), 0},
      {"mse", mse(matrix({1, 2}, {2}), matrix({0, 4}, {2})), 2.5},
  };
  for (auto& row : rows) {
    CAPTURE(row.name);
    CHECK(row.value.item() == doctest::Approx(row.expected).epsilon(2e-6));
  }
}

TEST_CASE("the published 4 x 5 example: sum, mean and batchmean are 20 and 4 apart") {
  const Tensor a = Tensor::normal({4, 5}, root_key(3), 0, 1, DType::f64), b = Tensor::normal({4, 5}, root_key(4), 0, 1, DType::f64);
  const double total = kl_divergence(a, b, Reduction::sum).item();
  CHECK(total / kl_divergence(a, b, Reduction::mean).item() == doctest::Approx(20));
  CHECK(total / kl_divergence(a, b, Reduction::batchmean).item() == doctest::Approx(4));
  CHECK(symmetric_kl(a, b, Reduction::sum).item() == doctest::Approx(total + kl_divergence(b, a, Reduction::sum).item()).epsilon(1e-12));
}

TEST_CASE("the gradient of symmetric KL is the published one") {
  Tape tape;
  const Tensor s = tape.leaf(matrix({2, 0}, {1, 2})), t = tape.leaf(matrix({1, 0}, {1, 2}));
  const Tensor g = gradient(symmetric_kl(s, t, Reduction::sum), s);
  CHECK(g.item(0) == doctest::Approx(0.254732).epsilon(1e-5));
  CHECK(g.item(1) == doctest::Approx(-0.254732).epsilon(1e-5));
}

TEST_CASE("extreme logits give finite values and gradients") {
  struct Row { const char* name; std::initializer_list<double> x; };
  const Row rows[] = {{"large", {1e4, -1e4, 0}}, {"all equal", {5, 5, 5}}, {"masked class", {1, -infinity, 2}}, {"huge", {1e30, -1e30, 0}}};
  for (auto& row : rows) {
    CAPTURE(row.name);
    Tape tape;
    const Tensor x = tape.leaf(matrix(row.x, {1, 3}));
    const Tensor y = tape.leaf(matrix(row.x, {1, 3}));
    for (const Tensor& value : {cross_entropy(x, indices({0})), kl_divergence(x, y, Reduction::sum), symmetric_kl(x, y, Reduction::sum)}) {
      CHECK(std::isfinite(value.item()));
      const Tensor g = gradient(value, x);
      for (int i = 0; i < 3; ++i) CHECK(std::isfinite(g.item(i)));
    }
  }
}

TEST_CASE("an ignored row is exactly nothing, whatever it holds") {
  Tape tape;
  const Tensor x = tape.leaf(matrix({2, 1, 0, NAN, infinity, -infinity}, {2, 3}));
  const Tensor value = cross_entropy(x, indices({0, -1}), {0.1, 0.1 / 3});
  CHECK(value.item() == doctest::Approx(0.507606).epsilon(2e-6));
  const Tensor g = gradient(value, x);
  for (int i = 3; i < 6; ++i) CHECK(g.item(i) == 0);
}
