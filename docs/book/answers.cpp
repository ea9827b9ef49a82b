// Answers to exercises that ask what a program would print: `answers CHAPTER`. Next: answers.md, which shows and explains them.
#include <cstdio>
#include <cstdlib>

#include <tapedeck/ops/author.h>
#include <tapedeck/check/check_op.h>

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

/// 9: which results are held of a chain with gelu in place of tanh.
void held_for_gelu() {
  Tape tape;
  tape.keep(Keep::needed);
  const Tensor y = sum(gelu(tape.leaf(Tensor::zeros({1000})) * 3.0 + 1.0) * 2.0);
  for (NodeId i = 1; i < tape.size(); ++i)
    std::printf("%s: %s\n", std::string(tape.node(i).op->name()).c_str(), tape.node(i).out[0].has_data() ? "held" : "forgotten");
}

struct Answer { int chapter; void (*print)(); };
const Answer answers[] = {{1, half_a_square}, {4, sums_of_gradients},    {5, kept_for_nothing},
                          {7, smallest_rate}, {8, a_penalty_on_a_wave}, {9, held_for_gelu}};

}  // namespace

int main(int count, char** arguments) {
  for (const Answer& answer : answers)
    if (count > 1 && answer.chapter == std::atoi(arguments[1])) return answer.print(), 0;
  std::printf("answers CHAPTER, one of 1, 4, 5, 7, 8, 9\n");
  return 2;
}
