// Broadcasting: a small operand meets a large one, and its gradient is a sum over the places where it was used.
// Chapter 4 shows what this prints. Next: ../../src/ops/arithmetic.cpp.
#include <cstdio>

#include <tapedeck/ops/ops.h>
#include <tapedeck/tape/tape.h>

using namespace tapedeck;

namespace {

const Tensor x = Tensor::of<double>({1, 2, 3, 4, 5, 6}, {2, 3});
const Tensor g = Tensor::of<double>({1, 2, 3, 100, 200, 300}, {2, 3});      // what arrives from above: dL/dy

void print(const Tape& tape, NodeId begin) {
  for (NodeId i = begin; i < tape.size(); ++i) {
    const Node& row = tape.node(i);
    std::printf("  %%%u = %s(", row.first, row.op ? std::string(row.op->name()).c_str() : "leaf");
    for (size_t k = 0; k < row.in.size(); ++k) std::printf("%s%%%u", k ? ", " : "", row.in[k].place().value);
    std::printf(")  %s\n", row.out[0].str().c_str());
  }
}

void a_row_is_used_once_per_row() {
  Tape tape;
  const Tensor a = tape.leaf(x), b = tape.leaf(Tensor::of<double>({10, 20, 30}, {3})), up = tape.leaf(g);
  const Tensor y = a + b, wanted[] = {a, b};
  std::printf("y = x + b, and g, the gradient that will arrive at y:\n");
  print(tape, 0);
  const NodeId forward = tape.size();
  const Tensors d = gradients(y, wanted, Order::differentiable, up);
  std::printf("the way back:\n");
  print(tape, forward);
  std::printf("dL/dx = %s\ndL/db = %s\n\n", d[0].str().c_str(), d[1].str().c_str());
}

template <class F>
void gradient_of(const char* what, const Tensor& small, F f) {
  Tape tape;
  const Tensor b = tape.leaf(small);
  std::printf("%-22s b = %-26s dL/db = %s\n", what, small.str().c_str(), gradient(f(x, b), b, Order::first, g).str().c_str());
}

double dot(const Tensor& a, const Tensor& b) { return sum(a * b).item(); }

void to_sum_is_to_repeat_backwards() {
  Tape tape;
  const Tensor b = tape.leaf(Tensor::of<double>({10, 20, 30}, {3}));
  const Tensor repeated = expand(b, {2, 3}), summed = gradient(repeated, b, Order::first, g);
  std::printf("<repeat b, g> = %g, <b, sum g> = %g\n", dot(repeated.detach(), g), dot(b.detach(), summed));
}

}  // namespace

int main() {
  a_row_is_used_once_per_row();
  const Tensor row = Tensor::of<double>({10, 20, 30}, {3}), column = Tensor::of<double>({10, 20}, {2, 1});
  const Tensor number = Tensor::scalar(10, DType::f64);
  const auto plus = [](const Tensor& a, const Tensor& b) { return a + b; };
  const auto times = [](const Tensor& a, const Tensor& b) { return a * b; };
  gradient_of("y = x + b, a row", row, plus);
  gradient_of("y = x + b, a column", column, plus);
  gradient_of("y = x + b, a number", number, plus);
  gradient_of("y = x * b, a row", row, times);
  std::printf("\n");
  to_sum_is_to_repeat_backwards();
  try {
    x + Tensor::of<double>({10, 20}, {2});
  } catch (const Error& error) {
    std::printf("x + [10, 20]: %s\n", error.what());
  }
}
