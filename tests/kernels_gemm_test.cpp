// Matrix products: both backends, every transpose, accumulation, epilogues, batches; threads and dispatch.
#include <doctest/doctest.h>

#include <atomic>
#include <bit>
#include <stdexcept>

#include "support/naive_kernels.h"

using namespace tapedeck::kernels;
using namespace tapedeck::test;

namespace {

const GemmBackend backends[] = {GemmBackend::openblas, GemmBackend::native};
const int64_t shapes[][3] = {{1, 1, 1},    {15, 16, 17}, {17, 1, 129},   {1, 127, 33},    {129, 127, 16}, {13, 300, 5},
                             {64, 64, 64}, {3, 2, 1000}, {300, 270, 40}, {131, 97, 1100}, {2, 515, 7},    {65, 48, 0}};

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::gelu_erf:
      return x * std::erfc(-x / std::sqrt(2.0)) / 2;
    case Activation::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::silu:
      return x * naive::sigmoid(x);
    case Activation::tanh:
      return std::tanh(x);
  }
  return x;
}

}  // namespace

TEST_CASE("gemm with every transpose, accumulated or not, by both backends") {
  for (auto [m, n, k] : shapes)
    for (int flags = 0; flags < 8; ++flags) {
      const Gemm g{m, n, k, bool(flags & 1), bool(flags & 2), bool(flags & 4)};
      const Numbers a = random_numbers(m * k, 1, -1, 1), b = random_numbers(k * n, 2, -1, 1), initial = random_numbers(m * n, 3);
      const Numbers want = plus(naive::gemm(g, a.data(), b.data()), initial, g.accumulate);
      for (GemmBackend backend : backends) {
        use_gemm(backend);
        check_kernel("gemm with flags " + std::to_string(flags) + " by backend " + std::to_string(int(backend)), want,
                     8 * std::sqrt(double(k) + 1) + 8, [&](const auto& table) {
                       using T = type_of<decltype(table)>;
                       const auto left = cast<T>(a), right = cast<T>(b);
                       auto c = before<T>(initial, g.accumulate);
                       table.gemm(g, left.data(), right.data(), c.data(), static_cast<const Epilogue<T>*>(nullptr));
                       return c;
                     });
      }
    }
  use_gemm(default_gemm_backend);
}

TEST_CASE("gemm with bf16 operands equals f32 sums of rounded operands, with every transpose, and its epilogue") {
  if (!kernel_table<float>().gemm_bf16) {
    MESSAGE("skipped: this CPU does not multiply bf16");
    return;
  }
  const auto rounded = [](Numbers x) {  // to 8 bits of mantissa, ties to even
    for (double& v : x) {
      uint32_t bits = std::bit_cast<uint32_t>(float(v));
      bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000u;
      v = std::bit_cast<float>(bits);
    }
    return x;
  };
  for (const auto& size : shapes)
    for (int flags = 0; flags < 8; ++flags) {
      const int64_t m = size[0], n = size[1], k = size[2];
      const Gemm g{m, n, k, bool(flags & 1), bool(flags & 2), bool(flags & 4)};
      const Numbers a = random_numbers(m * k, 1, -1, 1), b = random_numbers(k * n, 2, -1, 1), initial = random_numbers(m * n, 3);
      const Numbers left = rounded(a), right = rounded(b), bias = random_numbers(n, 4);
      Numbers want = plus(naive::gemm(g, left.data(), right.data()), initial, g.accumulate);
      const auto x = cast<float>(a), y = cast<float>(b), add = cast<float>(bias);
      for (int threads : {1, 2, 3}) {
        set_threads(threads);
        auto c = before<float>(initial, g.accumulate);
        const Epilogue<float> epilogue{add.data(), Activation::relu, nullptr};
        kernel_table<float>().gemm_bf16(g, x.data(), y.data(), c.data(), g.accumulate ? nullptr : &epilogue);
        double worst = 0;
        for (int64_t i = 0; i < m * n; ++i)
          worst = std::max(worst, std::abs(double(c[i]) - (g.accumulate ? want[i] : std::max(0.0, want[i] + bias[i % n]))));
        INFO(m, "x", n, "x", k, " flags ", flags);
        CHECK(worst <= 2e-6 * std::sqrt(double(k) + 1));
      }
    }
  set_threads(0);
}

TEST_CASE("gemm epilogues: bias, every activation, the value before it") {
  const int64_t sizes[][3] = {{17, 33, 20}, {140, 300, 64}, {5, 16, 600}};
  for (auto [m, n, k] : sizes)
    for (auto activation :
         {Activation::none, Activation::relu, Activation::gelu_erf, Activation::gelu_tanh, Activation::silu, Activation::tanh}) {
      const Gemm g{m, n, k};
      const Numbers a = random_numbers(m * k, 1, -0.5, 0.5), b = random_numbers(k * n, 2, -0.5, 0.5), bias = random_numbers(n, 3);
      Numbers kept = naive::gemm(g, a.data(), b.data()), want;
      for (int64_t i = 0; i < m * n; ++i) kept[i] += bias[i % n], want.push_back(activate(activation, kept[i]));
      for (GemmBackend backend : backends) {
        use_gemm(backend);
        check_kernel("epilogue", joined({want, kept}), 8 * std::sqrt(double(k)) + 16, [&, n = n, m = m](const auto& table) {
          using T = type_of<decltype(table)>;
          const auto left = cast<T>(a), right = cast<T>(b), add = cast<T>(bias);
          std::vector<T> c(m * n, T(NAN)), value(m * n, T(NAN));
          const Epilogue<T> epilogue{add.data(), activation, value.data()};
          table.gemm(g, left.data(), right.data(), c.data(), &epilogue);
          return joined({c, value});
        });
      }
    }
  use_gemm(default_gemm_backend);
}

TEST_CASE("batched products, one matrix repeated") {
  const int64_t sizes[][4] = {{3, 17, 33, 20}, {40, 5, 7, 9}, {2, 140, 270, 33}, {5, 16, 1, 16}};
  for (auto [batches, m, n, k] : sizes)
    for (int flags = 0; flags < 8; ++flags)
      for (bool repeat : {false, true}) {
        const Gemm g{m, n, k, bool(flags & 1), bool(flags & 2), bool(flags & 4)};
        const int64_t a_step = repeat ? 0 : m * k, b_step = k * n, c_step = m * n;
        const Numbers a = random_numbers(batches * m * k, 1, -1, 1), b = random_numbers(batches * k * n, 2, -1, 1),
                      initial = random_numbers(batches * m * n, 3);
        Numbers want;
        for (int64_t i = 0; i < batches; ++i) {
          const Numbers one = naive::gemm(g, a.data() + i * a_step, b.data() + i * b_step);
          want.insert(want.end(), one.begin(), one.end());
        }
        for (GemmBackend backend : backends) {
          use_gemm(backend);
          check_kernel("gemm_batched", plus(want, initial, g.accumulate), 8 * std::sqrt(double(k)) + 8,
                       [&, batches = batches](const auto& table) {
                         using T = type_of<decltype(table)>;
                         const auto left = cast<T>(a), right = cast<T>(b);
                         auto c = before<T>(initial, g.accumulate);
                         table.gemm_batched(g, batches, left.data(), a_step, right.data(), b_step, c.data(), c_step);
                         return c;
                       });
        }
      }
  use_gemm(default_gemm_backend);
}

TEST_CASE("parallel tasks: each once, nested calls too, the first exception comes out") {
  for (int count : thread_counts) {
    set_threads(count);
    CHECK(threads() == count);
    std::vector<int> visits(1000, 0);
    parallel_tasks(10, [&](int64_t outer) {
      parallel_ranges(100, 7, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) ++visits[outer * 100 + i];
      });
    });
    CHECK(std::count(visits.begin(), visits.end(), 1) == 1000);
    std::atomic<int> finished{0};
    CHECK_THROWS_WITH(parallel_tasks(20,
                                     [&](int64_t i) {
                                       if (i == 5 || i == 11) throw std::runtime_error(i == 5 ? "five" : "eleven");
                                       ++finished;
                                     }),
                      "five");
    parallel_tasks(0, [&](int64_t) { FAIL("there is no task"); });
  }
  set_threads(2);
}

TEST_CASE("instruction sets: portable always, unknown ones refused") {
  REQUIRE_FALSE(instruction_sets().empty());
  CHECK(instruction_sets().front() == "portable");
  CHECK_FALSE(use_instruction_set("abacus"));
  for (std::string_view name : instruction_sets()) {
    CHECK(use_instruction_set(name));
    CHECK(instruction_set() == name);
    CHECK(kernel_table<float>().instruction_set == name);
    CHECK(kernel_table<double>().instruction_set == name);
  }
  CHECK_FALSE(blas_description().empty());
}
