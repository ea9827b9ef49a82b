// Every op of the table, and what is composed of ops, times the edges of the number line: where the first-order kernels are
// finite, the recorded rule gives the same and a second derivative that is a number. What may be otherwise is listed with its
// reason. Next: losses_extreme_test.cpp, the same for losses.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <set>

#include <tapedeck/ops/fused.h>
#include <tapedeck/ops/normalize.h>

#include "src/check/op_rows.h"
#include "support/orders.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

constexpr double largest(double tiny) { return tiny < 1e-300 ? 1.7e308 : 3e38; }

/// What an edge makes of element i of a tensor with so many columns. tiny: a subnormal number of the type.
struct Edge {
  const char* name;
  double (*value)(double ordinary, int64_t i, int64_t columns, double tiny);
  bool infinite = false, largest = false;
};
constexpr Edge edges[] = {
    {"all 0", [](double, int64_t, int64_t, double) { return 0.0; }},
    {"all -0", [](double, int64_t, int64_t, double) { return -0.0; }},
    {"all 1", [](double, int64_t, int64_t, double) { return 1.0; }},
    {"a row of 0", [](double x, int64_t i, int64_t columns, double) { return i < columns ? 0.0 : x; }},
    {"equal columns", [](double, int64_t i, int64_t columns, double) { return 0.5 + double(columns ? i / columns : 0); }},
    {"+-1e4", [](double, int64_t i, int64_t, double) { return i % 2 ? -1e4 : 1e4; }},
    {"all 1e4", [](double, int64_t, int64_t, double) { return 1e4; }},
    {"all -1e4", [](double, int64_t, int64_t, double) { return -1e4; }},
    {"subnormal", [](double, int64_t i, int64_t, double tiny) { return i % 2 ? -tiny : tiny; }},
    {"a subnormal row", [](double x, int64_t i, int64_t columns, double tiny) { return i < columns ? tiny : x; }},
    {"+-the largest number", [](double, int64_t i, int64_t, double tiny) { return (i % 2 ? -1 : 1) * largest(tiny); }, false,
     true},
    {"a largest number in every row",
     [](double x, int64_t i, int64_t columns, double tiny) { return columns && i % columns == 0 ? largest(tiny) : x; }, false,
     true},
    {"a most negative number in every row",
     [](double x, int64_t i, int64_t columns, double tiny) { return columns && i % columns == 0 ? -largest(tiny) : x; }, false,
     true},
    {"-inf in every row",
     [](double x, int64_t i, int64_t columns, double) { return columns && i % columns == 0 ? -infinity : x; }, true},
    {"a row of -inf", [](double x, int64_t i, int64_t columns, double) { return i < columns ? -infinity : x; }, true},
    {"all -inf", [](double, int64_t, int64_t, double) { return -infinity; }, true},
};

Tensor at_edge(const Edge& edge, const Tensor& x, bool positive) {
  const int64_t columns = x.shape().rank() ? x.shape().cols() : 1;
  const double tiny = x.dtype() == DType::f64 ? 1e-310 : 1e-40;
  const Tensor y = Tensor::empty(x.shape(), DType::f64);
  for (int64_t i = 0; i < x.size(); ++i) {
    const double v = edge.value(x.item(i), i, columns, tiny);
    y.raw<double>()[i] = positive ? std::abs(v) : v;
  }
  return y.to(x.dtype());
}

/// Functions of the public headers that are compositions of ops.
std::vector<OpCase> composed(DType t) {
  const auto x = [&](Shape shape) { return Tensor::normal(shape, root_key(31) / "x", 0, 1, DType::f64).to(t); };
  const auto one = [](auto f) { return [f](In v) { return Tensors{f(v)}; }; };
  return {
      {"normalize", {x({3, 4})}, one([](In v) { return normalize(v[0]); }), {}, 1},
      {"norm of rows", {x({3, 4})}, one([](In v) { return norm(v[0], -1); }), {}, 1},
      {"norm of rows with an epsilon", {x({3, 4})}, one([](In v) { return norm(v[0], -1, false, 1e-6); }), {}, 1},
      {"standardize", {x({3, 4})}, one([](In v) { return standardize(v[0], Tensor::full({3}, 1, v[0].dtype()), 1e-6); }), {}, 1},
      {"batch_norm", {x({3, 4}), x({4}), x({4})}, one([](In v) { return batch_norm(v[0], v[1], v[2]); }), {}, 1}};
}

/// Where the documentation (ops.h, normalize.h) says that something is not a number or leaves the range of its type.
struct Exception {
  const char* why;
  std::set<std::string> ops, edges;
};
const Exception exceptions[] = {
    {"a pole: the derivative is infinite, and 0 times it is NaN",
     {"log", "sqrt", "rsqrt", "reciprocal", "pow", "div"},
     {"all 0", "all -0", "a row of 0"}},
    {"near a pole: beyond the range of the type",
     {"log", "sqrt", "rsqrt", "reciprocal", "pow", "div"},
     {"subnormal", "a subnormal row"}},
    {"beyond the range of the type, where the derivative is infinite", {"exp"}, {"+-1e4", "all 1e4"}},
    {"the first-order kernel's own rounding, in f32", {"attention"}, {"+-1e4", "all 1e4", "all -1e4"}},
    {"an infinite factor, or an infinite vector",
     {"attention", "linear", "ragged_scores", "sum", "norm of rows", "norm of rows with an epsilon"},
     {"-inf in every row", "a row of -inf", "all -inf"}},
};

/// For these -inf is a number like any other: no value and no first derivative is NaN either.
const std::set<std::string> takes_minus_infinity{
    "softmax",  "log_softmax", "logsumexp", "ragged_softmax", "max",    "exp",    "sigmoid", "tanh",  "erf",       "relu",
    "softplus", "clamp",       "step",      "sign",           "inside", "negate", "abs",     "where", "add_scalar"};

/// What does not square, multiply or add its inputs up, so that the largest number of the type is one like any other.
const std::set<std::string> takes_largest_number{"softmax", "log_softmax", "logsumexp", "ragged_softmax", "max",     "sigmoid",
                                                 "tanh",    "erf",         "relu",      "gelu",           "silu",    "softplus",
                                                 "clamp",   "step",        "sign",      "inside",         "negate",  "abs",
                                                 "where",   "normalize",   "gather",    "slice",          "permute", "concat"};

struct Tally {
  int64_t rows = 0, excepted = 0;
  std::set<std::string> met;  // ops that needed an exception
  bool excuses(const std::string& op, const Edge& edge) {
    for (const Exception& e : exceptions) {
      if (!e.ops.contains(op) || !e.edges.contains(edge.name)) continue;
      ++excepted;
      met.insert(op);
      return true;
    }
    return false;
  }
};

void check(const std::string& op, const OpCase& row, const Edge& edge, int only, DType dtype, Tally& tally) {
  const bool positive = std::set<std::string>{"log", "sqrt", "rsqrt", "pow"}.contains(op);
  Tensors x;
  for (size_t k = 0; k < row.inputs.size(); ++k) {
    const bool moved = is_floating(row.inputs[k].dtype()) && (only < 0 || int(k) == only);
    x.push_back(moved ? at_edge(edge, row.inputs[k], positive) : row.inputs[k]);
  }
  ++tally.rows;
  const std::string problem = orders_agree(x, row.call, edge.infinite && !takes_minus_infinity.contains(op));
  if (problem.empty()) return;
  if (tally.excuses(op, edge)) return;
  FAIL_CHECK(op << " [" << row.name << "] " << name_of(dtype) << ", " << std::string(edge.name)
                << (only < 0 ? "" : text(" in input ", only)) << ": " << problem);
}

void walk(const std::string& op, const std::vector<OpCase>& rows, DType dtype, Tally& tally) {
  for (const OpCase& row : rows) {
    int floating = 0;
    int64_t elements = 0;
    for (const Tensor& t : row.inputs) floating += is_floating(t.dtype()), elements += t.size();
    if (elements > 200) continue;  // says nothing that a small one does not
    for (const Edge& edge : edges) {
      if (edge.largest && !takes_largest_number.contains(op)) continue;
      check(op, row, edge, -1, dtype, tally);
      for (size_t k = 0; k < row.inputs.size() && floating > 1; ++k)
        if (is_floating(row.inputs[k].dtype())) check(op, row, edge, int(k), dtype, tally);
    }
  }
}

}  // namespace

TEST_CASE("no derivative of an op is NaN at an edge where its kernels are finite") {
  Tally tally;
  for (const OpEntry& entry : op_table())
    for (const DType dtype : {DType::f32, DType::f64}) walk(entry.name, entry.cases(dtype), dtype, tally);
  for (const DType dtype : {DType::f32, DType::f64})
    for (const OpCase& row : composed(dtype)) walk(row.name, {row}, dtype, tally);
  std::cout << "ops at the edge: " << op_table().size() << " ops and " << composed(DType::f64).size() << " compositions, "
            << tally.rows << " rows of orders 1 and 2, " << tally.excepted << " documented exceptions\n";
  CHECK(tally.rows > 10000);
  for (const Exception& e : exceptions)
    for (const std::string& op : e.ops)
      CHECK_MESSAGE(tally.met.contains(op), op << " needs no exception: " << std::string(e.why));
}
