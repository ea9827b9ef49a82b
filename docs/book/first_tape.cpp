// A first tape: values that remember where they came from, the list they make, the gradient that walks down the list, a
// gradient of a gradient, and a line fitted to points. Chapter 1 shows what this prints.
#include <cstdio>

#include <tapedeck/ops/ops.h>
#include <tapedeck/tape/tape.h>

using namespace tapedeck;

namespace {

/// One line a row: the value's number, the op that made it, the values it was made from, its elements.
void print(const Tape& tape, NodeId begin = 0) {
  for (NodeId i = begin; i < tape.size(); ++i) {
    const Node& row = tape.node(i);
    std::printf("  %%%u = %s(", row.first, row.op ? std::string(row.op->name()).c_str() : "leaf");
    for (size_t k = 0; k < row.in.size(); ++k) std::printf("%s%%%u", k ? ", " : "", row.in[k].place().value);
    std::printf(")  %s\n", row.out[0].str().c_str());
  }
}

void a_value_remembers() {
  Tape tape;
  const Tensor x = tape.leaf(Tensor::scalar(3, DType::f64));
  const Tensor squared = x * x, wave = sin(x), y = squared + wave;
  std::printf("y = x^2 + sin x at x = 3 is a list of rows:\n");
  print(tape);
  std::printf("dy/dx = 2x + cos x = %.6f\n\n", gradient(y, x).item());
}

void a_gradient_is_a_value() {
  Tape tape;
  const Tensor x = tape.leaf(Tensor::scalar(2, DType::f64));
  const Tensor y = pow(x, 3);
  const NodeId forward_rows = tape.size();
  const Tensor slope = gradient(y, x, Order::differentiable);      // the sweep is recorded: it can be differentiated again
  std::printf("the sweep back through y = x^3 appends rows of its own:\n");
  print(tape, forward_rows);
  std::printf("dy/dx = %g, d2y/dx2 = %g\n\n", slope.item(), gradient(slope, x).item());
}

void a_line_through_points() {
  const Tensor x = Tensor::of<double>({0, 1, 2, 3}, {4}), y = Tensor::of<double>({1, 3, 5, 7}, {4});
  Tensor slope = Tensor::scalar(0, DType::f64), offset = Tensor::scalar(0, DType::f64);
  Tape tape;
  for (int step = 0; step <= 200; ++step) {
    const Tensor a = tape.leaf(slope), b = tape.leaf(offset);
    const Tensor loss = mean(square(x * a + b - y));
    const Tensor wanted[] = {a, b};
    const Tensors g = gradients(loss, wanted);
    if (step % 100 == 0) std::printf("step %3d: loss %.6f, y = %.4f x + %.4f\n", step, loss.item(), slope.item(), offset.item());
    slope = slope - g[0] * 0.1;                   // off the tape: nobody will ask for a gradient through the update
    offset = offset - g[1] * 0.1;
    tape.clear();
  }
}

}  // namespace

int main() {
  a_value_remembers();
  a_gradient_is_a_value();
  a_line_through_points();
}
