// Dropout masks as a function of a key and an element: what repeats a mask, what makes a new one, and who can rely on it.
// Chapter 7 shows what this prints. Next: ../../kernels/philox.h, ../../src/nn/pass.cpp.
#include <cstdio>

#include <tapedeck/ops/ops.h>
#include <tapedeck/tensor/machine.h>

using namespace tapedeck;

namespace {

constexpr int64_t elements = 32;
constexpr double p = 0.5;

Key place(uint64_t seed, int step, int pass, const char* scope) { return root_key(seed) / "step" / step / "pass" / pass / scope; }

/// # kept, . dropped.
void show(const char* what, const Tensor& x, int64_t indent = 0) {
  std::printf("%-30s %*s", what, int(indent), "");
  for (int64_t i = 0; i < x.size(); ++i) std::putchar(x.item(i) != 0 ? '#' : '.');
  std::printf("\n");
}

double largest(const Tensor& x) { return max(reshape(x.detach(), {-1}), 0).item(); }

Tensor ones(int64_t n = elements) { return Tensor::full({n}, 1, DType::f64); }

void what_the_mask_depends_on() {
  const Key key = place(0, 3, 0, "encoder.drop");
  show("step 3, pass 0", dropout(ones(), p, key));
  show("the same, once more", dropout(ones(), p, key));
  show("in f32", dropout(Tensor::full({elements}, 1), p, key));
  set_threads(2);
  show("of a million, by two threads", slice(dropout(ones(1 << 20), p, key), 0, 0, elements));
  show("elements 20 to 31 alone", dropout(ones(12), p, key, 20), 20);
  show("p = 0.25", dropout(ones(), 0.25, key));
  std::printf("\n");
  show("pass 1", dropout(ones(), p, place(0, 3, 1, "encoder.drop")));
  show("step 4", dropout(ones(), p, place(0, 4, 0, "encoder.drop")));
  show("another place in the model", dropout(ones(), p, place(0, 3, 0, "head.drop")));
  show("another seed", dropout(ones(), p, place(1, 3, 0, "encoder.drop")));
}

/// L = sum (m x)^3 / 6 with a mask m of 0 and 2: dL/dx = m^3 x^2 / 2, and once more m^3 x.
void who_sees_it_again() {
  Tape tape;
  tape.keep(Keep::needed);
  const Key key = place(0, 3, 0, "encoder.drop");
  const Tensor x = tape.leaf(ones());
  const Tensor y = tape.activation_checkpoint([&] { return Tensors{pow(dropout(x, p, key), 3) / 6}; })[0];   // forgotten, computed again
  const Tensor slope = gradient(sum(y), x, Order::differentiable), curvature = gradient(sum(slope), x);
  std::printf("\n");
  show("computed again for backward", slope.detach());
  show("in the second derivative", curvature);
  std::printf("where kept: slope %g, curvature %g\n", largest(slope), largest(curvature));
}

}  // namespace

int main() {
  what_the_mask_depends_on();
  who_sees_it_again();
  const Tensor kept = dropout(ones(1 << 20), 0.1, root_key(0));
  std::printf("p = 0.1: kept elements are multiplied by %.8f, the mean of a million is %.6f\n", largest(kept), mean(kept).item());
}
