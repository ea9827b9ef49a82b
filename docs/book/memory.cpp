// What rows hold: everything, what the backward sweep reads, or nothing but the end of a segment; the gradient has the same
// bits in each case. Chapter 9 shows what this prints. Next: ../../src/tape/recompute.cpp.
#include <cstdio>

#include <tapedeck/look/recorder.h>
#include <tapedeck/ops/ops.h>
#include <tapedeck/tensor/compare.h>

using namespace tapedeck;

namespace {

const Tensor input = Tensor::normal({1000}, root_key(0), 0, 1, DType::f64);

size_t activation_bytes() { return memory_use().now[size_t(Memory::activations)]; }

/// y = sum of 2 tanh(3 x + 1): four rows of 1000 numbers, and one of one.
Tensor chain(Tape& tape, const Tensor& x, bool in_a_segment) {
  const auto f = [&] { return Tensors{sum(tanh(x * 3.0 + 1.0) * 2.0)}; };
  return in_a_segment ? tape.activation_checkpoint(f)[0] : f()[0];
}

/// "scale" where the row holds its result, "(scale)" where it has forgotten it.
void print_rows(const Tape& tape) {
  std::printf(" ");
  for (NodeId i = 1; i < tape.size(); ++i) {
    const std::string name(tape.node(i).op->name());
    std::printf(" %s", tape.node(i).out[0].has_data() ? name.c_str() : ("(" + name + ")").c_str());
  }
  std::printf("\n");
}

/// Ops that a sweep computed once more.
int computed_again(const Tensor& y, const Tensor& x, Order order, Tensor& g) {
  Recorder recorder({.statistics = false});
  g = gradient(y, x, order);
  int again = 0;
  for (const OpRecord& record : recorder.finish().records) again += record.kind == OpRecord::Kind::again;
  return again;
}

Tensor trial(const char* what, Keep keep, bool in_a_segment) {
  Tape tape;
  tape.keep(keep);
  const Tensor x = tape.leaf(input);
  const size_t before = activation_bytes();
  const Tensor y = chain(tape, x, in_a_segment);
  std::printf("%s: %zu bytes for backward\n", what, activation_bytes() - before);
  print_rows(tape);
  Tensor g, recorded;
  const int first = computed_again(y, x, Order::first, g), second = computed_again(y, x, Order::differentiable, recorded);
  std::printf("  computed again by the first sweep: %d ops, by one that is recorded: %d\n", first, second);
  return g.clone();
}

}  // namespace

int main() {
  const Tensor all = trial("Keep::all", Keep::all, false), needed = trial("Keep::needed", Keep::needed, false),
               segment = trial("a segment", Keep::needed, true);
  std::printf("gradients: %s\n", testing::same_bits(all, needed) && testing::same_bits(all, segment) ? "the same bits" : "different");
}
