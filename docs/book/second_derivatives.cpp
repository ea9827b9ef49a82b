// Gradients of gradients: a third derivative, a product with a Hessian that is never made, a penalty on a gradient; each beside
// what a pencil says. Chapter 8 shows what this prints. Next: ../../src/objectives/gradient_penalty.cpp.
#include <cstdio>

#include <tapedeck/ops/ops.h>
#include <tapedeck/tensor/compare.h>

using namespace tapedeck;

namespace {

void again_and_again() {
  Tape tape;
  const Tensor x = tape.leaf(Tensor::scalar(2, DType::f64));
  Tensor y = pow(x, 4);
  std::printf("x^4 at 2: %g", y.item());
  for (int order = 1; order <= 4; ++order) {
    const NodeId rows = tape.size();
    y = gradient(y, x, Order::differentiable);
    std::printf(", then %g (%u rows)", y.item(), tape.size() - rows);
  }
  std::printf("\n\n");
}

/// logsumexp has the gradient p = softmax(x) and the Hessian H = diag(p) - p p^T, so H v = p (v - <p, v>).
void a_product_with_a_hessian() {
  Tape tape;
  const Tensor x = tape.leaf(Tensor::of<double>({0, 1, 2, 3}, {4})), v = Tensor::of<double>({1, 0, -1, 2}, {4});
  const Tensor g = gradient(logsumexp(x, 0), x, Order::differentiable);
  const Tensor product = gradient(sum(g * v), x);
  const Tensor p = softmax(x.detach()), exact = p * (v - sum(p * v));
  std::printf("H v       = %s\np(v-<p,v>) = %s\n", product.str().c_str(), exact.str().c_str());
  std::printf("they are %s\n", testing::compare(product, exact).relative < 1e-14 ? "equal to 1e-14" : "different");
  std::printf("H, a product with each unit vector:\n");
  for (int64_t i = 0; i < 4; ++i) {
    const Tensor row = gradient(slice(g, 0, i, i + 1), x);
    for (int64_t j = 0; j < 4; ++j) std::printf("%s%9.5f", j ? " " : "  ", row.item(j));
    std::printf("\n");
  }
  std::printf("\n");
}

/// L = sum x^3 with the penalty |dL/dx|^2 / 2 = sum 9 x^4 / 2: its gradient is 3 x^2 + 18 x^3.
void a_penalty(Order order) {
  Tape tape;
  const Tensor x = tape.leaf(Tensor::of<double>({1, 2}, {2}));
  const Tensor loss = sum(pow(x, 3)), g = gradient(loss, x, order), total = loss + sum(square(g)) * 0.5;
  std::printf("%-23s value %g, gradient %s\n", order == Order::first ? "Order::first:" : "Order::differentiable:", total.item(),
              gradient(total, x).str().c_str());
}

}  // namespace

int main() {
  again_and_again();
  a_product_with_a_hessian();
  a_penalty(Order::first);
  a_penalty(Order::differentiable);
}
