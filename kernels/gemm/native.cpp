// Matrix products without a library: B is packed once into panels that all threads share, tiles of C are independent
// tasks. The order of every sum depends on k alone: a row of C has the same bits whatever rows surround it.
#include "epilogue.h"
#include "micro.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

inline constexpr int64_t depth = 256;             // k per pass: a panel of B (32 KB) stays in the first-level cache
inline constexpr int64_t tile_groups = 8;         // row groups per tile: 112 rows of A (112 KB) in the second level
inline constexpr int64_t tile_panels = 8;         // panels per tile
inline constexpr int64_t enough_tasks = 8;        // tiles shrink until there are this many
inline constexpr int64_t serial_work = 1 << 16;   // multiply-adds that one thread does faster than two can start

template <class T>
struct Product {
  Gemm g;
  View<T> a, b;
  T* c;
  const Epilogue<T>* epilogue;
  int64_t groups = tile_groups, panels = tile_panels, down = 1, across = 1;

  Product(const Gemm& gemm, const T* a_data, const T* b_data, T* c_data, const Epilogue<T>* e) : g(gemm), c(c_data), epilogue(e) {
    a = g.a_transposed ? View<T>{a_data, 1, g.m} : View<T>{a_data, g.k, 1};
    b = g.b_transposed ? View<T>{b_data, 1, g.k} : View<T>{b_data, g.n, 1};
    cut();
    while (down * across < enough_tasks && (groups > 1 || panels > 1) && g.m * g.n * g.k > serial_work) {
      if (groups > 1) groups /= 2;
      else panels /= 2;
      cut();
    }
  }
  void cut() {
    down = ceil_divide(g.m, groups * group_rows);
    across = ceil_divide(g.n, panels * panel_cols<T>);
  }
  /// Few rows do not pay for packing a B that is readable as it lies.
  bool packs() const { return g.b_transposed || g.m > 3 * group_rows; }
};

/// One tile of C over k in [first, first + k).
template <class T>
void tile_product(const Product<T>& product, int64_t tile, int64_t first, int64_t k, const T* packed_b) {
  const Gemm& g = product.g;
  const int64_t row = tile / product.across * product.groups * group_rows, m = smaller(product.groups * group_rows, g.m - row);
  const int64_t col = tile % product.across * product.panels * panel_cols<T>, n = smaller(product.panels * panel_cols<T>, g.n - col);
  const View<T> a{product.a.at(row, first), product.a.row, product.a.col};
  const bool add = first > 0 || g.accumulate;
  for (int64_t j = col; j < col + n; j += panel_cols<T>) {
    const int64_t cols = smaller(panel_cols<T>, g.n - j);
    const bool in_place = !packed_b && cols == panel_cols<T>;
    const T* panel = packed_b ? packed_b + j * k : product.b.at(first, j);
    if (!packed_b && !in_place) {
      T* edge = scratch<T>(Scratch::packed_b, panel_cols<T> * k);
      pack_panel<T>({panel, product.b.row, product.b.col}, k, cols, edge);
      panel = edge;
    }
    multiply_panel(m, cols, k, a, panel, in_place ? product.b.row : panel_cols<T>, product.c + row * g.n + j, g.n, add);
  }
  if (product.epilogue && first + k == g.k) apply_epilogue(*product.epilogue, row, col, m, n, g.n, product.c);
}

/// Without a k there is nothing to add, but C and the epilogue are still owed.
template <class T>
void empty_product(const Product<T>& product) {
  const Gemm& g = product.g;
  for (int64_t i = 0; i < g.m * g.n && !g.accumulate; ++i) product.c[i] = 0;
  if (product.epilogue) apply_epilogue(*product.epilogue, 0, 0, g.m, g.n, g.n, product.c);
}

template <class T>
void run(const Product<T>& product) {
  const Gemm& g = product.g;
  if (g.m <= 0 || g.n <= 0) return;
  if (g.k <= 0) return empty_product(product);
  const int64_t pass = ceil_divide(ceil_divide(g.k, ceil_divide(g.k, depth)), 8) * 8;  // equal passes, at most `depth` long
  T* packed = product.packs() ? scratch<T>(Scratch::packed_c, packed_size<T>(pass, g.n)) : nullptr;
  for (int64_t first = 0; first < g.k; first += pass) {
    const int64_t k = smaller(pass, g.k - first);
    if (packed)
      parallel_ranges(g.n, larger(1, elementwise_grain / (k * panel_cols<T>)) * panel_cols<T>, [&](int64_t begin, int64_t end) {
        pack_panels<T>({product.b.at(first, begin), product.b.row, product.b.col}, k, end - begin, packed + begin * k);
      });
    parallel_tasks(product.down * product.across, [&](int64_t tile) { tile_product(product, tile, first, k, packed); });
  }
}

template <class T>
void gemm(const Gemm& g, const T* a, const T* b, T* c, const Epilogue<T>* epilogue) { run(Product<T>(g, a, b, c, epilogue)); }

template <class T>
void gemm_batched(const Gemm& g, int64_t batches, const T* a, int64_t a_step, const T* b, int64_t b_step, T* c, int64_t c_step) {
  const auto one = [&](int64_t i) { run(Product<T>(g, a + i * a_step, b + i * b_step, c + i * c_step, nullptr)); };
  if (batches < enough_tasks) {
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
