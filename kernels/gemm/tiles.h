// How C is cut into tiles: independent tasks of about one size, the same for every number of threads. Used by native.cpp
// and bf16.cpp.
#pragma once
#include "../variant.h"
#include "micro.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {

/// What one pass over a tile of C reads: `depth` numbers of k, long enough to hide the updates of C, from at most so many row
/// groups of A (half of the second-level cache) and panels of B.
struct Limits {
  int64_t depth, groups, panels;
};

struct Range {
  int64_t begin, end;
};
/// Part `index` of `parts` almost equal parts of 0 .. n.
TAPEDECK_INLINE Range part_of(int64_t n, int64_t parts, int64_t index) { return {index * n / parts, (index + 1) * n / parts}; }

/// Columns col .. col + n of C, cut into down x across tiles of whole row groups and panels.
struct Tiles {
  static constexpr int64_t enough = 16;            // tiles shrink until there are this many ...
  static constexpr int64_t least_work = 1 << 18;   // ... or one takes about 2 microseconds (multiply-adds)
  static constexpr int64_t serial_work = 1 << 16;  // products that one thread does faster than two can start

  int64_t m, n, k, col, width;  // width: of a panel
  int64_t pass;                 // k at a time: equal passes of at most the limit
  int64_t groups, panels, down, across;

  Tiles(const Gemm& g, const Limits& most, int64_t width, int64_t col, int64_t n) : m(g.m), n(n), k(g.k), col(col), width(width) {
    pass = ceil_divide(ceil_divide(k, ceil_divide(k, most.depth)), 8) * 8;
    groups = ceil_divide(m, group_rows), panels = ceil_divide(n, width);
    down = ceil_divide(groups, most.groups), across = ceil_divide(panels, most.panels);
    const int64_t wanted = smaller(enough, m * n * k / least_work);
    while (down * across < wanted && (down < groups || across < panels)) {
      const bool taller = groups * group_rows * across > panels * width * down;
      if (down < groups && (taller || across == panels)) down = smaller(groups, 2 * down);
      else across = smaller(panels, 2 * across);
    }
    while (down < groups && down * across > 3 && down * across % 4 != 0) ++down;  // tiles that 2 or 4 threads can share evenly
  }
  Range rows(int64_t tile) const {
    const Range part = part_of(groups, down, tile / across);
    return {part.begin * group_rows, smaller(m, part.end * group_rows)};
  }
  Range cols(int64_t tile) const {
    const Range part = part_of(panels, across, tile % across);
    return {col + part.begin * width, smaller(col + n, col + part.end * width)};
  }
  /// Columns of B that one task packs.
  int64_t packing_grain() const { return larger(1, 4096 / (k * width)) * width; }
  template <class Body>
  void for_each(const Body& body) const {
    if (m * n * k > serial_work) return parallel_tasks(down * across, body);
    for (int64_t tile = 0; tile < down * across; ++tile) body(tile);
  }
};

/// Columns of a transposed B that are packed at a time: 16 MB of floats.
TAPEDECK_INLINE int64_t stripe_cols(const Gemm& g, int64_t width) { return larger(1, (1 << 22) / g.k / width) * width; }

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
