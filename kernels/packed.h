// Where the pieces of packed sequences lie: one (sequence, head) pair of an attention call and its ragged score block.
#pragma once
#include "variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {

/// One head of one sequence. Rows are strided by the Attention's strides; `first_score` is the pair's place in the
/// ragged layout: heads * sum_{c<b} Sq_c Sk_c + h Sq_b Sk_b.
struct Pack {
  int64_t head, q_row, k_row, queries, keys, first_score;
};

/// Fills score_offsets[b] = sum_{c<b} Sq_c Sk_c for b in [0, sequences] in this thread's scratch.
TAPEDECK_INLINE const int64_t* score_offsets(const Attention& a) {
  int64_t* offsets = scratch<int64_t>(Scratch::offsets, a.sequences + 1);
  offsets[0] = 0;
  for (int64_t b = 0; b < a.sequences; ++b)
    offsets[b + 1] = offsets[b] + int64_t(a.q_offsets[b + 1] - a.q_offsets[b]) * (a.k_offsets[b + 1] - a.k_offsets[b]);
  return offsets;
}

/// Task `index` of sequences * heads.
TAPEDECK_INLINE Pack pack_of(const Attention& a, const int64_t* offsets, int64_t index) {
  const int64_t b = index / a.heads, head = index % a.heads;
  const int64_t queries = a.q_offsets[b + 1] - a.q_offsets[b], keys = a.k_offsets[b + 1] - a.k_offsets[b];
  return {head, a.q_offsets[b], a.k_offsets[b], queries, keys, a.heads * offsets[b] + head * queries * keys};
}

/// body(pack) for every (sequence, head), in parallel.
template <class Body>
TAPEDECK_INLINE void for_packs(const Attention& a, Body&& body) {
  const int64_t* offsets = score_offsets(a);
  parallel_tasks(a.sequences * a.heads, [&, offsets](int64_t index) { body(pack_of(a, offsets, index)); });
}

/// Keys that query i sees.
TAPEDECK_INLINE int64_t visible_keys(const Attention& a, const Pack& pack, int64_t i) {
  if (!a.causal) return pack.keys;
  return larger(0, smaller(pack.keys, i + 1 + pack.keys - pack.queries));
}

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
