// Matrix products without a library: tiles of C are independent tasks that read A and B where they lie; only a transposed B
// is packed, once for all. The order of every sum depends on k alone: a row of C has the same bits whatever rows surround
// it. Next: micro.h.
#include "epilogue.h"
#include "micro.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

/// What one pass over a tile of C reads: `depth` numbers of k, long enough to hide the updates of C, from at most so many row
/// groups of A (half of the second-level cache) and panels of B.
struct Limits { int64_t depth, groups, panels; };
inline constexpr Limits packed_panels{1024, 8, 24};  // A and B are contiguous in k
inline constexpr Limits strided_panels{512, 8, 24};  // neighbours of B in k lie a row apart and fall on few lines of the cache
inline constexpr Limits strided_groups{512, 16, 16}; // those of A as well
inline constexpr int64_t enough_tiles = 16;       // tiles shrink until there are this many ...
inline constexpr int64_t least_work = 1 << 18;    // ... or one takes about 2 microseconds (multiply-adds)
inline constexpr int64_t serial_work = 1 << 16;   // products that one thread does faster than two can start
inline constexpr int64_t stripe_size = 1 << 22;   // numbers of a transposed B that are packed at a time

/// Part `index` of `parts` almost equal parts of 0 .. n.
struct Part { int64_t begin, end; };
TAPEDECK_INLINE Part part_of(int64_t n, int64_t parts, int64_t index) { return {index * n / parts, (index + 1) * n / parts}; }

/// Columns col .. col + n of C, cut into down x across tiles.
template <class T>
struct Product {
  Gemm g;
  View<T> a, b;
  T* c;
  const Epilogue<T>* epilogue;
  int64_t col, n, pass;                           // pass: k at a time
  int64_t groups, panels, down, across;

  Product(const Gemm& gemm, const T* a_data, const T* b_data, T* c_data, const Epilogue<T>* e, int64_t col, int64_t n)
      : g(gemm), c(c_data), epilogue(e), col(col), n(n) {
    a = g.a_transposed ? View<T>{a_data, 1, g.m} : View<T>{a_data, g.k, 1};
    b = g.b_transposed ? View<T>{b_data, 1, g.k} : View<T>{b_data, g.n, 1};
    const Limits most = g.a_transposed ? strided_groups : g.b_transposed ? packed_panels : strided_panels;
    pass = ceil_divide(ceil_divide(g.k, ceil_divide(g.k, most.depth)), 8) * 8;
    groups = ceil_divide(g.m, group_rows), panels = ceil_divide(n, panel_cols<T>);
    down = ceil_divide(groups, most.groups), across = ceil_divide(panels, most.panels);
    const int64_t wanted = smaller(enough_tiles, g.m * n * g.k / least_work);
    while (down * across < wanted && (down < groups || across < panels)) {
      const bool taller = groups * group_rows * across > panels * panel_cols<T> * down;
      if (down < groups && (taller || across == panels)) down = smaller(groups, 2 * down);
      else across = smaller(panels, 2 * across);
    }
    while (down < groups && down * across > 3 && down * across % 4 != 0) ++down;     // tiles that 2 or 4 threads can share evenly
  }
  Part rows(int64_t tile) const {
    const Part part = part_of(groups, down, tile / across);
    return {part.begin * group_rows, smaller(g.m, part.end * group_rows)};
  }
  Part cols(int64_t tile) const {
    const Part part = part_of(panels, across, tile % across);
    return {col + part.begin * panel_cols<T>, smaller(col + n, col + part.end * panel_cols<T>)};
  }
  /// Rows of A that fall on the same few lines of the cache are copied next to each other.
  bool copies_a() const { return !g.a_transposed && g.k * int64_t(sizeof(T)) % 4096 == 0; }
};

/// m rows of A over k numbers each: as they lie, or copied to this thread's scratch.
template <class T>
View<T> rows_of_a(const Product<T>& product, const View<T>& a, int64_t m, int64_t k) {
  if (!product.copies_a()) return a;
  T* packed = scratch<T>(Scratch::packed_a, m * k);
  for (int64_t i = 0; i < m; ++i) {
    const T* from = a.at(i, 0);
    T* to = packed + i * k;
#pragma omp simd
    for (int64_t p = 0; p < k; ++p) to[p] = from[p];
  }
  return {packed, k, 1};
}

/// Where one panel of B over k starts, and the distance of its rows: packed already, as it lies, or packed here (the edge of B).
template <class T>
const T* panel_of_b(const Product<T>& product, const T* packed, int64_t first, int64_t k, int64_t j, int64_t& step) {
  step = panel_cols<T>;
  if (packed) return packed + (j - product.col) * product.g.k + first * step;
  const int64_t cols = smaller(step, product.g.n - j);
  const View<T> b{product.b.at(first, j), product.b.row, product.b.col};
  if (cols == step) return step = b.row, b.data;
  T* line = scratch<T>(Scratch::packed_b, step * product.pass);
  pack_panel<T>(b, k, cols, line);
  return line;
}

template <class T>
void tile_product(const Product<T>& product, int64_t tile, const T* packed_b) {
  const Gemm& g = product.g;
  const Part rows = product.rows(tile), cols = product.cols(tile);
  const int64_t row = rows.begin, m = rows.end - rows.begin;
  for (int64_t first = 0; first < g.k; first += product.pass) {
    const int64_t k = smaller(product.pass, g.k - first);
    const View<T> a = rows_of_a(product, {product.a.at(row, first), product.a.row, product.a.col}, m, k);
    for (int64_t j = cols.begin; j < cols.end; j += panel_cols<T>) {
      int64_t step;
      const T* panel = panel_of_b(product, packed_b, first, k, j, step);
      multiply_panel(m, smaller(panel_cols<T>, g.n - j), k, a, panel, step, product.c + row * g.n + j, g.n, first > 0 || g.accumulate);
    }
  }
  if (product.epilogue) apply_epilogue(*product.epilogue, row, cols.begin, m, cols.end - cols.begin, g.n, product.c);
}

/// Without a k there is nothing to add, but C and the epilogue are still owed.
template <class T>
void empty_product(const Gemm& g, T* c, const Epilogue<T>* epilogue) {
  for (int64_t i = 0; i < g.m * g.n && !g.accumulate; ++i) c[i] = 0;
  if (epilogue) apply_epilogue(*epilogue, 0, 0, g.m, g.n, g.n, c);
}

template <class T>
void run(const Product<T>& product) {
  const Gemm& g = product.g;
  T* packed = nullptr;
  if (g.b_transposed) {                           // a transpose is too dear to be repeated by every row of tiles
    packed = scratch<T>(Scratch::packed_c, packed_size<T>(g.k, product.n));
    parallel_ranges(product.n, larger(1, elementwise_grain / (g.k * panel_cols<T>)) * panel_cols<T>, [&](int64_t begin, int64_t end) {
      pack_panels<T>({product.b.at(0, product.col + begin), product.b.row, product.b.col}, g.k, end - begin, packed + begin * g.k);
    });
  }
  if (g.m * product.n * g.k <= serial_work)
    for (int64_t tile = 0; tile < product.down * product.across; ++tile) tile_product(product, tile, packed);
  else
    parallel_tasks(product.down * product.across, [&](int64_t tile) { tile_product(product, tile, packed); });
}

template <class T>
void gemm(const Gemm& g, const T* a, const T* b, T* c, const Epilogue<T>* epilogue) {
  if (g.m <= 0 || g.n <= 0) return;
  if (g.k <= 0) return empty_product(g, c, epilogue);
  const int64_t stripe = g.b_transposed ? larger(1, stripe_size / g.k / panel_cols<T>) * panel_cols<T> : g.n;
  for (int64_t col = 0; col < g.n; col += stripe) run(Product<T>(g, a, b, c, epilogue, col, smaller(stripe, g.n - col)));
}

template <class T>
void gemm_batched(const Gemm& g, int64_t batches, const T* a, int64_t a_step, const T* b, int64_t b_step, T* c, int64_t c_step) {
  const auto one = [&](int64_t i) { gemm<T>(g, a + i * a_step, b + i * b_step, c + i * c_step, nullptr); };
  if (batches < enough_tiles) {
    for (int64_t i = 0; i < batches; ++i) one(i);
    return;
  }
  parallel_ranges(batches, larger(1, serial_work / larger(1, g.m * g.n * g.k)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) one(i);
  });
}

}  // namespace

template <class T>
void offer_native_gemm(Menu<T>& menu) {
  menu.gemm = gemm<T>;
  menu.gemm_batched = gemm_batched<T>;
}
template void offer_native_gemm(Menu<float>&);
template void offer_native_gemm(Menu<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
