// Moving numbers without computing: permutations and strided copies.
#include "variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

inline constexpr int max_rank = 6;

struct Walk {  // the output in order, as (size, stride in the input) per axis, outermost first
  int rank = 0;
  int64_t size[max_rank], stride[max_rank];
};

/// Axes of size 1 vanish and neighbours that stay neighbours merge, so that most permutations become short.
Walk plan_walk(int rank, const int64_t* shape, const int* order) {
  int64_t strides[max_rank], step = 1;
  for (int axis = rank - 1; axis >= 0; --axis) strides[axis] = step, step *= shape[axis];
  Walk walk;
  for (int i = 0; i < rank; ++i) {
    const int64_t size = shape[order[i]], stride = strides[order[i]];
    if (size == 1) continue;
    if (walk.rank > 0 && walk.stride[walk.rank - 1] == stride * size) {
      walk.size[walk.rank - 1] *= size, walk.stride[walk.rank - 1] = stride;
    } else {
      walk.size[walk.rank] = size, walk.stride[walk.rank] = stride, ++walk.rank;
    }
  }
  if (walk.rank == 0) walk = {1, {1}, {1}};
  return walk;
}

/// Input offset of output row `row` (all axes but the last).
TAPEDECK_INLINE int64_t input_offset(const Walk& walk, int64_t row) {
  int64_t offset = 0;
  for (int axis = walk.rank - 2; axis >= 0; --axis) offset += row % walk.size[axis] * walk.stride[axis], row /= walk.size[axis];
  return offset;
}

template <class T>
void permute(int rank, const int64_t* shape, const int* order, const T* x, T* y, bool accumulate) {
  const Walk walk = plan_walk(rank, shape, order);
  int64_t rows = 1;
  for (int axis = 0; axis + 1 < walk.rank; ++axis) rows *= walk.size[axis];
  const int64_t cols = walk.size[walk.rank - 1], stride = walk.stride[walk.rank - 1];
  with_flag(accumulate, [&](auto add) {
    parallel_ranges(rows, row_grain(cols), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const T* from = x + input_offset(walk, row);
        T* to = y + row * cols;
        for (int64_t c = 0; c < cols; ++c) store<add.value>(to[c], from[c * stride]);
      }
    });
  });
}

template <class T>
void copy_rows(int64_t rows, int64_t cols, const T* x, int64_t x_stride, T* y, int64_t y_stride, bool accumulate) {
  with_flag(accumulate, [=](auto add) {
    parallel_ranges(rows, row_grain(cols), [=](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const T* from = x + row * x_stride;
        T* to = y + row * y_stride;
#pragma omp simd
        for (int64_t c = 0; c < cols; ++c) store<add.value>(to[c], from[c]);
      }
    });
  });
}

}  // namespace

template <class T>
void register_layout(KernelTable<T>& table) {
  table.permute = permute<T>;
  table.copy_rows = copy_rows<T>;
}
template void register_layout(KernelTable<float>&);
template void register_layout(KernelTable<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
