// Comparing tensors: by bits, or by the largest gap relative to the largest entry. Next: tape/gradcheck.h.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include <tapedeck/base/error.h>
#include <tapedeck/tensor/tensor.h>

namespace tapedeck::testing {

/// The worst element of a comparison. relative = |left - right| / largest entry of the right side; a right side that
/// holds nothing above `floor` is measured against `floor`, so that exact zeros may meet rounding noise.
struct Gap {
  static constexpr double floor = 1e-3;
  double relative = 0, left = 0, right = 0;
  int64_t element = -1;
  std::string where;  // "input 2"
  std::string str() const {
    return text(where, where.empty() ? "" : ", ", "element ", element, ": ", left, " against ", right, ", relative gap ",
                relative);
  }
};
inline void widen(Gap& worst, const Gap& other) {
  if (other.relative > worst.relative) worst = other;
}

constexpr double no_match = std::numeric_limits<double>::infinity();

inline double largest_entry(const Tensor& t) {
  double largest = 0;
  for (int64_t i = 0; t && i < t.size(); ++i)
    if (std::isfinite(t.item(i))) largest = std::max(largest, std::fabs(t.item(i)));
  return largest;
}

/// scale: the entry that gaps are relative to; 0 takes the largest of the right side. Equal infinities and two NaN match.
inline Gap compare(const Tensor& left, const Tensor& right, double scale = 0) {
  Gap worst;
  if (!left || !right || left.shape() != right.shape()) {
    worst.relative = no_match;
    worst.where = text(left ? left.shape().str() : "nothing", " against ", right ? right.shape().str() : "nothing");
    return worst;
  }
  scale = std::max(scale > 0 ? scale : largest_entry(right), Gap::floor);
  for (int64_t i = 0; i < left.size(); ++i) {
    const double l = left.item(i), r = right.item(i);
    if (l == r || (std::isnan(l) && std::isnan(r))) continue;
    const double gap = std::isfinite(l) && std::isfinite(r) ? std::fabs(l - r) / scale : no_match;
    if (gap > worst.relative) worst = {gap, l, r, i, {}};
  }
  return worst;
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  if (!a || !b) return !a && !b;
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw<char>(), b.raw<char>(), size_t(a.size()) * size_of(a.dtype())) == 0;
}

/// Overwrites every element: floating ones with NaN, the others with 0 (a wrong index, but one that cannot crash).
inline void poison(const Tensor& t) {
  if (t.dtype() == DType::f32) std::ranges::fill(t.data<float>(), std::numeric_limits<float>::quiet_NaN());
  else if (t.dtype() == DType::f64) std::ranges::fill(t.data<double>(), std::numeric_limits<double>::quiet_NaN());
  else std::memset(t.raw<char>(), 0, size_t(t.size()) * size_of(t.dtype()));
}

inline void set(const Tensor& t, int64_t i, double value) {
  if (t.dtype() == DType::f64) t.raw<double>()[i] = value;
  else t.raw<float>()[i] = float(value);
}

}  // namespace tapedeck::testing
