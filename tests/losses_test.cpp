// Cross-entropy and divergences at the edges of the number line; numbers are in oracles_losses_test.cpp.
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
