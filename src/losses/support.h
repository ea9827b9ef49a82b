// What the losses share: constants filled on the host, masks that stay finite, averages that survive an empty batch,
// checks that name the loss. Next: contrastive.cpp, which uses most of it.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include <tapedeck/base/error.h>
#include <tapedeck/ops/fused.h>

namespace tapedeck {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// [..., c] as [rows, c].
inline Tensor as_rows(const Tensor& x) { return x.shape().rank() == 2 ? x : reshape(x, {x.shape().rows(), x.shape().cols()}); }

/// Whether a row of x[rows, c] is -inf throughout, so that it has no probabilities. Usually its first entry answers.
inline bool excludes_all(const Tensor& x, int64_t row) {
  const int64_t cols = x.shape()[1];
  for (int64_t e = row * cols; e < (row + 1) * cols; ++e)
    if (x.item(e) != -infinity) return false;
  return true;
}

/// Weights and targets that no gradient reaches: element i is value(i).
template <class F>
Tensor constant(const Shape& shape, DType dtype, F value) {
  const Tensor t = Tensor::empty(shape, dtype);
  dispatch(dtype, [&](auto tag) {
    for (int64_t i = 0; i < t.size(); ++i) t.raw<decltype(tag)>()[i] = decltype(tag)(value(i));
  });
  return t;
}
/// u8, 1 where holds(i).
template <class F>
Tensor mask_of(const Shape& shape, F holds) {
  const Tensor t = Tensor::empty(shape, DType::u8);
  for (int64_t i = 0; i < t.size(); ++i) t.raw<uint8_t>()[i] = holds(i) ? 1 : 0;
  return t;
}

/// u8, 1 where holds(value of x); the type is looked at once, so this is a plain loop.
template <class F>
Tensor mask_where(const Tensor& x, F holds) {
  const Tensor t = Tensor::empty(x.shape(), DType::u8);
  dispatch(x.dtype(), [&](auto tag) {
    for (int64_t i = 0; i < x.size(); ++i) t.raw<uint8_t>()[i] = holds(x.raw<decltype(tag)>()[i]) ? 1 : 0;
  });
  return t;
}
/// u8, 1 where x is not -inf.
inline Tensor above_minus_infinity(const Tensor& x) {
  return mask_where(x, [](auto v) { return v != -infinity; });
}

/// Stands for -inf inside a logsumexp: its exponential is 0 beside any score, and it is finite, so that no difference is NaN
/// and a search for the first non-finite value is not misled.
inline double absent(DType dtype) {
  return (dtype == DType::f64 ? std::numeric_limits<double>::lowest() : double(std::numeric_limits<float>::lowest())) / 4;
}
/// x where mask is set, `otherwise` elsewhere; what is not taken gets exactly gradient 0, whatever it holds.
inline Tensor only(const Tensor& mask, const Tensor& x, double otherwise = 0) {
  return where(mask, x, Tensor::full(x.shape(), otherwise, x.dtype()));
}

/// 0 as a function of x, with gradient 0: the loss of a batch that has nothing to compare.
inline Tensor nothing(const Tensor& x) { return sum(slice(x, 0, 0, 0)); }
/// sum(x) / count, and 0 for a count of 0.
inline Tensor share(const Tensor& x, double count) { return sum(x) / (count > 0 ? count : 1); }

inline void require_matrix(std::string_view loss, std::string_view what, const Tensor& x) {
  if (!x || x.shape().rank() != 2)
    throw Error(ErrorKind::shape, text(loss, ": ", what, " is ", x ? x.shape().str() : "undefined", "; needs rows and columns"));
}
inline void require_same(std::string_view loss, const Tensor& a, const Tensor& b) {
  if (!b || a.shape() != b.shape() || a.dtype() != b.dtype())
    throw Error(ErrorKind::shape,
                text(loss, ": ", name_of(a.dtype()), a.shape().str(), " meets ",
                     b ? text(name_of(b.dtype()), b.shape().str()) : "nothing", "; needs equal shapes and types"));
}
/// i32 [rows].
inline void require_labels(std::string_view loss, const Tensor& labels, int64_t rows) {
  if (!labels || labels.dtype() != DType::i32 || labels.shape() != Shape{rows})
    throw Error(ErrorKind::shape,
                text(loss, ": labels are ", labels ? text(name_of(labels.dtype()), labels.shape().str()) : "undefined",
                     "; needs i32[", rows, "]"));
}
/// Label y of a row against the number of classes.
inline void require_class(std::string_view loss, int32_t y, int64_t row, int64_t classes) {
  if (y >= classes)
    throw Error(ErrorKind::index, text(loss, ": label ", y, " of row ", row, " is not one of ", classes, " classes"));
}
inline void require_positive(std::string_view loss, std::string_view what, double value) {
  if (!(value > 0) || !std::isfinite(value))
    throw Error(ErrorKind::value, text(loss, ": ", what, " is ", value), "give a number above 0");
}

}  // namespace tapedeck
