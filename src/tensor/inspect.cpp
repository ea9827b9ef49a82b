// Elements through the kernels, in blocks of fixed length that are put together in order.
#include <tapedeck/tensor/inspect.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace tapedeck {
namespace {

template <class T>
ValueSummary summarise(const Tensor& t) {
  const kernels::Summary s = kernels::kernel_table<T>().summarise(t.size(), t.raw<T>());
  const int64_t finite = t.size() - s.nan - s.infinite;
  return {finite ? s.min : 0, finite ? s.max : 0, finite ? s.sum / double(finite) : 0, std::sqrt(s.squares), s.zeros, s.nan,
          s.infinite,         s.first_bad};
}

/// Whole numbers: indices and masks, which are small.
template <class T>
ValueSummary summarise_whole(const T* x, int64_t n) {
  ValueSummary s;
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double v = double(x[i]);
    s.min = i ? std::min(s.min, v) : v;
    s.max = i ? std::max(s.max, v) : v;
    sum += v;
    squares += v * v;
    s.zeros += v == 0;
  }
  s.mean = n ? sum / double(n) : 0;
  s.norm = std::sqrt(squares);
  return s;
}

/// Eight chains of multiplications that do not wait for each other.
uint64_t hash_block(const std::byte* p, size_t bytes) {
  constexpr size_t chains = 8;
  constexpr uint64_t factor = 0xff51afd7ed558ccdu;
  uint64_t h[chains];
  for (size_t c = 0; c < chains; ++c) h[c] = (c + 1) * 0x9e3779b97f4a7c15u;
  const auto mix = [](uint64_t& h, uint64_t word) {
    h = (h ^ word) * factor;
    h ^= h >> 32;
  };
  for (; bytes >= 8 * chains; p += 8 * chains, bytes -= 8 * chains) {
#pragma GCC unroll 8
    for (size_t c = 0; c < chains; ++c) {
      uint64_t word;
      std::memcpy(&word, p + 8 * c, sizeof word);
      mix(h[c], word);
    }
  }
  for (; bytes > 0; p += std::min<size_t>(8, bytes), bytes -= std::min<size_t>(8, bytes)) {
    uint64_t word = bytes < 8 ? bytes << 56 : 0;
    std::memcpy(&word, p, std::min<size_t>(8, bytes));
    mix(h[bytes / 8 % chains], word);
  }
  for (size_t c = 1; c < chains; ++c) mix(h[0], h[c]);
  return h[0];
}

}  // namespace

ValueSummary summarise(const Tensor& t) {
  switch (t.dtype()) {
    case DType::f32:
      return summarise<float>(t);
    case DType::f64:
      return summarise<double>(t);
    case DType::i32:
      return summarise_whole(t.raw<int32_t>(), t.size());
    case DType::u8:
      return summarise_whole(t.raw<uint8_t>(), t.size());
    case DType::bf16:
      return {};
  }
  return {};
}

double norm_of_change(const Tensor& now, Tensor& old) {
  return dispatch(now.dtype(), [&](auto tag) {
    using T = decltype(tag);
    kernels::kernel_table<T>().add_scaled(now.size(), -1, now.raw<T>(), old.raw<T>());
    return std::sqrt(kernels::kernel_table<T>().sum_squares(old.size(), old.raw<T>()));
  });
}

uint64_t hash_bits(const void* data, size_t bytes, uint64_t start) {
  constexpr int64_t block = 1 << 16;
  const auto* p = static_cast<const std::byte*>(data);
  std::vector<uint64_t> parts((bytes + size_t(block) - 1) / size_t(block));
  kernels::parallel_ranges(int64_t(bytes), block, [&](int64_t begin, int64_t end) {
    parts[size_t(begin / block)] = hash_block(p + begin, size_t(end - begin));
  });
  if (parts.size() == 1 && start == 0) return parts[0];
  return hash_block(reinterpret_cast<const std::byte*>(parts.data()), parts.size() * sizeof(uint64_t)) ^
         (start + bytes) * 0x9e3779b97f4a7c15u;
}

}  // namespace tapedeck
