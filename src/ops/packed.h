// Packed sequences inside the fused ops: checked offsets, the size of the ragged pair layout, and the kernels' view of
// them. Also the few lines that every backward kernel repeats. Next: attention.cpp, ragged.cpp.
#pragma once
#include <tapedeck/ops/fused.h>

#include "support.h"

namespace tapedeck {

/// i32 [B+1], from 0, never falling, ending at `tokens`; else Error{index} naming the entry.
void require_offsets(std::string_view op, const Tensor& offsets, int64_t tokens);
/// Columns must split evenly into `parts` x heads; returns the columns of one head. Else Error{shape}.
int64_t require_heads(std::string_view op, std::string_view what, const Tensor& x, int64_t heads, int64_t parts = 1);
/// p in [0, 1); else Error{value}.
void require_dropout(std::string_view op, const DropoutSpec& dropout);

inline int64_t tokens_of(const Tensor& offsets) { return offsets.raw<int32_t>()[offsets.size() - 1]; }
inline int64_t sequences_of(const Tensor& offsets) { return offsets.size() - 1; }
/// heads * sum_b len_b^2: how many (head, query, key) triples there are.
int64_t pairs_of(const Tensor& offsets, int64_t heads);
/// Those whose query sees the key: all of them, or where causal the keys up to the query's own.
int64_t pairs_seen(const Tensor& offsets, int64_t heads, bool causal);

/// Queries and keys of the same sequences, all strides heads * head_dim.
kernels::Attention packed_attention(const Tensor& offsets, int64_t heads, int64_t head_dim);
/// p, and which masks it draws where it draws any.
void attributes_of(const DropoutSpec& dropout, Attributes& list);
inline kernels::Dropout kernel_dropout(const DropoutSpec& d) { return {d.p, d.key.bits, d.first}; }

/// Where to write the gradient of an input, or null when nobody asked for it.
template <class T>
T* target(const Grad& g) {
  return g.wanted ? g.into.raw<T>() : nullptr;
}

// cases: offsets of the given sequence lengths
Tensor case_offsets(std::initializer_list<int32_t> lengths);

}  // namespace tapedeck
