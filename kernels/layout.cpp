// Moving numbers without computing: permutations and strided copies.
#include "variant.h"
#include "vectors.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

inline constexpr int max_rank = 6;

struct Walk {                    // the output in order, as (size, stride in the input) per axis, outermost first
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

/// Offsets in input and output of the `index`-th combination of all axes but `inner` and the last.
struct Place { int64_t in = 0, out = 0; };
TAPEDECK_INLINE Place place_of(const Walk& walk, int64_t index, int inner) {
  Place place;
  int64_t out_stride = walk.size[walk.rank - 1];
  for (int axis = walk.rank - 2; axis >= 0; --axis) {
    if (axis != inner) {
      place.in += index % walk.size[axis] * walk.stride[axis], place.out += index % walk.size[axis] * out_stride;
      index /= walk.size[axis];
    }
    out_stride *= walk.size[axis];
  }
  return place;
}

template <class T>
void permute(int rank, const int64_t* shape, const int* order, const T* x, T* y, bool accumulate) {
  const Walk walk = plan_walk(rank, shape, order);
  const int last = walk.rank - 1;
  const int64_t cols = walk.size[last], stride = walk.stride[last];
  int inner = last;  // the axis that is contiguous in x; when it is not the last one, x is turned in square blocks
  while (walk.stride[inner] != 1) --inner;
  int64_t places = 1, inner_stride = 1;  // inner_stride: elements of y between neighbours along `inner`
  for (int axis = 0; axis < last; ++axis) {
    if (axis != inner) places *= walk.size[axis];
    if (axis > inner) inner_stride *= walk.size[axis];
  }
  inner_stride *= cols;
  const int64_t strip = inner == last ? cols : smaller(cols, 64), strips = ceil_divide(cols, strip);
  with_flag(accumulate, [&](auto add) {
    const int64_t work = strip * (inner == last ? 1 : walk.size[inner]);
    parallel_ranges(places * strips, row_grain(work), [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const Place place = place_of(walk, task / strips, inner);
        const int64_t first = task % strips * strip, count = smaller(strip, cols - first);
        const T* from = x + place.in + first * stride;
        T* to = y + place.out + first;
        if (inner != last) {
          transpose_into<add.value>(count, walk.size[inner], from, stride, to, inner_stride);
          continue;
        }
#pragma omp simd
        for (int64_t c = 0; c < count; ++c) store<add.value>(to[c], from[c]);
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
void offer_layout(Menu<T>& menu) {
  menu.permute = permute<T>;
  menu.copy_rows = copy_rows<T>;
}
template void offer_layout(Menu<float>&);
template void offer_layout(Menu<double>&);

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
