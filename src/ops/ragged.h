// The two ragged ops that only the rule of ragged_softmax needs. Next: ragged.cpp.
#pragma once
#include <tapedeck/ops/fused.h>

namespace tapedeck {

/// Sum over the keys of every (head, query) row: [pairs] -> [heads T], sequence b at heads * offsets[b].
Tensor ragged_row_sum(const Tensor& x, const Tensor& offsets, int64_t heads);
/// Its transpose: every pair gets the number of its row.
Tensor ragged_row_spread(const Tensor& x, const Tensor& offsets, int64_t heads);

}  // namespace tapedeck
