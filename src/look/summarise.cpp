// Plain loops over elements, in order and in double: the same summary whatever the number of threads.
#include "src/look/summarise.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace tapedeck {
namespace {

constexpr int64_t sample_size = 64;

template <class T>
ValueSummary summarise(const T* x, int64_t n) {
  ValueSummary s;
  double sum = 0, squares = 0;
  int64_t finite = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double v = double(x[i]);
    if (!std::isfinite(v)) {
      ++(std::isnan(v) ? s.nan : s.infinite);
      if (s.first_bad < 0) s.first_bad = i;
      continue;
    }
    s.min = finite ? std::min(s.min, v) : v;
    s.max = finite ? std::max(s.max, v) : v;
    ++finite;
    sum += v;
    squares += v * v;
    s.zeros += v == 0;
  }
  s.mean = finite ? sum / double(finite) : 0;
  s.norm = std::sqrt(squares);
  return s;
}

}  // namespace

ValueSummary summarise(const Tensor& t) {
  switch (t.dtype()) {
    case DType::f32: return summarise(t.raw<float>(), t.size());
    case DType::f64: return summarise(t.raw<double>(), t.size());
    case DType::i32: return summarise(t.raw<int32_t>(), t.size());
    case DType::u8: return summarise(t.raw<uint8_t>(), t.size());
    case DType::bf16: return {};
  }
  return {};
}

std::vector<float> sample(const Tensor& t) {
  std::vector<float> out;
  if (t.dtype() == DType::bf16) return out;
  const int64_t n = t.size(), count = std::min(n, sample_size);
  for (int64_t i = 0; i < count; ++i) out.push_back(float(t.item(i * n / count)));
  return out;
}

double norm_of_difference(const Tensor& a, const Tensor& b) {
  return dispatch(a.dtype(), [&](auto tag) {
    using T = decltype(tag);
    double sum = 0;
    for (int64_t i = 0; i < a.size(); ++i) {
      const double d = double(a.raw<T>()[i]) - double(b.raw<T>()[i]);
      sum += d * d;
    }
    return std::sqrt(sum);
  });
}

Difference difference(const Tensor& got, const Tensor& exact) {
  Difference d;
  double largest = 0, off = 0;
  for (int64_t i = 0; i < got.size(); ++i) {
    const double e = exact.raw<double>()[i], gap = std::fabs(double(got.raw<float>()[i]) - e);
    if (!std::isfinite(gap)) continue;
    const float at = float(std::fabs(e));
    const double unit = double(std::nextafter(at, std::numeric_limits<float>::infinity())) - double(at);
    largest = std::max(largest, std::fabs(e));
    off = std::max(off, gap);
    if (std::isfinite(unit)) d.ulp = std::max(d.ulp, gap / unit);
  }
  d.relative = largest > 0 ? off / largest : off;
  return d;
}

uint64_t hash_bits(const void* data, size_t bytes, uint64_t start) {
  uint64_t h = start ^ (0x9e3779b97f4a7c15u + bytes);
  const auto* p = static_cast<const std::byte*>(data);
  const auto mix = [&](uint64_t word) {
    h = (h ^ word) * 0xff51afd7ed558ccdu;
    h ^= h >> 32;
  };
  for (; bytes >= 8; p += 8, bytes -= 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    mix(word);
  }
  if (bytes) {
    uint64_t word = 0;
    std::memcpy(&word, p, bytes);
    mix(word);
  }
  return h;
}

}  // namespace tapedeck
