// Answers to exercises that ask what a program would print: `answers CHAPTER`. Next: answers.md, which shows and explains them.
#include <cstdio>
#include <cstdlib>

#include <tapedeck/ops/author.h>
#include <tapedeck/ops/check.h>

using namespace tapedeck;

namespace {

/// 1: y = x * x.detach() at 3.
void half_a_square() {
  Tape tape;
  const Tensor x = tape.leaf(Tensor::scalar(3, DType::f64)), y = x * x.detach();
  std::printf("y = %g, dy/dx = %g\n", y.item(), gradient(y, x).item());
}

/// 4: a number against a matrix, and a matrix less the means of its columns.
void sums_of_gradients() {
  const Tensor values = Tensor::of<double>({1, 2, 3, 4, 5, 6}, {2, 3}), g = Tensor::of<double>({1, 2, 3, 100, 200, 300}, {2, 3});
  Tape tape;
  const Tensor x = tape.leaf(values), b = tape.leaf(Tensor::scalar(10, DType::f64));
  std::printf("y = x * b: dL/db = %g\n", gradient(x * b, b, Order::first, g).item());
  const Tensor centred = x - mean(x, 0), dx = gradient(centred, x, Order::first, g);
  std::printf("y = x - mean of columns: dL/dx = %s, its columns add up to %s\n", dx.str().c_str(), sum(dx, 0).str().c_str());
}

/// 5: an op that keeps more than its backward reads.
struct Doubled final : Op {
  std::string_view name() const override { return "doubled"; }
  Specs infer(In x) const override { return {{x[0].shape(), x[0].dtype()}}; }
  void forward(In x, Out y) const override { y[0].copy_from(x[0] * 2.0); }
  Tensors vjp(In, In, In dy, Wanted) const override { return {dy[0] * 2.0}; }
  Saves saves() const override { return {{Save::input, 0, "just in case"}}; }
};
std::vector<OpCase> doubled_cases(DType t) {
  return {case_of("3x5", {case_input({3, 5}, "x", t)}, [](In v) { return apply(Doubled(), {v[0]}); })};
}
void kept_for_nothing() {
  for (const std::string& failure : check_op({"doubled", "y = 2 x", doubled_cases, nullptr}).failures) std::printf("%s\n", failure.c_str());
}

/// 7: rates beside half a step of the 16-bit draws.
void smallest_rate() {
  const Tensor ones = Tensor::full({1 << 20}, 1);
  for (double p : {7.6e-6, 7.7e-6})
    std::printf("p = %g drops %g of a million\n", p, double(ones.size()) - sum(step(dropout(ones, p, root_key(0)))).item());
}

/// 8: sin x + cos^2 x / 2.
void a_penalty_on_a_wave() {
  Tape tape;
  const Tensor x = tape.leaf(Tensor::scalar(1, DType::f64)), y = sin(x), slope = gradient(y, x, Order::differentiable);
  const Tensor all = gradient(y + square(slope) / 2, x), at = x.detach();
  std::printf("%.6f, by hand %.6f\n", all.item(), (cos(at) - cos(at) * sin(at)).item());
}

}  // namespace

int main(int count, char** arguments) {
  switch (count > 1 ? std::atoi(arguments[1]) : 0) {
    case 1: half_a_square(); return 0;
    case 4: sums_of_gradients(); return 0;
    case 5: kept_for_nothing(); return 0;
    case 7: smallest_rate(); return 0;
    case 8: a_penalty_on_a_wave(); return 0;
    default: std::printf("answers 1, 4, 5, 7 or 8\n"); return 2;
  }
}
