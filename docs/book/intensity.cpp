// What ops cost on paper: flops, bytes, their ratio, and the time that a machine needs at best: `intensity GFLOPS GIGABYTES`, its
// peak and its bandwidth a second. Chapter 10 shows what this prints. Next: ../../src/look/roof.cpp.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <tapedeck/ops/fused.h>

using namespace tapedeck;

namespace {

double peak, bandwidth;                           // a second

/// The op that the last row of the tape holds.
void print(const char* what, const Tape& tape) {
  const Node& row = tape.node(tape.size() - 1);
  const Cost cost = row.op->cost(row.in);
  const double arithmetic = cost.flops / peak, traffic = cost.bytes / bandwidth;
  std::printf("%-40s %12.0f %11.0f %11.3g %10.1f  %s\n", what, cost.flops, cost.bytes, cost.flops / cost.bytes,
              1e6 * std::max(arithmetic, traffic), arithmetic > traffic ? "arithmetic" : "memory");
}

Tensor leaf(Tape& tape, Shape shape) { return tape.leaf(Tensor::zeros(shape)); }

void square_product(int64_t n) {
  Tape tape;
  matmul(leaf(tape, {n, n}), leaf(tape, {n, n}));
  print(text("product of two [", n, ",", n, "]").c_str(), tape);
}

void attention_of(int32_t tokens) {               // in sentences of 64 or one of 1024, 1024 tokens of width 384 in all
  Tape tape;
  const Tensor offsets = Tensor::zeros({1024 / tokens + 1}, DType::i32);
  for (int32_t i = 0; i < int32_t(offsets.size()); ++i) offsets.raw<int32_t>()[i] = i * tokens;
  attention(leaf(tape, {1024, 3 * 384}), offsets, {6, false, {}});
  print(text("attention, 1024 tokens in sentences of ", tokens).c_str(), tape);
}

void parts_of_a_layer() {
  Tape tape;
  const Tensor x = leaf(tape, {1024, 384}), h = leaf(tape, {1024, 1536}), gain = leaf(tape, {384});
  linear(x, leaf(tape, {1536, 384}), leaf(tape, {1536}));
  print("linear, [1024,384] to [1024,1536]", tape);
  gelu(h);
  print("gelu of [1024,1536]", tape);
  x + x;
  print("sum of two [1024,384]", tape);
  residual_norm(x, x, gain, gain, 1e-5);
  print("residual_norm of [1024,384]", tape);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return std::printf("intensity GFLOPS GIGABYTES\n"), 2;
  peak = 1e9 * std::atof(arguments[1]), bandwidth = 1e9 * std::atof(arguments[2]);
  std::printf("%-40s %12s %11s %11s %10s  bound by\n", "", "flops", "bytes", "flops/byte", "us at best");
  for (int64_t n : {16, 64, 256, 1024}) square_product(n);
  parts_of_a_layer();
  for (int32_t tokens : {64, 1024}) attention_of(tokens);
}
