// What the ops of this floor share beyond what every op's author gets (tapedeck/ops/author.h): kernels, the four broadcast
// patterns. Next: arithmetic.cpp, the simplest ops.
#pragma once
#include <optional>

#include <tapedeck/ops/author.h>

#include "kernels/kernels.h"

namespace tapedeck {

// ---- kernels: dispatch(t, [&](auto tag) { using T = decltype(tag); kernels::kernel_table<T>().f(..., at<T>(x), ...); })
// ----------

/// The elements, or null for an undefined tensor (kernel arguments marked "or null").
template <class T>
T* at(const Tensor& t) {
  return t ? t.raw<T>() : nullptr;
}

/// into (+)= x, or zero: the two things a backward kernel needs when it has nothing to compute.
void add_or_copy(const Tensor& x, const Grad& dx);
void fill_zero(const Tensor& x);

// ---- broadcasting ----------------------------------------------------------------------------------------------------------

/// How b meets a: equal, a row [c] (leading 1s allowed), a column [...,1], one number; or not at all.
std::optional<kernels::Broadcast> broadcast(const Shape& a, const Shape& b);
/// Sums x down to a shape that expands to x's: the transpose of expand. Returns x itself when the shapes are equal.
Tensor sum_to(const Tensor& x, const Shape& shape);

/// x seen as [outer, axis, inner]; a negative axis counts from the end.
struct Around {
  int64_t outer = 1, axis = 1, inner = 1;
};
Around around(const Shape& shape, int axis);

// ---- differentiable, but not part of the public vocabulary -----------------------------------------------------------------

Tensor unary(kernels::Unary kind, const Tensor& x, double a = 0, double b = 0);
/// The axis moved to the end (a copy), or x itself when it is there already; axis in 0..rank-1.
Tensor axis_last(const Tensor& x, int axis);
Tensor pick_transposed(const Tensor& x /*[r]*/, const Tensor& column /*i32 [r]*/, int64_t cols);  // [r,cols], zero elsewhere

// ---- costs: the convention is beside Cost in tape/op.h -----------------------------------------------------------------------

/// Flops of f for one element; none for Unary::count.
double unary_flops(kernels::Unary kind);
/// Elements of the gradients that are added to what is there: a flop each, unless that is where a sum starts anyway.
double added(Asked dx);
double bytes_of(const Tensor& t);
/// Rows (or numbers) of dy that are added up in the places of dx that `index` names; or that go to a place each, 0 elsewhere.
Cost cost_of_adding(const Tensor& index, const Tensor& dy, const Grad& dx);
Cost cost_of_placing(const Tensor& index, const Tensor& dy, const Grad& dx);

}  // namespace tapedeck
