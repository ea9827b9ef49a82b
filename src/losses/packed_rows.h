// Packed sequences as columns in time: step t of every sequence at once, so that a recursion is one op per step.
// Used by crf.cpp and ctc.cpp.
#pragma once
#include "support.h"

namespace tapedeck {

/// The sequences that take part, in order.
struct TimeTable {
  List<int64_t> begin, length;
  int64_t longest = 0;
  int64_t count() const { return int64_t(begin.size()); }
  void add(int64_t first, int64_t rows) {
    begin.push_back(first), length.push_back(rows);
    longest = std::max(longest, rows);
  }
  /// Row of each sequence at step t; a sequence that has ended repeats its last row.
  Tensor rows_at(int64_t t) const {
    const Tensor index = Tensor::empty({count()}, DType::i32);
    for (int64_t b = 0; b < count(); ++b)
      index.raw<int32_t>()[b] = int32_t(begin[size_t(b)] + std::min(t, length[size_t(b)] - 1));
    return index;
  }
  /// next where a sequence still runs at step t, state where it has ended; both [count, columns].
  Tensor advance(int64_t t, const Tensor& state, const Tensor& next) const {
    const int64_t columns = state.shape()[1];
    return where(mask_of(state.shape(), [&](int64_t e) { return t < length[size_t(e / columns)]; }), next, state);
  }
  /// Sum over the steps of each sequence of x[index(row)], x a list of numbers; steps below `from` are left out.
  template <class F>
  Tensor total(const Tensor& x, int64_t from, F index) const {
    const Tensor at = Tensor::zeros({count() * longest}, DType::i32);
    const auto runs = [&](int64_t e) { return e % longest >= from && e % longest < length[size_t(e / longest)]; };
    for (int64_t e = 0; e < at.size(); ++e)
      if (runs(e)) at.raw<int32_t>()[e] = index(begin[size_t(e / longest)] + e % longest);
    const Shape shape{count(), longest};
    return sum(only(mask_of(shape, runs), reshape(gather(reshape(x, {x.size(), 1}), at), shape)), 1);
  }
};

/// Checks i32 offsets [B+1] that rise from 0 to rows.
inline void require_offsets(std::string_view loss, const Tensor& offsets, int64_t rows) {
  if (!offsets || offsets.dtype() != DType::i32 || offsets.shape().rank() != 1 || offsets.size() < 1)
    throw Error(ErrorKind::shape, text(loss, ": needs i32 offsets [sequences + 1]"));
  const auto o = offsets.data<int32_t>();
  if (o.front() != 0 || o.back() != rows || !std::is_sorted(o.begin(), o.end()))
    throw Error(ErrorKind::index, text(loss, ": offsets must rise from 0 to the ", rows, " rows"));
}

}  // namespace tapedeck
