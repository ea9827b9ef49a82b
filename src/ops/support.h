// What the ops of this floor share: checks that name the op and the shapes, the four broadcast patterns, inputs for cases.
// Nothing here builds a string or allocates unless it is about to throw. Next: arithmetic.cpp, the simplest ops.
#pragma once
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tapedeck/ops/ops.h>
#include <tapedeck/tape/op_table.h>

#include "kernels/kernels.h"

namespace tapedeck {

// ---- kernels: dispatch(t, [&](auto tag) { using T = decltype(tag); kernels::menu<T>().f(..., at<T>(x), ...); }) ----------

/// The elements, or null for an undefined tensor (kernel arguments marked "or null").
template <class T>
T* at(const Tensor& t) { return t ? t.raw<T>() : nullptr; }

/// into (+)= x, or zero: the two things a backward kernel needs when it has nothing to compute.
void add_or_copy(const Tensor& x, const Grad& dx);
void fill_zero(const Tensor& x);

// ---- checks for infer; `op` is the op's name, `what` an argument's ("table") ---------------------------------------------

std::string shapes(In x);                                          // "[2,3], [4]"
/// Throws with the module path as the place. The message starts with the op's name.
[[noreturn]] void raise(ErrorKind kind, std::string message, std::string_view remedy = {});
/// "matmul: got [2,3], [4,5]; inner sizes 3 and 4 differ" as Error{shape}.
[[noreturn]] void shape_error(std::string_view op, In x, std::string_view expected, std::string_view remedy = {});
/// Every defined tensor is f32 or f64, and all of them the same.
void require_floating(std::string_view op, In x);
void require_floating(std::string_view op, std::initializer_list<Tensor> x);
void require_defined(std::string_view op, std::string_view what, const Tensor& x);
void require_dtype(std::string_view op, std::string_view what, const Tensor& x, DType expected);
void require_rank(std::string_view op, std::string_view what, const Tensor& x, int rank);
void require_shape(std::string_view op, std::string_view what, const Tensor& x, const Shape& expected);
/// i32 of rank 1 with entries in [0, limit), except those equal to `ignore` when that is given; reads every entry.
/// Error{index}: "gather: index[3] is 17, but the table has 10 rows".
void require_indices(std::string_view op, std::string_view what, const Tensor& index, int64_t limit, std::string_view limit_of,
                     std::optional<int32_t> ignore = {});
/// Axis in 0..rank-1 (negative counts from the end); Error{shape} names op, axis and shape.
int require_axis(std::string_view op, const Tensor& x, int axis);

// ---- broadcasting ----------------------------------------------------------------------------------------------------------

/// How b meets a: equal, a row [c] (leading 1s allowed), a column [...,1], one number; or not at all.
std::optional<kernels::Broadcast> broadcast(const Shape& a, const Shape& b);
/// Sums x down to a shape that expands to x's: the transpose of expand. Returns x itself when the shapes are equal.
Tensor sum_to(const Tensor& x, const Shape& shape);

/// x seen as [outer, axis, inner]; a negative axis counts from the end.
struct Around { int64_t outer = 1, axis = 1, inner = 1; };
Around around(const Shape& shape, int axis);

// ---- differentiable, but not part of the public vocabulary -----------------------------------------------------------------

Tensor unary(kernels::Unary kind, const Tensor& x, double a = 0, double b = 0);
/// The axis moved to the end (a copy), or x itself when it is there already; axis in 0..rank-1.
Tensor axis_last(const Tensor& x, int axis);
Tensor pick_transposed(const Tensor& x /*[r]*/, const Tensor& column /*i32 [r]*/, int64_t cols);      // [r,cols], zero elsewhere

// ---- cases: values are drawn in f64 and converted, so that f32 and f64 rows agree ------------------------------------------

Tensor case_input(Shape shape, Key key, DType dtype);                                                 // standard normal
Tensor case_input(Shape shape, std::string_view seed, DType dtype);
Tensor case_uniform(Shape shape, std::string_view seed, DType dtype, double low, double high);
/// Normal values pushed at least `gap` away from every kink, where a difference quotient would be wrong.
Tensor case_away_from(std::initializer_list<double> kinks, Shape shape, std::string_view seed, DType dtype, double gap = 0.1);
Tensor case_indices(int64_t count, int64_t limit, std::string_view seed);                             // i32, with repeats
/// A row whose call returns one tensor.
OpCase case_of(std::string name, std::vector<Tensor> inputs, std::function<Tensor(In)> call);
/// bytes of all tensors, for cost().
double bytes_of(In x);

}  // namespace tapedeck
