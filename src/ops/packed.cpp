// Checks and sizes of packed sequences.
#include "packed.h"

namespace tapedeck {

void require_offsets(std::string_view op, const Tensor& offsets, int64_t tokens) {
  require_dtype(op, "offsets", offsets, DType::i32);
  require_rank(op, "offsets", offsets, 1);
  if (offsets.size() < 1) throw Error(ErrorKind::shape, text(op, ": offsets is empty; needs sequences + 1 entries"));
  const int32_t* o = offsets.raw<int32_t>();
  if (o[0] != 0) throw Error(ErrorKind::index, text(op, ": offsets[0] is ", o[0], "; the first sequence starts at 0"));
  for (int64_t b = 1; b < offsets.size(); ++b)
    if (o[b] < o[b - 1])
      throw Error(ErrorKind::index, text(op, ": offsets[", b, "] is ", o[b], ", less than the ", o[b - 1], " before it"),
                  "offsets never fall");
  if (tokens_of(offsets) != tokens)
    throw Error(ErrorKind::index, text(op, ": offsets end at ", tokens_of(offsets), ", but there are ", tokens, " tokens"));
}

int64_t require_heads(std::string_view op, std::string_view what, const Tensor& x, int64_t heads, int64_t parts) {
  require_rank(op, what, x, 2);
  if (heads < 1) throw Error(ErrorKind::value, text(op, ": heads is ", heads, "; needs at least 1"));
  const int64_t cols = x.shape().cols(), split = parts * heads;
  if (cols % split != 0 || cols == 0)
    throw Error(ErrorKind::shape, text(op, ": ", what, " has shape ", x.shape().str(), "; ", cols, " columns do not split into ",
                                       parts == 1 ? "" : text(parts, " x "), heads, " heads"));
  return cols / split;
}

void require_dropout(std::string_view op, const DropoutSpec& dropout) {
  if (!(dropout.p >= 0 && dropout.p < 1))
    throw Error(ErrorKind::value, text(op, ": dropout probability ", dropout.p, " is outside [0, 1)"));
}

void attributes_of(const DropoutSpec& dropout, Attributes& list) {
  list("p", dropout.p);
  if (dropout.p > 0) list("key", text(dropout.key.bits))("first", int64_t(dropout.first));
}

int64_t pairs_of(const Tensor& offsets, int64_t heads) {
  const int32_t* o = offsets.raw<int32_t>();
  int64_t pairs = 0;
  for (int64_t b = 0; b < sequences_of(offsets); ++b) pairs += int64_t{o[b + 1] - o[b]} * (o[b + 1] - o[b]);
  return heads * pairs;
}

int64_t pairs_seen(const Tensor& offsets, int64_t heads, bool causal) {
  const int64_t pairs = pairs_of(offsets, heads);
  return causal ? (pairs + heads * tokens_of(offsets)) / 2 : pairs;
}

kernels::Attention packed_attention(const Tensor& offsets, int64_t heads, int64_t head_dim) {
  kernels::Attention a;
  a.sequences = sequences_of(offsets);
  a.heads = heads;
  a.head_dim = head_dim;
  a.q_offsets = a.k_offsets = offsets.raw<int32_t>();
  a.q_stride = a.k_stride = a.v_stride = a.out_stride = heads * head_dim;
  return a;
}

Tensor case_offsets(std::initializer_list<int32_t> lengths) {
  Tensor offsets = Tensor::zeros({int64_t(lengths.size()) + 1}, DType::i32);
  int64_t b = 0;
  for (int32_t n : lengths) {
    offsets.raw<int32_t>()[b + 1] = offsets.raw<int32_t>()[b] + n;
    ++b;
  }
  return offsets;
}

}  // namespace tapedeck
