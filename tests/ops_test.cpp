// What users of the primitive ops rely on: values worked out by hand, extreme inputs, gradients of f(x, x), handles that
// outlived their tape, and messages that say what to do. The ops' own cases are checked by op_table_test.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include <tapedeck/ops/ops.h>
#include "support/compare.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
const double nan = std::nan("");
const DType both[] = {DType::f32, DType::f64};

Tensor numbers(std::vector<double> values, Shape shape, DType t = DType::f64) {
  return Tensor::from<double>(values, shape).to(t);
}
Tensor numbers(std::vector<double> values, DType t = DType::f64) { return numbers(values, {int64_t(values.size())}, t); }
Tensor indices(std::initializer_list<int32_t> v) { return Tensor::of<int32_t>(v, {int64_t(v.size())}); }
Tensor conditions(std::initializer_list<uint8_t> v) { return Tensor::of<uint8_t>(v, {int64_t(v.size())}); }

void check_near(const Tensor& got, const Tensor& expected, double limit) {
  CHECK(got.dtype() == expected.dtype());
  CHECK(got.shape().str() == expected.shape().str());
  const Gap gap = compare(got, expected);
  CHECK_MESSAGE(gap.relative <= limit, gap.str());
}
double limit_of(DType t) { return t == DType::f64 ? 1e-13 : 1e-6; }

struct Value {
  const char* name;
  Tensor (*call)(const Tensor& x);
  Shape shape;
  std::vector<double> expected;
};

TEST_CASE("values worked out by hand") {
  const Value table[] = {
      // x = [[1, 2, 3], [4, 5, 6]]
      {"x + row", [](const Tensor& x) { return x + slice(x, 0, 0, 1); }, {2, 3}, {2, 4, 6, 5, 7, 9}},
      {"row - x", [](const Tensor& x) { return reshape(slice(x, 0, 0, 1), {3}) - x; }, {2, 3}, {0, 0, 0, -3, -3, -3}},
      {"x * column", [](const Tensor& x) { return x * slice(x, 1, 0, 1); }, {2, 3}, {1, 2, 3, 16, 20, 24}},
      {"column / x", [](const Tensor& x) { return slice(x, 1, 2, 3) / x; }, {2, 3}, {3, 1.5, 1, 1.5, 1.2, 1}},
      {"number - x", [](const Tensor& x) { return mean(x) - x; }, {2, 3}, {2.5, 1.5, .5, -.5, -1.5, -2.5}},
      {"doubles on both sides",
       [](const Tensor& x) { return 1 - (2 * x - 3) / 4 + 6 / x; },
       {2, 3},
       {7.25, 3.75, 2.25, 1.25, .45, -.25}},
      {"-x", [](const Tensor& x) { return -x; }, {2, 3}, {-1, -2, -3, -4, -5, -6}},
      {"sum", [](const Tensor& x) { return sum(x); }, {}, {21}},
      {"sum of rows", [](const Tensor& x) { return sum(x, 0); }, {3}, {5, 7, 9}},
      {"mean of columns, kept", [](const Tensor& x) { return mean(x, -1, true); }, {2, 1}, {2, 5}},
      {"max", [](const Tensor& x) { return max(-x, 0, true); }, {1, 3}, {-1, -2, -3}},
      {"norm", [](const Tensor& x) { return norm(slice(x, 1, 0, 2), 0, false, 19); }, {2}, {6, std::sqrt(48)}},
      {"logsumexp",
       [](const Tensor& x) { return logsumexp(x, 0); },
       {3},
       {1 + std::log1p(std::exp(3)), 2 + std::log1p(std::exp(3)), 3 + std::log1p(std::exp(3))}},
      {"softmax", [](const Tensor& x) { return softmax(log(x)); }, {2, 3}, {1. / 6, 2. / 6, 3. / 6, 4. / 15, 5. / 15, 6. / 15}},
      {"log_softmax",
       [](const Tensor& x) { return exp(log_softmax(log(x))); },
       {2, 3},
       {1. / 6, 2. / 6, 3. / 6, 4. / 15, 5. / 15, 6. / 15}},
      {"transpose", [](const Tensor& x) { return transpose(x); }, {3, 2}, {1, 4, 2, 5, 3, 6}},
      {"permute",
       [](const Tensor& x) {
         return permute(reshape(x, {1, 2, -1}), {2, 0, 1});
       },
       {3, 1, 2},
       {1, 4, 2, 5, 3, 6}},
      {"concat",
       [](const Tensor& x) {
         return concat({x, slice(x, 1, 1, 2)}, 1);
       },
       {2, 4},
       {1, 2, 3, 2, 4, 5, 6, 5}},
      {"expand",
       [](const Tensor& x) {
         return expand(slice(x, 1, 0, 1), {2, 2, 2});
       },
       {2, 2, 2},
       {1, 1, 4, 4, 1, 1, 4, 4}},
      {"x x^T", [](const Tensor& x) { return matmul(x, x, false, true); }, {2, 2}, {14, 32, 32, 77}},
      {"x^T x", [](const Tensor& x) { return matmul(x, x, true, false); }, {3, 3}, {17, 22, 27, 22, 29, 36, 27, 36, 45}},
      {"gather",
       [](const Tensor& x) {
         return gather(x, indices({1, 1, 0}));
       },
       {3, 3},
       {4, 5, 6, 4, 5, 6, 1, 2, 3}},
      {"scatter_add",
       [](const Tensor& x) {
         return scatter_add(x, indices({2, 2}), 3);
       },
       {3, 3},
       {0, 0, 0, 0, 0, 0, 5, 7, 9}},
      {"pick",
       [](const Tensor& x) {
         return pick(x, indices({2, 0}));
       },
       {2},
       {3, 4}},
      {"where, one number",
       [](const Tensor& x) {
         return where(conditions({1, 0}), sum(x, 1), mean(x));
       },
       {2},
       {6, 3.5}},
      {"clamp and inside", [](const Tensor& x) { return clamp(x, 2, 5) * inside(x, 1, 5); }, {2, 3}, {2, 2, 3, 4, 5, 0}},
      {"sign and step", [](const Tensor& x) { return sign(x - 3) + step(x - 3); }, {2, 3}, {-1, -1, 0, 2, 2, 2}},
      {"powers",
       [](const Tensor& x) { return pow(x, 2) - square(x) + sqrt(square(x)) * rsqrt(square(x)) + x * reciprocal(x); },
       {2, 3},
       {2, 2, 2, 2, 2, 2}},
  };
  for (DType t : both)
    for (const Value& row : table) {
      CAPTURE(std::string(row.name));
      check_near(row.call(numbers({1, 2, 3, 4, 5, 6}, {2, 3}, t)), numbers(row.expected, row.shape, t), limit_of(t));
    }
  check_near(argmax(numbers({1, 3, 3, 5, 5, 2}, {2, 3}), 1), indices({1, 0}), 0);
}

/// dx: the gradient of the plain sum of y.
struct Extreme {
  const char* name;
  Tensor (*call)(const Tensor& x);
  std::vector<double> x, y, dx;
};

TEST_CASE("extreme inputs stay exact, by kernel and by rule") {
  const Extreme table[] = {
      {"softmax, huge", [](const Tensor& x) { return softmax(x); }, {1e4, -1e4, 0}, {1, 0, 0}, {0, 0, 0}},
      {"softmax, -inf", [](const Tensor& x) { return softmax(x); }, {-inf, 1, 1}, {0, .5, .5}, {0, 0, 0}},
      {"softmax, shift", [](const Tensor& x) { return softmax(x); }, {1e4, 1e4}, {.5, .5}, {0, 0}},
      {"log_softmax, huge", [](const Tensor& x) { return log_softmax(x); }, {1e4, -1e4}, {0, -2e4}, {-1, 1}},
      {"log_softmax, -inf", [](const Tensor& x) { return log_softmax(x); }, {0, -inf}, {0, -inf}, {-1, 1}},
      {"logsumexp, huge", [](const Tensor& x) { return logsumexp(x, 0); }, {1e4, 1e4}, {1e4 + std::log(2.0)}, {.5, .5}},
      {"logsumexp, tiny", [](const Tensor& x) { return logsumexp(x, 0); }, {-1e4, -1e4}, {-1e4 + std::log(2.0)}, {.5, .5}},
      {"logsumexp, -inf", [](const Tensor& x) { return logsumexp(x, 0); }, {-inf, 0, -inf}, {0}, {0, 1, 0}},
      {"logsumexp, only -inf", [](const Tensor& x) { return logsumexp(x, 0); }, {-inf, -inf}, {-inf}, {0, 0}},
      {"softplus", softplus, {1e4, -1e4, -inf}, {1e4, 0, 0}, {1, 0, 0}},
      {"sigmoid", sigmoid, {1e4, -1e4, inf, -inf}, {1, 0, 1, 0}, {0, 0, 0, 0}},
      {"tanh", tanh, {1e4, -1e4, inf, -inf}, {1, -1, 1, -1}, {0, 0, 0, 0}},
      {"gelu", gelu, {1e4, -1e4}, {1e4, 0}, {1, 0}},
      {"gelu_tanh", gelu_tanh, {1e4, -1e4}, {1e4, 0}, {1, 0}},
      {"silu", silu, {1e4, -1e4}, {1e4, 0}, {1, 0}},
      {"relu", relu, {1e4, -1e4, -inf, 0}, {1e4, 0, 0, 0}, {1, 0, 0, 0}},
      {"erf", erf, {1e4, -1e4}, {1, -1}, {0, 0}},
      {"exp", exp, {1e4, -1e4}, {inf, 0}, {inf, 0}},
      {"log at 0", log, {0, 1}, {-inf, 0}, {inf, 1}},
      {"sqrt at 0", sqrt, {0, 4}, {0, 2}, {inf, .25}},
      {"abs at 0", abs, {-1e4, 0, 1e4}, {1e4, 0, 1e4}, {-1, 0, 1}},
      {"clamp", [](const Tensor& x) { return clamp(x, -1, 1); }, {-inf, 1e4, .5}, {-1, 1, .5}, {0, 0, 1}},
      {"norm at 0 with epsilon", [](const Tensor& x) { return norm(x, 1e-4); }, {0, 0}, {1e-2}, {0, 0}},
      {"max of equals: the first", [](const Tensor& x) { return max(x, 0); }, {1, 7, 7}, {7}, {0, 1, 0}},
  };
  for (DType t : both)
    for (const Extreme& row : table)
      for (Order order : {Order::first, Order::differentiable}) {
        CAPTURE(std::string(row.name));
        CAPTURE(order == Order::first);
        Tape tape;
        const Tensor x = tape.leaf(numbers(row.x, t));
        const Tensor y = row.call(x);
        check_near(y.view({y.size()}), numbers(row.y, t), limit_of(t));
        check_near(gradient(sum(y), x, order), numbers(row.dx, t), limit_of(t));
      }
}

TEST_CASE("where: what the branch not taken holds never shows") {
  for (double poison : {nan, inf, -inf})
    for (Order order : {Order::first, Order::differentiable}) {
      Tape tape;
      const Tensor a = tape.leaf(numbers({poison, 2})), b = tape.leaf(numbers({3, poison}));
      const Tensor y = where(conditions({0, 1}), a, b);
      check_near(y, numbers({3, 2}), 0);
      const Tensors g = gradients(sum(square(y)), Tensors{a, b}, order);
      check_near(g[0], numbers({0, 4}), 0);
      check_near(g[1], numbers({6, 0}), 0);
    }
}

struct Twice {
  const char* name;
  Tensor (*call)(const Tensor& x);
  std::vector<double> dx, ddx;
};  // of the sum, at x = [1, 2]

TEST_CASE("one tensor in two places receives both gradients, at either order") {
  const Twice table[] = {
      {"x + x", [](const Tensor& x) { return x + x; }, {2, 2}, {0, 0}},
      {"x - x", [](const Tensor& x) { return x - x; }, {0, 0}, {0, 0}},
      {"x * x", [](const Tensor& x) { return x * x; }, {2, 4}, {2, 2}},
      {"x / x", [](const Tensor& x) { return x / x; }, {0, 0}, {0, 0}},
      {"where(c, x, x)",
       [](const Tensor& x) {
         return where(conditions({1, 0}), x, x);
       },
       {1, 1},
       {0, 0}},
      {"concat(x, x)",
       [](const Tensor& x) {
         return square(concat({x, x}, 0));
       },
       {4, 8},
       {4, 4}},
      {"x_i x_j",
       [](const Tensor& x) {
         return expand(x, {2, 2}) * reshape(x, {2, 1});
       },
       {6, 6},
       {4, 4}},
      {"x^T x",
       [](const Tensor& x) {
         return matmul(reshape(x, {1, 2}), reshape(x, {1, 2}), false, true);
       },
       {2, 4},
       {2, 2}},
      {"x + a view of x",
       [](const Tensor& x) {
         return x * reshape(reshape(x, {2, 1}), {2});
       },
       {2, 4},
       {2, 2}},
  };
  for (const Twice& row : table) {
    CAPTURE(std::string(row.name));
    Tape tape;
    const Tensor x = tape.leaf(numbers({1, 2}));
    const Tensor loss = sum(row.call(x));
    check_near(gradient(loss, x), numbers(row.dx), 1e-14);
    const Tensor g = gradient(loss, x, Order::differentiable);
    check_near(g, numbers(row.dx), 1e-14);
    if (g.on_tape()) check_near(gradient(sum(g), x), numbers(row.ddx), 1e-14);
    else
      for (double d : row.ddx) CHECK(d == 0);
  }
}

TEST_CASE("derivatives of any order: sin and powers") {
  Tape tape;
  const Tensor x = tape.leaf(numbers({0, 0.5, -2}));
  Tensor s = sin(x), p = pow(x, 3);
  for (int order = 1; order <= 5; ++order) {
    CAPTURE(order);
    s = gradient(sum(s), x, Order::differentiable);
    p = gradient(sum(p), x, Order::differentiable);
    for (int64_t i = 0; i < 3; ++i) {
      const double v = x.item(i), third_and_on = order == 3 ? 6 : 0;
      CHECK(s.item(i) == doctest::Approx(std::sin(v + order * M_PI / 2)).epsilon(1e-12));
      CHECK(p.item(i) == doctest::Approx(order == 1 ? 3 * v * v : order == 2 ? 6 * v : third_and_on).epsilon(1e-12));
    }
    if (!p.on_tape()) p = p + 0 * x;  // nothing is left to differentiate: stay on the tape
  }
}

TEST_CASE("views, rows and constants") {
  Tape tape;
  const Tensor x = tape.leaf(Tensor::normal({4, 6}, root_key(1), 0, 1));
  const NodeId rows = tape.size();
  CHECK(reshape(x, {2, -1}).storage() == x.storage());
  CHECK(reshape(x, Shape{6, 4}).shape() == Shape{6, 4});
  const NodeId after_views = tape.size();
  CHECK(after_views == rows + 2);
  for (const Tensor& same :
       {reshape(x, {4, 6}), expand(x, {4, 6}), slice(x, 1, 0, 6), dropout(x, 0, root_key(2)), concat({x}, 0)})
    CHECK(same.place().value == x.place().value);
  CHECK(tape.size() == after_views);  // nothing to do: no row
  CHECK_FALSE(exp(x.detach()).on_tape());
  CHECK(gradient(sum(x.detach() * x), x).item(3) == x.item(3));  // a detached factor is a constant
}

TEST_CASE("dropout: a mask is a function of key and element") {
  const Tensor ones = Tensor::full({64, 64}, 1);
  const Key key = root_key(3);
  for (double p : {0.1, 0.5, 0.9}) {
    const Tensor y = dropout(ones, p, key);
    double kept = 0;
    for (int64_t i = 0; i < y.size(); ++i) {
      kept += y.item(i) != 0;
      CHECK((y.item(i) == 0 || std::abs(y.item(i) * (1 - p) - 1) < 1e-3));
    }
    CHECK(std::abs(kept / 4096 - (1 - p)) < 4 * std::sqrt(p * (1 - p) / 4096));
    CHECK(same_bits(y, dropout(ones, p, key)));
    CHECK_FALSE(same_bits(y, dropout(ones, p, key / "another")));
    // element e of a part uses draw first + e
    CHECK(same_bits(slice(y, 0, 10, 20), dropout(slice(ones, 0, 10, 20), p, key, 640)));
    Tape tape;
    const Tensor x = tape.leaf(ones);
    for (Order order : {Order::first, Order::differentiable})
      CHECK(same_bits(gradient(sum(dropout(x, p, key)), x, order).detach(), y));
  }
}

TEST_CASE("a handle that outlived its row raises an error") {
  Tape tape;
  const Tensor x = tape.leaf(numbers({1, 2}));
  const Tape::Mark mark = tape.mark();
  const Tensor y = exp(x);
  tape.rewind(mark);
  Tensor orphan;
  {
    Tape gone;
    orphan = gone.leaf(numbers({1, 2}));
  }
  Tape other;
  const Tensor elsewhere = other.leaf(numbers({1, 2}));
  struct Misuse {
    const char* name;
    std::function<void()> call;
  };
  const Misuse table[] = {
      {"rewound", [&] { exp(y); }},
      {"rewound, second operand", [&] { x + y; }},
      {"its tape is gone", [&] { exp(orphan); }},
      {"two tapes", [&] { x + elsewhere; }},
      {"differentiating it", [&] { gradient(y, x); }},
  };
  for (const Misuse& row : table) {
    CAPTURE(std::string(row.name));
    try {
      row.call();
      FAIL_CHECK("nothing was thrown");
    } catch (const Error& e) { CHECK(e.kind() == ErrorKind::stale); }
  }
  check_near(exp(y.detach()), exp(exp(numbers({1, 2}))), 0);  // the value itself is still there
}

struct Diagnostic {
  const char* name;
  void (*call)();
  ErrorKind kind;
  const char *message, *hint;
};

TEST_CASE("messages name op, shapes, place and hint") {
  const Diagnostic table[] = {
      {"shapes",
       [] {
         Tensor::zeros({2, 3}) + Tensor::zeros({4});
       },
       ErrorKind::shape, "add: got [2,3], [4]; needs equal shapes, a row [c], a column [...,1] or one number",
       "bring one to the other's shape with expand()"},
      {"types", [] { Tensor::zeros({2}) * Tensor::zeros({2}, DType::f64); }, ErrorKind::dtype,
       "mul: got f32 and f64 (shapes [2], [2])", "convert one of them with to()"},
      {"inner sizes",
       [] {
         matmul(Tensor::zeros({2, 3}), Tensor::zeros({4, 5}));
       },
       ErrorKind::shape, "matmul: got [2,3], [4,5]; inner sizes 3 and 4 differ (a_transposed false, b_transposed false)",
       "a[...,m,k] meets b[...,k,n]; a flag swaps an operand's last two axes"},
      {"index",
       [] {
         gather(Tensor::zeros({10, 2}), indices({1, 5, 0, 17}));
       },
       ErrorKind::index, "gather: index[3] is 17, but there are 10 rows in the table", "entries must lie in 0..9"},
      {"axis",
       [] {
         sum(Tensor::zeros({2, 3}), -3);
       },
       ErrorKind::shape, "sum: axis -3 is out of range for shape [2,3]", "axes lie in -2..1"},
      {"expand",
       [] {
         expand(Tensor::zeros({2, 3}), {2, 4});
       },
       ErrorKind::shape, "expand: got [2,3]; cannot repeat to [2,4]", "axes align at the right and must agree or be 1"},
      {"slice",
       [] {
         slice(Tensor::zeros({2, 3}), 1, 2, 5);
       },
       ErrorKind::index, "slice: 2..5 of axis 1 of shape [2,3] lies outside 0..3", ""},
      {"undefined", [] { exp(Tensor{}); }, ErrorKind::value, "exp: x is undefined (it has no buffer)",
       "pass a tensor that was computed or made"},
  };
  const Scope encoder("encoder");
  const Scope layer("layers", 2);
  for (const Diagnostic& row : table) {
    CAPTURE(std::string(row.name));
    try {
      row.call();
      FAIL_CHECK("nothing was thrown");
    } catch (const Error& e) {
      CHECK(e.kind() == row.kind);
      CHECK(e.message() == row.message);
      CHECK(e.hint() == row.hint);
      CHECK(e.where() == "encoder.layers.2");
    }
  }
}

TEST_CASE("attributes of the rows on a tape") {
  Tape tape;
  const Tensor x = tape.leaf(Tensor::full({2, 3}, 0.5));
  struct Listed {
    Tensor y;
    std::string expected;
  };
  const Listed table[] = {
      {exp(x), "exp"},
      {pow(x, 2.5), "pow exponent=2.5"},
      {clamp(x, -1, 1), "clamp low=-1 high=1"},
      {x * 3, "scale factor=3"},
      {sum(x), "sum"},
      {sum(x, -1), "sum axis=-1 keep=false"},
      {slice(x, 1, 0, 2), "slice axis=1 begin=0 end=2"},
      {reshape(x, {6}), "reshape shape=[6]"},
      {transpose(x), "permute order=[1,0]"},
      {expand(x, {4, 2, 3}), "expand shape=[4,2,3]"},
      {matmul(x, x, true), "matmul a_transposed=true b_transposed=false"},
  };
  for (const Listed& row : table) {
    const Op& op = *tape.node(tape.owner(row.y.place().value)).op;
    Attributes list;
    op.attributes(list);
    std::string line(op.name());
    for (const auto& [name, value] : list.all) line += " " + name + "=" + value;
    CHECK(line == row.expected);
  }
}

}  // namespace
