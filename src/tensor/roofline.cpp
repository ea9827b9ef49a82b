// One long task per thread, repeated until the time is used up; the best run counts, since nothing but the machine itself
// can make it faster. Next: kernels/roofline.cpp.
#include <tapedeck/tensor/roofline.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include <tapedeck/tensor/machine.h>
#include <tapedeck/tensor/tensor.h>

#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace tapedeck {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int runs = 10;

/// Threads that are set back when the measurement is over.
struct WithThreads {
  int before = threads();
  explicit WithThreads(int count) { set_threads(count); }
  ~WithThreads() { set_threads(before); }
  WithThreads(const WithThreads&) = delete;
};

/// body(thread, repeats) on every thread at once; the best units per second, where one repeat of one thread is `unit`.
template <class Body>
double best_rate(int count, double seconds, double unit, Body body) {
  const WithThreads guard(count);
  const auto timed = [&](int64_t repeats) {
    const auto start = Clock::now();
    kernels::parallel_tasks(count, [&](int64_t thread) { body(thread, repeats); });
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  int64_t repeats = 1;
  const double wanted = seconds / runs;
  for (double spent = timed(repeats); spent < wanted / 2; spent = timed(repeats))
    repeats = std::max(repeats * 2, int64_t(double(repeats) * std::min(100.0, wanted / std::max(spent, 1e-9))));
  double best = 1e300;
  for (int run = 0; run < runs; ++run) best = std::min(best, timed(repeats));
  return unit * double(repeats) * count / best;
}

template <class T>
double fma_rate(double (*loop)(int64_t, T*), int count, double seconds) {
  constexpr size_t line = 16;  // numbers between the sinks of two threads
  std::vector<T> sinks(line * size_t(count));
  for (size_t thread = 0; thread < size_t(count); ++thread) sinks[thread * line] = T(0.5), sinks[thread * line + 1] = T(1);
  constexpr int64_t round = 1000;
  const double flops = loop(round, sinks.data());
  return best_rate(count, seconds, flops,
                   [&](int64_t thread, int64_t repeats) { loop(round * repeats, sinks.data() + size_t(thread) * line); });
}

/// The kernel's own figure; the C library's guesses from the CPU's name and is wrong in virtual machines.
size_t cache_bytes(int level, size_t otherwise) {
  std::ifstream size("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(level) + "/size");  // "1024K"; 0, 1: level 1
  size_t kibibytes = 0;
  return size >> kibibytes ? kibibytes << 10 : otherwise;
}

}  // namespace

std::optional<double> fma_peak(DType dtype, int count, double seconds) {
  if (dtype == DType::f64) return fma_rate(kernels::kernel_table<double>().fma_loop, count, seconds);
  const auto loop = dtype == DType::bf16 ? kernels::kernel_table<float>().bf16_loop : kernels::kernel_table<float>().fma_loop;
  if (!loop) return {};
  return fma_rate(loop, count, seconds);
}

size_t stream_bytes(MemoryLevel level, int count) {
  const size_t third = cache_bytes(3, size_t{16} << 20);
  if (level == MemoryLevel::l2) return cache_bytes(2, size_t{512} << 10) / 2 * size_t(count);
  return level == MemoryLevel::l3 ? third / 4 : std::min(third * 4, size_t(count) << 27);
}

double triad_bandwidth(MemoryLevel level, int count, bool in_place, double seconds) {
  const int64_t arrays = in_place ? 1 : 3, n = int64_t(stream_bytes(level, count) / sizeof(float)) / (arrays * count);
  std::vector<Tensor> data;  // one each: a large machine's exceed what a tensor may hold
  for (int thread = 0; thread < count; ++thread) data.push_back(Tensor::full({arrays, n}, 1));
  const auto triad = kernels::kernel_table<float>().triad;
  const double bytes = double(in_place ? 2 : 3) * sizeof(float) * double(n);
  return best_rate(count, seconds, bytes, [&](int64_t thread, int64_t repeats) {
    float* a = data[size_t(thread)].raw<float>();
    const float *b = a + (arrays - 1) * n, *c = a + (arrays / 2) * n;
    for (int64_t i = 0; i < repeats; ++i) triad(n, 0, b, c, a);
  });
}

}  // namespace tapedeck
