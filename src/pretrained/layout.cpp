// Rows and columns change places here, and nowhere else. Next: load.cpp.
#include "src/pretrained/layout.h"

#include <algorithm>
#include <vector>

namespace tapedeck {
namespace {

template <class T>
void transpose(const T* in, int64_t rows, int64_t cols, T* out) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) out[c * rows + r] = in[r * cols + c];
}

/// Pairs (2i, 2i + 1) of every head's rows against pairs (i, i + half). theirs_of_ours: which way.
template <class T>
void turn(const T* in, int64_t rows, int64_t cols, int64_t head_size, bool theirs_of_ours, T* out) {
  const int64_t half = head_size / 2;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t head = r / head_size * head_size, i = r % head_size;
    const int64_t theirs = head + (i < half ? 2 * i : 2 * (i - half) + 1);
    const int64_t from = theirs_of_ours ? r : theirs, to = theirs_of_ours ? theirs : r;
    std::copy_n(in + from * cols, cols, out + to * cols);
  }
}

}  // namespace

LayoutOf LayoutOf::row(const NameRow& row, const PretrainedConfig& config) {
  return {row.layout, 1 + std::count(row.theirs.begin(), row.theirs.end(), '|'), config.spec.width / config.spec.heads,
          row.layout == Layout::after_padding ? config.skipped_rows() : 0};
}

Shape LayoutOf::their_shape(const Shape& ours) const {
  if (layout == Layout::transposed && ours.rank() == 2) return {ours[1], ours[0]};
  return ours.with(0, ours[0] / parts + skipped_rows);
}

template <class T>
void LayoutOf::take(const Shape& ours, T* out, const std::function<void(int64_t, int64_t, int64_t, T*)>& read) const {
  const int64_t size = ours.size() / parts, rows = ours[0] / parts, cols = rows ? size / rows : 0;
  for (int64_t part = 0; part < parts; ++part) {
    T* const to = out + part * size;
    const bool transposed = layout == Layout::transposed && ours.rank() == 2, turned = layout == Layout::turned && part < 2;
    if (!transposed && !turned) {
      read(part, skipped_rows * cols, size, to);
      continue;
    }
    std::vector<T> theirs(static_cast<size_t>(size));
    read(part, 0, size, theirs.data());
    if (transposed) transpose(theirs.data(), cols, rows, to);
    else turn(theirs.data(), rows, cols, head_size, false, to);
  }
}
template void LayoutOf::take(const Shape&, float*, const std::function<void(int64_t, int64_t, int64_t, float*)>&) const;
template void LayoutOf::take(const Shape&, double*, const std::function<void(int64_t, int64_t, int64_t, double*)>&) const;

Tensor LayoutOf::give(const Tensor& ours, int64_t part) const {
  const Tensor out = Tensor::zeros(their_shape(ours.shape()), ours.dtype());
  const int64_t size = ours.size() / parts, rows = ours.shape()[0] / parts, cols = rows ? size / rows : 0;
  dispatch(ours.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* from = ours.raw<T>() + part * size;
    if (layout == Layout::transposed && ours.shape().rank() == 2) transpose(from, rows, cols, out.raw<T>());
    else if (layout == Layout::turned && part < 2) turn(from, rows, cols, head_size, true, out.raw<T>());
    else std::copy_n(from, size, out.raw<T>() + skipped_rows * cols);
  });
  return out;
}

}  // namespace tapedeck
