// Elementary functions against libm in extended precision, and the random generator against its published vectors.
#include <doctest/doctest.h>

#include "support/naive_kernels.h"

using namespace tapedeck::kernels;
using namespace tapedeck::test;

TEST_CASE("philox gives the known answers of Random123") {
  struct Known {
    uint64_t key, counter, stream;
    uint32_t word[4];
  };
  const Known table[] = {
      {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {~0ull, ~0ull, ~0ull, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const Known& known : table) {
    const PhiloxBlock block = philox(known.key, known.counter, known.stream);
    for (int i = 0; i < 4; ++i) CHECK(block.word[i] == known.word[i]);
  }
}

namespace {

struct Function {
  const char* name;
  Unary which;
  long double (*exact)(long double);
  double low, high;
};
const Function functions[] = {
    {"exp", Unary::exp, [](long double x) { return std::exp(x); }, -87, 88},
    {"exp near 0", Unary::exp, [](long double x) { return std::exp(x); }, -1, 1},
    {"log", Unary::log, [](long double x) { return std::log(x); }, 1e-30, 10},
    {"log near 1", Unary::log, [](long double x) { return std::log(x); }, 0.5, 2},
    {"tanh", Unary::tanh, [](long double x) { return std::tanh(x); }, -10, 10},
    {"tanh near 0", Unary::tanh, [](long double x) { return std::tanh(x); }, -0.7, 0.7},
    {"erf", Unary::erf, [](long double x) { return std::erf(x); }, -5, 5},
    {"erf near 0", Unary::erf, [](long double x) { return std::erf(x); }, -1, 1},
    {"sigmoid", Unary::sigmoid, [](long double x) { return 1 / (1 + std::exp(-x)); }, -80, 30},
    {"softplus", Unary::softplus, [](long double x) { return std::log1p(std::exp(-std::fabs(x))) + std::fmax(x, 0.0L); }, -40,
     40},
    {"rsqrt", Unary::rsqrt, [](long double x) { return 1 / std::sqrt(x); }, 1e-20, 100},
    {"sqrt", Unary::sqrt, [](long double x) { return std::sqrt(x); }, 0, 100},
};

template <class T>
double worst_relative_error(const Function& f) {
  constexpr int64_t n = 20001;
  std::vector<T> x(n), y(n);
  for (int64_t i = 0; i < n; ++i) x[i] = T(f.low + (f.high - f.low) * double(i) / double(n - 1));
  kernel_table<T>().unary(f.which, 0, 0, n, x.data(), y.data());
  double worst = 0;
  for (int64_t i = 0; i < n; ++i) {
    const long double exact = f.exact(x[i]);
    if (exact != 0) worst = std::max(worst, double(std::fabs((y[i] - exact) / exact)));
  }
  return worst;
}

}  // namespace

TEST_CASE("elementary functions keep their relative error") {
  for (std::string_view name : instruction_sets()) {
    REQUIRE(use_instruction_set(name));
    for (const Function& f : functions) {
      INFO(f.name << " in " << std::string(name));
      CHECK(worst_relative_error<float>(f) < 3e-7);
      CHECK(worst_relative_error<double>(f) < 2e-15);
    }
  }
}

TEST_CASE("elementary functions at the ends of their range") {
  const double inf = HUGE_VAL, nan = NAN;
  struct Point {
    Unary which;
    double x, y;
  };
  const Point table[] = {
      {Unary::exp, inf, inf},     {Unary::exp, -inf, 0},       {Unary::exp, 1e4, inf},       {Unary::exp, -1e4, 0},
      {Unary::exp, 0, 1},         {Unary::exp, nan, nan},      {Unary::log, 0, -inf},        {Unary::log, -1, nan},
      {Unary::log, inf, inf},     {Unary::log, 1, 0},          {Unary::log, nan, nan},       {Unary::tanh, 1e4, 1},
      {Unary::tanh, -1e4, -1},    {Unary::tanh, nan, nan},     {Unary::erf, 1e4, 1},         {Unary::erf, -inf, -1},
      {Unary::erf, nan, nan},     {Unary::sigmoid, -1e4, 0},   {Unary::sigmoid, 1e4, 1},     {Unary::softplus, 1e4, 1e4},
      {Unary::softplus, -1e4, 0}, {Unary::silu, -1e4, 0},      {Unary::silu, 1e4, 1e4},      {Unary::gelu, -1e4, 0},
      {Unary::gelu, 1e4, 1e4},    {Unary::gelu_tanh, -1e4, 0}, {Unary::gelu_tanh, 1e4, 1e4}, {Unary::relu, nan, nan},
      {Unary::abs, -inf, inf},    {Unary::sqrt, 0, 0},         {Unary::rsqrt, 0, inf},
  };
  for (const Point& point : table) {
    INFO("unary " << int(point.which) << " of " << point.x);
    // 33 copies: the vector body and the scalar tail must agree
    check_kernel("extreme", Numbers(33, point.y), 1, [&](const auto& table) {
      using T = type_of<decltype(table)>;
      const std::vector<T> x(33, T(point.x));
      std::vector<T> y(33);
      table.unary(point.which, 0, 0, 33, x.data(), y.data());
      return y;
    });
  }
}

TEST_CASE("float exp reaches the subnormal numbers") {
  for (float x : {-87.5f, -95.0f, -103.0f}) {
    float y;
    kernel_table<float>().unary(Unary::exp, 0, 0, 1, &x, &y);
    CHECK(y == doctest::Approx(std::exp(double(x))).epsilon(0.3));
    CHECK(y > 0);
  }
}

TEST_CASE("normal numbers: moments, and a float is the rounded double") {
  constexpr int64_t n = 200000;
  std::vector<float> f(n);
  std::vector<double> d(n), part(1000);
  kernel_table<float>().fill_normal(n, 42, 0, 1.0f, 2.0f, f.data());
  kernel_table<double>().fill_normal(n, 42, 0, 1.0, 2.0, d.data());
  double mean = 0, square = 0, third = 0, fourth = 0, worst = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double z = (d[i] - 1) / 2;
    mean += z / n, square += z * z / n, third += z * z * z / n, fourth += z * z * z * z / n;
    worst = std::max(worst, std::abs(double(f[i]) - d[i]));
  }
  CHECK(std::abs(mean) < 0.01);
  CHECK(std::abs(square - 1) < 0.015);
  CHECK(std::abs(third) < 0.04);
  CHECK(std::abs(fourth - 3) < 0.1);
  CHECK(worst < 2e-6);
  kernel_table<double>().fill_normal(1000, 42, 501, 1.0, 2.0, part.data());  // element i depends on (key, i) only
  CHECK(std::memcmp(part.data(), d.data() + 501, 1000 * sizeof(double)) == 0);
}

TEST_CASE("uniform numbers fill their interval evenly") {
  constexpr int64_t n = 160000;
  std::vector<float> x(n), part(77);
  kernel_table<float>().fill_uniform(n, 7, 0, -1.0f, 3.0f, x.data());
  int64_t bins[16] = {};
  for (float value : x) {
    REQUIRE(value >= -1.0f);
    REQUIRE(value < 3.0f);
    ++bins[int((value + 1) * 4)];
  }
  for (int64_t bin : bins) CHECK(std::abs(double(bin) - n / 16) < 500);  // 5 standard deviations
  kernel_table<float>().fill_uniform(77, 7, 13, -1.0f, 3.0f, part.data());
  CHECK(std::memcmp(part.data(), x.data() + 13, 77 * sizeof(float)) == 0);
}

TEST_CASE("random fills have the same bits at any number of threads and in every instruction set") {
  const int64_t n = 40003;
  Numbers want(2 * n);
  use_instruction_set("portable");
  kernel_table<double>().fill_normal(n, 3, 5, 0.0, 1.0, want.data());
  kernel_table<double>().fill_uniform(n, 3, 5, 0.0, 1.0, want.data() + n);
  check_kernel("fills", want, 4, [&](const auto& table) {
    using T = type_of<decltype(table)>;
    std::vector<T> y(2 * n);
    table.fill_normal(n, 3, 5, T(0), T(1), y.data());
    table.fill_uniform(n, 3, 5, T(0), T(1), y.data() + n);
    return y;
  });
}

TEST_CASE("dropout keeps the right share, scales exactly and matches its definition") {
  const int64_t n = 100000;
  for (double p : {0.1, 0.5, 0.9}) {
    const Dropout options{p, 99, 3};
    const double scale = dropout_rate(p).scale;
    std::vector<float> x(n, 1.0f), y(n);
    kernel_table<float>().dropout(n, options, x.data(), y.data(), false);
    double kept = 0, neighbours = 0;
    for (int64_t i = 0; i < n; ++i) {
      REQUIRE((y[i] == 0 || y[i] == float(scale)));
      kept += y[i] != 0;
      neighbours += i > 0 && y[i] != 0 && y[i - 1] != 0;
    }
    CHECK(scale * (1 - dropout_rate(p).threshold / 65536.0) == doctest::Approx(1).epsilon(1e-15));
    CHECK(std::abs(kept / n - (1 - p)) < 5 * std::sqrt(p * (1 - p) / n));
    CHECK(std::abs(neighbours / n - (1 - p) * (1 - p)) < 0.01);  // neighbours are independent
  }
  for (int64_t count : {1, 7, 8, 255, 256, 257, 40001})
    for (bool accumulate : {false, true})
      for (const Dropout& options : {Dropout{0.3, 5, 0}, Dropout{0.3, 5, 12345}, Dropout{0, 5, 1}, Dropout{1, 5, 1}}) {
        const Numbers x = random_numbers(count, 1), initial = random_numbers(count, 2);
        const Numbers want = plus(naive::dropout(options, x), initial, accumulate);
        check_kernel("dropout", want, 2, [&](const auto& table) {
          using T = type_of<decltype(table)>;
          const auto in = cast<T>(x);
          auto y = before<T>(initial, accumulate);
          table.dropout(count, options, in.data(), y.data(), accumulate);
          return y;
        });
      }
}

TEST_CASE("dropped elements are zero whatever they held") {
  std::vector<float> x(64, HUGE_VALF), y(64);
  kernel_table<float>().dropout(64, {0.5, 1, 0}, x.data(), y.data(), false);
  for (float value : y) CHECK((value == 0 || value == HUGE_VALF));
}
