// Elementwise kernels, reductions, layout and the optimizers against plain double loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "kernels/unary.h"
#include "src/ops/counted.h"
#include "support/naive_kernels.h"

using namespace tapedeck::kernels;
using namespace tapedeck::test;

namespace {

const int64_t sizes[] = {0, 1, 15, 16, 17, 127, 129, 40001};
const int64_t shapes[][2] = {{1, 1}, {15, 16}, {17, 127}, {129, 33}, {3, 20011}};

struct UnaryCase {
  const char* name;
  Unary which;
  std::function<double(double)> f, derivative;
  double low = -3, high = 3, a = 0, b = 0;
};
double gate(double x) { return naive::sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x)); }
double phi(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * M_PI); }
double normal_cdf(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }
const UnaryCase written_out[] = {
    {"negate", Unary::negate, [](double x) { return -x; }, [](double) { return -1.0; }},
    {"exp", Unary::exp, [](double x) { return std::exp(x); }, [](double x) { return std::exp(x); }},
    {"log", Unary::log, [](double x) { return std::log(x); }, [](double x) { return 1 / x; }, 0.1},
    {"tanh", Unary::tanh, [](double x) { return std::tanh(x); }, [](double x) { return 1 - std::pow(std::tanh(x), 2); }},
    {"sigmoid", Unary::sigmoid, naive::sigmoid, [](double x) { return naive::sigmoid(x) * naive::sigmoid(-x); }},
    {"relu", Unary::relu, [](double x) { return std::max(x, 0.0); }, [](double x) { return double(x > 0); }},
    {"gelu", Unary::gelu, [](double x) { return x * normal_cdf(x); }, [](double x) { return normal_cdf(x) + x * phi(x); }},
    {"gelu_tanh", Unary::gelu_tanh, [](double x) { return x * gate(x); },
     [](double x) { return gate(x) + x * gate(x) * (1 - gate(x)) * 1.5957691216057308 * (1 + 3 * 0.044715 * x * x); }},
    {"silu", Unary::silu, [](double x) { return x * naive::sigmoid(x); },
     [](double x) { return naive::sigmoid(x) * (1 + x * naive::sigmoid(-x)); }},
    {"softplus", Unary::softplus, [](double x) { return std::log1p(std::exp(x)); }, naive::sigmoid},
    {"sqrt", Unary::sqrt, [](double x) { return std::sqrt(x); }, [](double x) { return 0.5 / std::sqrt(x); }, 0.1},
    {"rsqrt", Unary::rsqrt, [](double x) { return 1 / std::sqrt(x); }, [](double x) { return -0.5 * std::pow(x, -1.5); }, 0.5},
    {"square", Unary::square, [](double x) { return x * x; }, [](double x) { return 2 * x; }},
    {"abs", Unary::abs, [](double x) { return std::abs(x); }, [](double x) { return x > 0 ? 1.0 : -1.0; }},
    {"sin", Unary::sin, [](double x) { return std::sin(x); }, [](double x) { return std::cos(x); }},
    {"cos", Unary::cos, [](double x) { return std::cos(x); }, [](double x) { return -std::sin(x); }},
    {"erf", Unary::erf, [](double x) { return std::erf(x); }, [](double x) { return 2 / std::sqrt(M_PI) * std::exp(-x * x); }},
    {"pow", Unary::pow, [](double x) { return std::pow(x, 2.5); }, [](double x) { return 2.5 * std::pow(x, 1.5); }, 0.1, 3, 2.5},
    {"clamp", Unary::clamp, [](double x) { return std::clamp(x, -1.0, 0.5); },
     [](double x) { return double(x >= -1 && x <= 0.5); }, -3, 3, -1, 0.5},
    {"scale", Unary::scale, [](double x) { return 1.5 * x; }, [](double) { return 1.5; }, -3, 3, 1.5},
    {"add_scalar", Unary::add_scalar, [](double x) { return x + 1.5; }, [](double) { return 1.0; }, -3, 3, 1.5},
    {"reciprocal", Unary::reciprocal, [](double x) { return 1 / x; }, [](double x) { return -1 / (x * x); }, 0.5},
    {"sign", Unary::sign, [](double x) { return double((x > 0) - (x < 0)); }, [](double) { return 0.0; }},
    {"step", Unary::step, [](double x) { return double(x > 0); }, [](double) { return 0.0; }},
    {"inside", Unary::inside, [](double x) { return double(x >= -1 && x <= 0.5); }, [](double) { return 0.0; }, -3, 3, -1, 0.5},
};

/// Rows of the table that are not written out above: their own formulas, computed with libm.
std::vector<UnaryCase> all_unaries() {
  std::vector<UnaryCase> all(std::begin(written_out), std::end(written_out));
  const auto add = [&](const char* name, Unary which, std::string_view cases) {
    if (std::ranges::any_of(all, [&](const UnaryCase& c) { return c.which == which; })) return;
    const auto f = [which](double x) {
      return visit_unary(which, 0, 0, [&](auto op) { return op.forward(tapedeck::Counted(x)).value; });
    };
    const auto slope = [which](double x) {
      return visit_unary(which, 0, 0, [&](auto op) {
        const tapedeck::Counted in(x);
        return tapedeck::Counted(op.derivative(in, op.forward(in))).value;
      });
    };
    all.push_back({name, which, f, slope, cases == "positive" ? 0.3 : -3.0});
  };
#define TAPEDECK_UNARY_ADD(name, cases, ...) add(#name, Unary::name, #cases);
  TAPEDECK_UNARY_OPS(TAPEDECK_UNARY_ADD)
#undef TAPEDECK_UNARY_ADD
  return all;
}
const std::vector<UnaryCase> unaries = all_unaries();

}  // namespace

TEST_CASE("every unary and its derivative") {
  CHECK(unaries.size() == size_t(Unary::count));
  for (const UnaryCase& test : unaries)
    for (int64_t n : {int64_t{1}, int64_t{129}, int64_t{40001}})
      for (bool accumulate : {false, true}) {
        const Numbers x = random_numbers(n, 1, test.low, test.high), dy = random_numbers(n, 2), initial = random_numbers(n, 3);
        Numbers y, dx;
        for (int64_t i = 0; i < n; ++i) y.push_back(test.f(x[i])), dx.push_back(dy[i] * test.derivative(x[i]));
        check_kernel(test.name, joined({y, plus(dx, initial, accumulate)}), 16, [&](const auto& table) {
          using T = type_of<decltype(table)>;
          const auto in = cast<T>(x), gradient = cast<T>(dy);
          std::vector<T> out(n, T(NAN));
          auto result = before<T>(initial, accumulate);
          table.unary(test.which, test.a, test.b, n, in.data(), out.data());
          table.unary_backward(test.which, test.a, test.b, n, in.data(), out.data(), gradient.data(), result.data(), accumulate);
          return joined({out, result});
        });
      }
}

TEST_CASE("derivatives stay finite far from zero") {
  for (const UnaryCase& test : unaries) {
    if (test.low > -3 || test.which == Unary::exp) continue;  // functions of every real number with bounded growth
    for (float x : {-1e4f, -50.0f, 50.0f, 1e4f}) {
      INFO(test.name << " at " << x);
      float y, dx;
      const float dy = 1;
      kernel_table<float>().unary(test.which, test.a, test.b, 1, &x, &y);
      kernel_table<float>().unary_backward(test.which, test.a, test.b, 1, &x, &y, &dy, &dx, false);
      CHECK(std::isfinite(y));
      CHECK(std::isfinite(dx));
    }
  }
}

TEST_CASE("binary operations with every broadcast") {
  for (const auto& shape : shapes)
    for (auto broadcast : {Broadcast::same, Broadcast::row, Broadcast::column, Broadcast::scalar})
      for (auto which : {Binary::add, Binary::subtract, Binary::multiply, Binary::divide})
        for (bool accumulate : {false, true}) {
          const int64_t rows = shape[0], cols = shape[1], n = rows * cols;
          const Numbers a = random_numbers(n, 1), b = random_numbers(n, 2, 0.5, 2), initial = random_numbers(n, 3);
          Numbers want(n);
          for (int64_t i = 0; i < n; ++i) {
            const int64_t at = broadcast == Broadcast::same     ? i
                               : broadcast == Broadcast::row    ? i % cols
                               : broadcast == Broadcast::column ? i / cols
                                                                : 0;
            const double x = a[i], y = b[at];
            want[i] = which == Binary::add        ? x + y
                      : which == Binary::subtract ? x - y
                      : which == Binary::multiply ? x * y
                                                  : x / y;
          }
          check_kernel("binary", plus(want, initial, accumulate), 4, [&](const auto& table) {
            using T = type_of<decltype(table)>;
            const auto left = cast<T>(a), right = cast<T>(b);
            auto out = before<T>(initial, accumulate);
            table.binary(which, broadcast, rows, cols, left.data(), right.data(), out.data(), accumulate);
            return out;
          });
        }
}

TEST_CASE("fill, add_scaled and where") {
  for (int64_t n : sizes) {
    const Numbers a = random_numbers(n, 1), b = random_numbers(n, 2);
    std::vector<uint8_t> condition;
    Numbers filled(n, 1.25), added(n), chosen(n);
    for (int64_t i = 0; i < n; ++i) {
      condition.push_back(a[i] > 0.3);
      added[i] = b[i] + 0.75 * a[i];
      chosen[i] = condition[i] ? a[i] : b[i];
    }
    check_kernel("fill, add_scaled, where", joined({filled, added, chosen}), 2, [&](const auto& table) {
      using T = type_of<decltype(table)>;
      const auto left = cast<T>(a), right = cast<T>(b);
      std::vector<T> fill(n), sum = right, choice(n);
      table.fill(n, T(1.25), fill.data());
      table.add_scaled(n, 0.75, left.data(), sum.data());
      table.where(n, condition.data(), left.data(), right.data(), choice.data());
      return joined({fill, sum, choice});
    });
  }
}

TEST_CASE("reduce, argmax and spread over any axis") {
  const int64_t cases[][3] = {{1, 1, 1},   {1, 40001, 1}, {17, 129, 1},   {1, 700, 33}, {5, 15, 17}, {3, 600, 65},
                              {2, 1, 127}, {129, 16, 1},  {1, 33, 20001}, {0, 3, 2},    {3, 4, 0}};
  for (const auto& sizes : cases)
    for (bool accumulate : {false, true}) {
      const int64_t outer = sizes[0], axis = sizes[1], inner = sizes[2];
      const int64_t n = outer * axis * inner, m = outer * inner;
      const Numbers x = random_numbers(n, 1), initial = random_numbers(m, 2), spread_initial = random_numbers(n, 3);
      Numbers sum(m, 0.0), mean, max(m, -HUGE_VAL), arg(m, 0.0), spread(n);
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t a = 0; a < axis; ++a)
          for (int64_t i = 0; i < inner; ++i) {
            const double value = x[(o * axis + a) * inner + i];
            const int64_t at = o * inner + i;
            sum[at] += value;
            if (value > max[at]) max[at] = value, arg[at] = double(a);
            spread[(o * axis + a) * inner + i] = 0.5 * initial[at];
          }
      for (double value : sum) mean.push_back(value / double(axis));
      const Numbers want = joined({plus(sum, initial, accumulate), plus(mean, initial, accumulate),
                                   plus(max, initial, accumulate), arg, plus(spread, spread_initial, accumulate)});
      check_kernel("reduce", want, 512, [&](const auto& table) {
        using T = type_of<decltype(table)>;
        const auto in = cast<T>(x), small = cast<T>(initial);
        auto sums = before<T>(initial, accumulate), means = sums, maxima = sums;
        std::vector<int32_t> index(m);
        auto spreads = before<T>(spread_initial, accumulate);
        table.reduce(Reduce::sum, outer, axis, inner, in.data(), sums.data(), accumulate);
        table.reduce(Reduce::mean, outer, axis, inner, in.data(), means.data(), accumulate);
        table.reduce(Reduce::max, outer, axis, inner, in.data(), maxima.data(), accumulate);
        table.argmax(outer, axis, inner, in.data(), index.data());
        table.spread(outer, axis, inner, 0.5, small.data(), spreads.data(), accumulate);
        return joined({sums, means, maxima, std::vector<T>(index.begin(), index.end()), spreads});
      });
    }
}

TEST_CASE("sum_squares and first_non_finite") {
  for (int64_t n : sizes) {
    const Numbers x = random_numbers(n, 1);
    long double squares = 0;
    for (double value : x) squares += value * value;
    check_kernel("sum_squares", {double(squares), -1}, 64, [&](const auto& table) {
      using T = type_of<decltype(table)>;
      const auto in = cast<T>(x);
      return std::vector<T>{T(table.sum_squares(n, in.data())), T(table.first_non_finite(n, in.data()))};
    });
    if (n < 100) continue;
    for (double bad : {HUGE_VAL, -HUGE_VAL, double(NAN)})
      check_kernel("first_non_finite", {99}, 0, [&](const auto& table) {
        using T = type_of<decltype(table)>;
        auto in = cast<T>(x);
        in[99] = in[n - 1] = T(bad);
        return std::vector<T>{T(table.first_non_finite(n, in.data()))};
      });
  }
}

TEST_CASE("summarise: extremes, sums, zeros and what is not finite") {
  for (int64_t n : sizes)
    for (double bad : {0.0, HUGE_VAL, -HUGE_VAL, double(NAN)}) {
      Numbers x = random_numbers(n, 1);
      for (size_t i = 0; i < x.size(); i += 5) x[i] = bad;
      long double sum = 0, squares = 0;
      std::vector<double> want(8);  // min, max, sum, squares, zeros, nan, infinite, first bad
      want[0] = HUGE_VAL, want[1] = -HUGE_VAL, want[7] = -1;
      for (size_t i = 0; i < x.size(); ++i) {
        if (!std::isfinite(x[i])) {
          ++want[std::isnan(x[i]) ? 5 : 6];
          if (want[7] < 0) want[7] = double(i);
          continue;
        }
        want[0] = std::min(want[0], x[i]), want[1] = std::max(want[1], x[i]), want[4] += x[i] == 0;
        sum += x[i], squares += x[i] * x[i];
      }
      want[2] = double(sum), want[3] = double(squares);
      const bool none = want[0] > want[1];
      check_kernel("summarise", {none ? 0 : want[0], none ? 0 : want[1], want[2], want[3], want[4], want[5], want[6], want[7]},
                   256, [&](const auto& table) {
                     using T = type_of<decltype(table)>;
                     const auto in = cast<T>(x);
                     const Summary s = table.summarise(n, in.data());
                     return std::vector<T>{T(s.min > s.max ? 0 : s.min),
                                           T(s.min > s.max ? 0 : s.max),
                                           T(s.sum),
                                           T(s.squares),
                                           T(s.zeros),
                                           T(s.nan),
                                           T(s.infinite),
                                           T(s.first_bad)};
                   });
    }
}

TEST_CASE("permute every order, and copy_rows between strides") {
  struct Case {
    std::vector<int64_t> shape;
    std::vector<int> order;
  };
  const Case cases[] = {{{7}, {0}},
                        {{33, 129}, {1, 0}},
                        {{257, 65}, {1, 0}},
                        {{3, 4, 5}, {2, 0, 1}},
                        {{3, 4, 5}, {0, 2, 1}},
                        {{4, 17, 3, 16}, {0, 2, 1, 3}},
                        {{4, 1, 3, 16}, {3, 1, 0, 2}},
                        {{2, 3, 2, 3, 2, 5}, {5, 3, 1, 4, 2, 0}},
                        {{2, 9, 40, 35}, {0, 1, 3, 2}},
                        {{1, 1}, {1, 0}},
                        {{0, 3}, {1, 0}},
                        {{3, 0, 2}, {2, 0, 1}},
                        {{4, 0}, {0, 1}}};
  for (const Case& test : cases)
    for (bool accumulate : {false, true}) {
      const int rank = int(test.shape.size());
      int64_t n = 1;
      for (int64_t size : test.shape) n *= size;
      const Numbers x = random_numbers(n, 1), initial = random_numbers(n, 2);
      Numbers want(n);
      for (int64_t i = 0; i < n; ++i) {  // i walks y; its coordinates along order[] are those of x
        int64_t rest = i, coordinate[6], offset = 0;
        for (int axis = rank - 1; axis >= 0; --axis)
          coordinate[test.order[axis]] = rest % test.shape[test.order[axis]], rest /= test.shape[test.order[axis]];
        for (int axis = 0; axis < rank; ++axis) offset = offset * test.shape[axis] + coordinate[axis];
        want[i] = x[offset];
      }
      check_kernel("permute", plus(want, initial, accumulate), 2, [&](const auto& table) {
        using T = type_of<decltype(table)>;
        const auto in = cast<T>(x);
        auto out = before<T>(initial, accumulate);
        table.permute(rank, test.shape.data(), test.order.data(), in.data(), out.data(), accumulate);
        return out;
      });
    }
  for (const auto& shape : shapes) {
    const int64_t rows = shape[0], cols = shape[1];
    const Numbers x = random_numbers(rows * (cols + 3), 1), initial = random_numbers(rows * (cols + 5), 2);
    for (bool accumulate : {false, true}) {
      Numbers want = initial;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < cols; ++c)
          want[r * (cols + 5) + c] = x[r * (cols + 3) + c] + (accumulate ? initial[r * (cols + 5) + c] : 0);
      check_kernel("copy_rows", want, 2, [&, rows = rows, cols = cols](const auto& table) {
        using T = type_of<decltype(table)>;
        const auto in = cast<T>(x);
        auto out = cast<T>(initial);
        table.copy_rows(rows, cols, in.data(), cols + 3, out.data(), cols + 5, accumulate);
        return out;
      });
    }
  }
}

TEST_CASE("adamw and sgd follow their equations") {
  for (int64_t n : sizes)
    for (bool zero : {false, true}) {
      const Numbers w = random_numbers(n, 1), g = random_numbers(n, 2), m = random_numbers(n, 3),
                    v = random_numbers(n, 4, 0.01, 2);
      const AdamW adam{0.01, 0.9, 0.999, 1e-8, 0.1, 0.19, 0.002, 0.5, zero};
      Numbers want_w(n), want_m(n), want_v(n), want_g(n), sgd_w[4], sgd_m[4];
      for (int64_t i = 0; i < n; ++i) {
        const double grad = 0.5 * g[i];
        want_m[i] = 0.9 * m[i] + 0.1 * grad, want_v[i] = 0.999 * v[i] + 0.001 * grad * grad;
        want_w[i] = w[i] - 0.01 * (want_m[i] / 0.19 / (std::sqrt(want_v[i] / 0.002) + 1e-8) + 0.1 * w[i]);
        want_g[i] = zero ? 0 : g[i];
        for (int kind = 0; kind < 4; ++kind) {  // plain momentum, nesterov, first step, no momentum
          const double decayed = grad + 0.1 * w[i], velocity = kind == 2 ? decayed : 0.9 * m[i] + decayed;
          sgd_m[kind].push_back(kind == 3 ? m[i] : velocity);
          sgd_w[kind].push_back(w[i] - 0.01 * (kind == 1 ? decayed + 0.9 * velocity : kind == 3 ? decayed : velocity));
        }
      }
      check_kernel("adamw", joined({want_w, want_m, want_v, want_g}), 8, [&](const auto& table) {
        using T = type_of<decltype(table)>;
        auto weight = cast<T>(w), grad = cast<T>(g), first = cast<T>(m), second = cast<T>(v);
        table.adamw(n, adam, weight.data(), grad.data(), first.data(), second.data());
        return joined({weight, first, second, grad});
      });
      for (int kind = 0; kind < 4; ++kind)
        check_kernel("sgd", joined({sgd_w[kind], sgd_m[kind], want_g}), 8, [&](const auto& table) {
          using T = type_of<decltype(table)>;
          auto weight = cast<T>(w), grad = cast<T>(g), velocity = cast<T>(m);
          table.sgd(n, {0.01, 0.9, 0.1, 0.5, kind == 1, zero, kind == 2}, weight.data(), grad.data(),
                    kind == 3 ? nullptr : velocity.data());
          return joined({weight, velocity, grad});
        });
    }
}
