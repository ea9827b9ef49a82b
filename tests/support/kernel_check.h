// Runs one kernel in every compiled instruction set, in both types and with several thread counts, against numbers in
// double: values agree within a few ulps of the type, bits agree between thread counts.
#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/parallel.h"
#include "kernels/philox.h"

namespace tapedeck::test {

using Numbers = std::vector<double>;

/// n numbers in [low, high), exactly representable in float, a function of the seed only.
inline Numbers random_numbers(int64_t n, uint64_t seed, double low = -2, double high = 2) {
  Numbers values(n);
  for (int64_t i = 0; i < n; ++i) {
    const double unit = kernels::philox(seed, uint64_t(i)).word[0] / 4294967296.0;
    values[i] = float(low + (high - low) * unit);
  }
  return values;
}
inline std::vector<int32_t> random_indices(int64_t n, int32_t limit, uint64_t seed) {
  std::vector<int32_t> values(n);
  for (int64_t i = 0; i < n; ++i) values[i] = int32_t(kernels::philox(seed, uint64_t(i), 7).word[1] % uint32_t(limit));
  return values;
}

template <class T>
std::vector<T> cast(const Numbers& values) {
  return {values.begin(), values.end()};
}

/// What an output buffer holds before the call: the given numbers when the kernel adds to them, NaN when it must not read.
template <class T>
std::vector<T> before(const Numbers& initial, bool accumulate) {
  if (accumulate) return cast<T>(initial);
  return std::vector<T>(initial.size(), std::numeric_limits<T>::quiet_NaN());
}
inline Numbers plus(Numbers values, const Numbers& initial, bool accumulate) {
  for (size_t i = 0; i < values.size() && accumulate; ++i) values[i] += initial[i];
  return values;
}
template <class V>
V joined(std::initializer_list<V> parts) {
  V all;
  for (const V& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

/// Difference in units of epsilon * (1 + |want|); equal infinities and NaN against NaN are 0.
template <class T>
double distance(T got, double want) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) == std::isnan(got) ? 0 : HUGE_VAL;
  if (std::isinf(want) || std::isinf(got)) return double(got) == want ? 0 : HUGE_VAL;
  return std::abs(double(got) - want) / (double(std::numeric_limits<T>::epsilon()) * (1 + std::abs(want)));
}

inline constexpr int thread_counts[] = {1, 2, 3, 7};

template <class T, class Run>
void check_type(const std::string& what, const Numbers& want, double slack, const Run& run) {
  for (std::string_view name : kernels::instruction_sets()) {
    REQUIRE(kernels::use_instruction_set(name));
    INFO(what << ", " << (sizeof(T) == 4 ? "f32" : "f64") << ", " << std::string(name));
    std::vector<T> serial;
    for (int count : thread_counts) {
      kernels::set_threads(count);
      const std::vector<T> got = run(kernels::kernel_table<T>());
      if (count > 1) {
        INFO(count << " threads");
        CHECK((got.empty() || std::memcmp(got.data(), serial.data(), got.size() * sizeof(T)) == 0));
        continue;
      }
      serial = got;
      REQUIRE(got.size() == want.size());
      size_t worst = 0;
      for (size_t i = 0; i < got.size(); ++i)
        if (distance(got[i], want[i]) > distance(got[worst], want[worst])) worst = i;
      if (got.empty()) continue;
      INFO("element " << worst << " of " << got.size() << ": got " << got[worst] << ", want " << want[worst]);
      CHECK(distance(got[worst], want[worst]) <= slack);
    }
  }
  kernels::set_threads(2);
  kernels::use_instruction_set(kernels::instruction_sets().back());
}

/// `run` is a generic lambda: KernelTable<T> -> vector<T> of all outputs; `want` are the same outputs in double; `slack` is in
/// units of epsilon(T) * (1 + |want|).
template <class Run>
void check_kernel(const std::string& what, const Numbers& want, double slack, const Run& run) {
  check_type<float>(what, want, slack, run);
  check_type<double>(what, want, slack, run);
}

/// The T of a table, for generic lambdas.
template <class T>
struct TypeOf;
template <class T>
struct TypeOf<kernels::KernelTable<T>> {
  using type = T;
};
template <class M>
using type_of = typename TypeOf<std::remove_cvref_t<M>>::type;

}  // namespace tapedeck::test
