// Matrix products without a library: tiles of C are independent tasks that read A and B where they lie; only a transposed B
// is packed, once for all. The order of every sum depends on k alone: a row of C has the same bits whatever rows surround
// it. Next: tiles.h, micro.h.
#include "epilogue.h"
#include "micro.h"
#include "tiles.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

inline constexpr Limits packed_panels{1024, 8, 24};   // A and B are contiguous in k
inline constexpr Limits strided_panels{512, 8, 24};   // neighbours of B in k lie a row apart and fall on few lines of the cache
inline constexpr Limits strided_groups{512, 16, 16};  // those of A as well

template <class T>
struct Product {
  Gemm g;
  MatrixView<T> a, b;
  T* c;
  const Epilogue<T>* epilogue;
  Tiles tiles;

  /// Columns col .. col + n of C.
  Product(const Gemm& gemm, const T* a_data, const T* b_data, T* c_data, const Epilogue<T>* e, int64_t col, int64_t n)
      : g(gemm),
        c(c_data),
        epilogue(e),
        tiles(gemm,
              gemm.a_transposed   ? strided_groups
              : gemm.b_transposed ? packed_panels
                                  : strided_panels,
              panel_cols<T>, col, n) {
    a = g.a_transposed ? MatrixView<T>{a_data, 1, g.m} : MatrixView<T>{a_data, g.k, 1};
    b = g.b_transposed ? MatrixView<T>{b_data, 1, g.k} : MatrixView<T>{b_data, g.n, 1};
  }
  /// Rows that fall on the same few lines of the cache are copied next to each other if enough panels use them.
  bool copies_a() const {
    if (!g.a_transposed) return g.k * int64_t(sizeof(T)) % 4096 == 0;
    return g.m * int64_t(sizeof(T)) >= 3072 && tiles.panels >= 8 * tiles.across;
  }
};

/// m rows of A over k numbers each: as they lie, or copied to this thread's scratch.
template <class T>
MatrixView<T> rows_of_a(const Product<T>& product, const MatrixView<T>& a, int64_t m, int64_t k) {
  if (!product.copies_a()) return a;
  const bool transposed = product.g.a_transposed;
  const int64_t lines = transposed ? k : m, length = transposed ? m : k, step = transposed ? a.col : a.row;
  T* packed = scratch<T>(Scratch::packed_a, lines * length);
  for (int64_t i = 0; i < lines; ++i) {
    const T* from = a.data + i * step;
    T* to = packed + i * length;
#pragma omp simd
    for (int64_t p = 0; p < length; ++p) to[p] = from[p];
  }
  return transposed ? MatrixView<T>{packed, 1, length} : MatrixView<T>{packed, length, 1};
}

/// Where one panel of B over k starts, and the distance of its rows: packed already, as it lies, or packed here (the edge of B).
template <class T>
const T* panel_of_b(const Product<T>& product, const T* packed, int64_t first, int64_t k, int64_t j, int64_t& step) {
  step = panel_cols<T>;
  if (packed) return packed + (j - product.tiles.col) * product.g.k + first * step;
  const int64_t cols = smaller(step, product.g.n - j);
  const MatrixView<T> b{product.b.at(first, j), product.b.row, product.b.col};
  if (cols == step) return step = b.row, b.data;
  T* line = scratch<T>(Scratch::packed_b, step * product.tiles.pass);
  pack_panel<T>(b, k, cols, line);
  return line;
}

template <class T>
void tile_product(const Product<T>& product, int64_t tile, const T* packed_b) {
  const Gemm& g = product.g;
  const Range rows = product.tiles.rows(tile), cols = product.tiles.cols(tile);
  const int64_t row = rows.begin, m = rows.end - rows.begin;
  for (int64_t first = 0; first < g.k; first += product.tiles.pass) {
    const int64_t k = smaller(product.tiles.pass, g.k - first);
    const MatrixView<T> a = rows_of_a(product, {product.a.at(row, first), product.a.row, product.a.col}, m, k);
    for (int64_t j = cols.begin; j < cols.end; j += panel_cols<T>) {
      int64_t step;
      const T* panel = panel_of_b(product, packed_b, first, k, j, step);
      multiply_panel(m, smaller(panel_cols<T>, g.n - j), k, a, panel, step, product.c + row * g.n + j, g.n,
                     first > 0 || g.accumulate);
    }
  }
  if (product.epilogue) apply_epilogue(*product.epilogue, row, cols.begin, m, cols.end - cols.begin, g.n, product.c);
}

template <class T>
void run(const Product<T>& product) {
  const Gemm& g = product.g;
  const Tiles& tiles = product.tiles;
  T* packed = nullptr;
  if (g.b_transposed) {  // a transpose is too dear to be repeated by every row of tiles
    packed = scratch<T>(Scratch::packed_c, packed_size<T>(g.k, tiles.n));
    parallel_ranges(tiles.n, tiles.packing_grain(), [&](int64_t begin, int64_t end) {
      pack_panels<T>({product.b.at(0, tiles.col + begin), product.b.row, product.b.col}, g.k, end - begin, packed + begin * g.k);
    });
  }
  tiles.for_each([&](int64_t tile) { tile_product(product, tile, packed); });
}

template <class T>
void gemm(const Gemm& g, const T* a, const T* b, T* c, const Epilogue<T>* epilogue) {
  if (g.m <= 0 || g.n <= 0) return;
  if (g.k <= 0) return empty_product(g, c, epilogue);
  const int64_t stripe = g.b_transposed ? stripe_cols(g, panel_cols<T>) : g.n;
  for (int64_t col = 0; col < g.n; col += stripe) run(Product<T>(g, a, b, c, epilogue, col, smaller(stripe, g.n - col)));
}

template <class T>
void gemm_batched(const Gemm& g, int64_t batches, const T* a, int64_t a_step, const T* b, int64_t b_step, T* c, int64_t c_step) {
  const auto one = [&](int64_t i) { gemm<T>(g, a + i * a_step, b + i * b_step, c + i * c_step, nullptr); };
  if (batches < Tiles::enough) {
    for (int64_t i = 0; i < batches; ++i) one(i);
    return;
  }
  parallel_ranges(batches, larger(1, Tiles::serial_work / larger(1, g.m * g.n * g.k)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) one(i);
  });
}

}  // namespace

template <class T>
void register_native_gemm(KernelTable<T>& table) {
  table.gemm = gemm<T>;
  table.gemm_batched = gemm_batched<T>;
}
template void register_native_gemm(KernelTable<float>&);
template void register_native_gemm(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
