// Products of matrices and of batches of matrices. Transposes are flags of the product, so neither the rules nor the
// kernels ever copy a transposed operand. Next: tables.cpp.
#include "support.h"

namespace tapedeck {
namespace {

struct MatMul final : Op {
  bool a_transposed, b_transposed;
  MatMul(bool a_transposed, bool b_transposed) : a_transposed(a_transposed), b_transposed(b_transposed) {}

  /// How one call maps to products: `batches` times gemm; a step of 0 shares the operand.
  struct Plan {
    kernels::Gemm gemm;
    int64_t batches = 1, a_step = 0, b_step = 0, c_step = 0;
  };

  std::string_view name() const override { return "matmul"; }
  Specs infer(In x) const override {
    require_defined("matmul", "a", x[0]);
    require_defined("matmul", "b", x[1]);
    require_floating("matmul", x);
    const Shape &a = x[0].shape(), &b = x[1].shape();
    if (a.rank() < 2 || b.rank() < 2)
      shape_error("matmul", x, "needs two axes or more in both", "reshape a vector to one row or one column");
    const int64_t m = a[a_transposed ? -1 : -2], k = a[a_transposed ? -2 : -1], k_of_b = b[b_transposed ? -1 : -2],
                  n = b[b_transposed ? -2 : -1];
    if (k != k_of_b)
      shape_error("matmul", x,
                  text("inner sizes ", k, " and ", k_of_b, " differ (a_transposed ", a_transposed ? "true" : "false",
                       ", b_transposed ", b_transposed ? "true" : "false", ")"),
                  "a[...,m,k] meets b[...,k,n]; a flag swaps an operand's last two axes");
    const Shape& longer = a.rank() >= b.rank() ? a : b;
    if (a.rank() > 2 && b.rank() > 2 && !same_batches(a, b))
      shape_error("matmul", x, "the leading axes differ",
                  "make them equal with expand(); a rank-2 operand is shared by all batches");
    Shape y = longer;
    return {{y.with(y.rank() - 2, m).with(y.rank() - 1, n), x[0].dtype()}};
  }
  void forward(In x, Out y) const override { multiply(plan(x[0].shape(), x[1].shape()), x[0], x[1], y[0]); }

  bool backward(In x, In, In dy, Grads dx) const override {
    const Tensor &a = x[0], &b = x[1], &g = dy[0];
    if (dx[0].wanted) {
      if (a_transposed) into(dx[0], MatMul(b_transposed, true), b, g);
      else into(dx[0], MatMul(false, !b_transposed), g, b);
    }
    if (dx[1].wanted) {
      if (b_transposed) into(dx[1], MatMul(true, a_transposed), g, a);
      else into(dx[1], MatMul(!a_transposed, false), a, g);
    }
    return true;
  }
  Tensors vjp(In x, In, In dy, Wanted wanted) const override {
    const Tensor &a = x[0], &b = x[1], &g = dy[0];
    Tensors dx{Tensor(), Tensor()};
    if (wanted[0])
      dx[0] = a_transposed ? product_to(a.shape(), b, g, b_transposed, true) : product_to(a.shape(), g, b, false, !b_transposed);
    if (wanted[1])
      dx[1] = b_transposed ? product_to(b.shape(), g, a, true, a_transposed) : product_to(b.shape(), a, g, !a_transposed, false);
    return dx;
  }
  Saves saves() const override {
    return {{Save::input, 0, "a factor of b's gradient"}, {Save::input, 1, "a factor of a's gradient"}};
  }
  Cost cost(In x) const override { return {products(x), bytes_moved(x)}; }
  Cost backward_cost(In x, In y, In dy, Asked dx) const override {
    return {(int(dx[0].wanted) + int(dx[1].wanted)) * products(x), bytes_moved(x, y, dy, dx)};
  }
  void attributes(Attributes& list) const override { list("a_transposed", a_transposed)("b_transposed", b_transposed); }

 private:
  /// A multiply-add for each of m n k in each batch; the gradients of both operands have as many.
  double products(In x) const {
    const Plan p = plan(x[0].shape(), x[1].shape());
    return 2.0 * double(p.batches) * double(p.gemm.m) * double(p.gemm.n) * double(p.gemm.k);
  }
  static bool same_batches(const Shape& a, const Shape& b) {
    if (a.rank() != b.rank()) return false;
    for (int i = 0; i < a.rank() - 2; ++i)
      if (a[i] != b[i]) return false;
    return true;
  }
  static int64_t batches(const Shape& s) {
    int64_t n = 1;
    for (int i = 0; i < s.rank() - 2; ++i) n *= s[i];
    return n;
  }
  Plan plan(const Shape& a, const Shape& b) const {
    Plan p;
    p.gemm.a_transposed = a_transposed;
    p.gemm.b_transposed = b_transposed;
    p.gemm.m = a[a_transposed ? -1 : -2];
    p.gemm.k = a[a_transposed ? -2 : -1];
    p.gemm.n = b[b_transposed ? -2 : -1];
    const Shape& longer = a.rank() >= b.rank() ? a : b;
    p.batches = batches(longer);
    if (b.rank() == 2 && !a_transposed) {  // one tall matrix instead of many
      p.gemm.m *= p.batches;
      p.batches = 1;
    }
    p.a_step = a.rank() > 2 ? p.gemm.m * p.gemm.k : 0;
    p.b_step = b.rank() > 2 ? p.gemm.k * p.gemm.n : 0;
    p.c_step = p.gemm.m * p.gemm.n;
    return p;
  }
  static void multiply(const Plan& p, const Tensor& a, const Tensor& b, const Tensor& c) {
    dispatch(a.dtype(), [&](auto tag) {
      using T = decltype(tag);
      const auto& table = kernels::kernel_table<T>();
      if (p.batches == 1) table.gemm(p.gemm, a.raw<T>(), b.raw<T>(), c.raw<T>(), nullptr);
      else table.gemm_batched(p.gemm, p.batches, a.raw<T>(), p.a_step, b.raw<T>(), p.b_step, c.raw<T>(), p.c_step);
    });
  }

  /// An operand shared by all batches receives the sum over them: as one product over the stacked rows where both lie
  /// that way in memory ("tall": a[b,m,k]^T c[b,m,n]), else as the sum of the products.
  static bool stacks(const MatMul& op, const Tensor& a, const Tensor& b) {
    return op.a_transposed && !op.b_transposed && a.shape().rank() > 2 && b.shape().rank() > 2;
  }
  static Shape stacked(const Tensor& t) { return Shape{t.shape().rows(), t.shape().cols()}; }

  static void into(const Grad& dx, const MatMul& op, const Tensor& a, const Tensor& b) {
    const bool shared = dx.into.shape().rank() == 2;
    const bool tall = shared && stacks(op, a, b);
    Plan p = tall ? op.plan(stacked(a), stacked(b)) : op.plan(a.shape(), b.shape());
    p.gemm.accumulate = dx.accumulate;
    if (!shared || p.batches == 1) return multiply(p, a, b, dx.into);
    if (p.batches == 0 && !dx.accumulate) fill_zero(dx.into);
    dispatch(a.dtype(), [&](auto tag) {
      using T = decltype(tag);
      for (int64_t i = 0; i < p.batches; ++i, p.gemm.accumulate = true)
        kernels::kernel_table<T>().gemm(p.gemm, a.raw<T>() + i * p.a_step, b.raw<T>() + i * p.b_step, dx.into.raw<T>(), nullptr);
    });
  }
  static Tensor product_to(const Shape& shape, const Tensor& a, const Tensor& b, bool a_transposed, bool b_transposed) {
    const MatMul op(a_transposed, b_transposed);
    if (shape.rank() == 2 && stacks(op, a, b)) return apply(op, {reshape(a, stacked(a)), reshape(b, stacked(b))});
    const Tensor y = apply(op, {a, b});
    return y.shape() == shape ? y : sum(reshape(y, Shape{batches(y.shape()), shape[0], shape[1]}), 0);
  }
};

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, bool a_transposed, bool b_transposed) {
  return apply(MatMul(a_transposed, b_transposed), {a, b});
}

// ---- cases -----------------------------------------------------------------------------------------------------------------
namespace {

/// The shape [lead..., rows, cols], stored transposed when the flag says so.
Shape stored(Shape lead, int64_t rows, int64_t cols, bool transposed) {
  return transposed ? lead.push(cols).push(rows) : lead.push(rows).push(cols);
}

std::vector<OpCase> matmul_cases(DType t) {
  struct Row {
    const char* name;
    Shape a_lead, b_lead;
    int64_t m, k, n;
  };
  const Row rows[] = {
      {"7x17x15", {}, {}, 7, 17, 15},
      {"batches", {3}, {3}, 5, 4, 7},
      {"b shared", {3}, {}, 5, 4, 7},
      {"a shared", {}, {3}, 5, 4, 7},
      {"two batch axes", {2, 3}, {2, 3}, 2, 5, 1},
  };
  std::vector<OpCase> cases;
  for (const Row& r : rows)
    for (int flags = 0; flags < 4; ++flags) {
      const bool ta = flags & 1, tb = flags & 2;
      cases.push_back(
          case_of(text(r.name, ta ? ", a transposed" : "", tb ? ", b transposed" : ""),
                  {case_input(stored(r.a_lead, r.m, r.k, ta), "a", t), case_input(stored(r.b_lead, r.k, r.n, tb), "b", t)},
                  [ta, tb](In x) { return matmul(x[0], x[1], ta, tb); }));
    }
  struct Small {
    const char* name;
    Shape a, b;
  };
  for (const Small& r :
       {Small{"1x1x1", {1, 1}, {1, 1}}, Small{"one row", {1, 33}, {33, 3}}, Small{"one column", {5, 1}, {1, 17}},
        Small{"no rows", {0, 3}, {3, 4}}, Small{"no inner axis", {2, 0}, {0, 3}}, Small{"no batches", {0, 2, 3}, {3, 4}}})
    cases.push_back(case_of(r.name, {case_input(r.a, "a", t), case_input(r.b, "b", t)}, [](In x) { return matmul(x[0], x[1]); }));
  cases.push_back(case_of("x times x", {case_input({5, 5}, "x", t)}, [](In x) { return matmul(x[0], x[0]); }));
  cases.push_back(
      case_of("x times x transposed", {case_input({4, 7}, "x", t)}, [](In x) { return matmul(x[0], x[0], false, true); }));
  return cases;
}

std::vector<OpMisuse> matmul_misuses() {
  return {
      {"inner sizes",
       [] {
         matmul(Tensor::zeros({2, 3}), Tensor::zeros({4, 5}));
       },
       ErrorKind::shape, "inner sizes 3 and 4 differ"},
      {"flags",
       [] {
         matmul(Tensor::zeros({2, 3}), Tensor::zeros({2, 5}), false, true);
       },
       ErrorKind::shape, "b_transposed true"},
      {"a vector",
       [] {
         matmul(Tensor::zeros({3}), Tensor::zeros({3, 5}));
       },
       ErrorKind::shape, "[3], [3,5]"},
      {"batches",
       [] {
         matmul(Tensor::zeros({2, 3, 4}), Tensor::zeros({3, 4, 5}));
       },
       ErrorKind::shape, "leading axes"},
      {"batch ranks",
       [] {
         matmul(Tensor::zeros({2, 2, 3, 4}), Tensor::zeros({2, 4, 5}));
       },
       ErrorKind::shape, "leading axes"},
      {"mixed types",
       [] {
         matmul(Tensor::zeros({2, 3}), Tensor::zeros({3, 2}, DType::f64));
       },
       ErrorKind::dtype, "f32 and f64"},
      {"undefined",
       [] {
         matmul(Tensor::zeros({2, 3}), Tensor{});
       },
       ErrorKind::value, "b is undefined"},
  };
}

TAPEDECK_OP(matmul, "y[...,m,n] = sum_k a[...,m,k] b[...,k,n]; flags read an operand transposed, a rank-2 operand is shared",
            matmul_cases, matmul_misuses);

}  // namespace
}  // namespace tapedeck
