// The differentiable vocabulary: every function here records one row when an input is on a tape. Broadcasting is
// limited to four patterns: equal shape, trailing row [c], trailing-1 column [r,1], one number; anything else is an
// explicit expand. Each op's cases and equation stand beside its code in src/ops. Next: fused.h.
#pragma once
#include <initializer_list>
#include <span>

#include <tapedeck/kernels/unary_table.h>
#include <tapedeck/tape/tape.h>

namespace tapedeck {

// At the edges (tests/ops_extreme_test.cpp walks every op over them, two orders of derivatives): -inf is a logit that softmax,
// log_softmax, logsumexp, cross_entropy_rows and symmetric_kl_rows give no probability, with finite derivatives of every order.
// Other arithmetic is IEEE's: at a pole (log, sqrt, rsqrt, reciprocal, pow and division at 0) and where a value leaves the range
// of its type (exp of 10^4) a derivative is infinite, and 0 times it is NaN, so where() stands before such an op, not behind it.
// An infinite factor of a product, or an infinite vector, has no gradient that is a number.

// arithmetic (a broadcasts against b or b against a)
Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, double b);
Tensor operator-(const Tensor& a, double b);
Tensor operator*(const Tensor& a, double b);
Tensor operator/(const Tensor& a, double b);
Tensor operator+(double a, const Tensor& b);
Tensor operator-(double a, const Tensor& b);
Tensor operator*(double a, const Tensor& b);
Tensor operator/(double a, const Tensor& b);
Tensor operator-(const Tensor& a);

// unary: each row of tapedeck/kernels/unary_table.h is a function of one tensor: exp, log, tanh, sigmoid, relu, gelu (exact, with
// erf), gelu_tanh, silu, softplus, sqrt, rsqrt, square, abs, sin, cos, erf, reciprocal, sign, step (1 where x > 0), ...
#define TAPEDECK_UNARY_DECLARATION(name, ...) Tensor name(const Tensor& x);
TAPEDECK_UNARY_OPS(TAPEDECK_UNARY_DECLARATION)
#undef TAPEDECK_UNARY_DECLARATION
Tensor inside(const Tensor& x, double low, double high);  // 1 where low <= x <= high; gradient 0
Tensor pow(const Tensor& x, double exponent);
Tensor clamp(const Tensor& x, double low, double high);

// reductions: over everything (result []), or over one axis (kept with size 1 when keep)
Tensor sum(const Tensor& x);
Tensor mean(const Tensor& x);
Tensor sum(const Tensor& x, int axis, bool keep = false);
Tensor mean(const Tensor& x, int axis, bool keep = false);
Tensor max(const Tensor& x, int axis, bool keep = false);  // gradient to the first maximum
Tensor logsumexp(const Tensor& x, int axis, bool keep = false);
Tensor argmax(const Tensor& x, int axis);  // i32, not differentiable
/// Euclidean norm sqrt(epsilon + sum x^2). Without epsilon its derivatives at 0, where a length has none, are 0; an epsilon keeps
/// those near 0 small.
Tensor norm(const Tensor& x, double epsilon = 0);
Tensor norm(const Tensor& x, int axis, bool keep = false, double epsilon = 0);

// shape
Tensor reshape(const Tensor& x, Shape shape);                          // shares the buffer
Tensor reshape(const Tensor& x, std::initializer_list<int64_t> dims);  // one -1 is inferred
Tensor permute(const Tensor& x, std::initializer_list<int> order);
Tensor transpose(const Tensor& x);  // last two axes
Tensor concat(In parts, int axis);
Tensor concat(std::initializer_list<Tensor> parts, int axis);
Tensor slice(const Tensor& x, int axis, int64_t begin, int64_t end);
Tensor expand(const Tensor& x, Shape shape);  // aligned at the right; size-1 and missing leading axes repeat

// matrices: a[...,m,k] b[...,k,n]; a flag says that the operand is stored transposed; equal leading axes are batches,
// a rank-2 operand is shared by all batches of the other
Tensor matmul(const Tensor& a, const Tensor& b, bool a_transposed = false, bool b_transposed = false);

// tables; an index out of range throws Error{index} naming position, value and limit
Tensor gather(const Tensor& table /*[n,c]*/, const Tensor& index /*i32 [r]*/);                          // [r,c]
Tensor scatter_add(const Tensor& rows /*[r,c]*/, const Tensor& index /*i32 [r]*/, int64_t table_rows);  // [n,c]
Tensor pick(const Tensor& x /*[r,c]*/, const Tensor& column /*i32 [r]*/);                               // [r]
Tensor where(const Tensor& condition /*u8*/, const Tensor& a, const Tensor& b);  // the branch not taken gets exactly 0

// softmax over the last axis
Tensor softmax(const Tensor& x);
Tensor log_softmax(const Tensor& x);

/// y = x * mask / keep; element e uses draw first + e of key (kernels/philox.h). p = 0 returns x itself.
Tensor dropout(const Tensor& x, double p, Key key, uint64_t first = 0);

}  // namespace tapedeck
