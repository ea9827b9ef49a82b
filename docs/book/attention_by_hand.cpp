// Attention from small ops, beside the fused op: the same values, the same gradients, and what each keeps for backward.
// Chapter 6 shows what this prints. Next: ../../src/ops/attention.cpp, ../../kernels/attention.cpp.
#include <cmath>
#include <cstdio>
#include <limits>

#include <tapedeck/ops/fused.h>
#include <tapedeck/tensor/compare.h>

using namespace tapedeck;

namespace {

Tensor lower_triangle(int64_t n) {                // 1 where query i may see key j
  const Tensor t = Tensor::zeros({n, n}, DType::u8);
  for (int64_t i = 0; i < n; ++i) for (int64_t j = 0; j <= i; ++j) t.raw<uint8_t>()[i * n + j] = 1;
  return t;
}

/// One head of one sequence: q, k, v [n,size] -> [n,size].
Tensor one_head(const Tensor& q, const Tensor& k, const Tensor& v, bool causal, bool show = false) {
  const int64_t n = q.shape()[0];
  const Tensor all = matmul(q, k, false, true) * (1 / std::sqrt(double(q.shape()[1])));
  const Tensor never = Tensor::full({n, n}, -std::numeric_limits<double>::infinity(), q.dtype());
  const Tensor scores = causal ? where(lower_triangle(n), all, never) : all, p = softmax(scores);
  if (show) std::printf("probabilities %s\n", p.str().c_str());
  return matmul(p, v);
}

/// Every sequence by itself, every head by itself: qkv[T,3d] -> [T,d].
Tensor by_hand(const Tensor& qkv, const Tensor& offsets, int64_t heads, bool causal) {
  const int64_t d = qkv.shape()[1] / 3, size = d / heads;
  Tensors sequences;
  for (int64_t b = 0; b + 1 < offsets.size(); ++b) {
    const Tensor tokens = slice(qkv, 0, int64_t(offsets.item(b)), int64_t(offsets.item(b + 1)));
    Tensors mixed;
    for (int64_t h = 0; h < heads; ++h) {
      const auto third = [&](int64_t which) { return slice(tokens, 1, which * d + h * size, which * d + (h + 1) * size); };
      mixed.push_back(one_head(third(0), third(1), third(2), causal));
    }
    sequences.push_back(concat(mixed, 1));
  }
  return concat(sequences, 0);
}

void compare(const char* what, const Tensor& a, const Tensor& b) {
  const double gap = testing::compare(a, b).relative;
  std::printf("  %-9s %s\n", what, gap < 1e-13 ? "equal to 1e-13" : text("differs by ", gap).c_str());
}

size_t bytes_kept(int64_t tokens, bool fused) {
  Tape tape;
  tape.keep(Keep::needed);
  const Tensor qkv = tape.leaf(Tensor::zeros({tokens, 192})), offsets = Tensor::of<int32_t>({0, int32_t(tokens)}, {2});
  const size_t before = memory_use().now[size_t(Memory::activations)];
  const Tensor y = fused ? attention(qkv, offsets, {4, false, {}}) : by_hand(qkv, offsets, 4, false);
  return memory_use().now[size_t(Memory::activations)] - before;
}

}  // namespace

int main() {
  one_head(Tensor::of<double>({0, 1, 2}, {3, 1}), Tensor::of<double>({1, 1, 2}, {3, 1}), Tensor::zeros({3, 1}, DType::f64), true, true);
  const Tensor offsets = Tensor::of<int32_t>({0, 3, 8}, {3}), up = Tensor::normal({8, 4}, root_key(1), 0, 1, DType::f64);
  for (bool causal : {false, true}) {
    Tape tape;
    const Tensor qkv = tape.leaf(Tensor::normal({8, 12}, root_key(0), 0, 1, DType::f64));
    const Tensor slow = by_hand(qkv, offsets, 2, causal);
    const NodeId rows = tape.size() - 1;
    const Tensor fast = attention(qkv, offsets, {2, causal, {}});
    std::printf("%s: %u rows by hand, %u fused\n", causal ? "causal" : "every token sees every token", rows, tape.size() - 1 - rows);
    compare("values", fast, slow);
    compare("gradient", gradient(fast, qkv, Order::first, up), gradient(slow, qkv, Order::first, up));
  }
  for (int64_t n : {64, 128, 256, 512})
    std::printf("%4d tokens keep %8zu bytes by hand, %7zu fused\n", int(n), bytes_kept(n, false), bytes_kept(n, true));
}
