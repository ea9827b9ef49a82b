// For whoever writes an op, in this project or outside: checks that name the op and the shapes, loops over all threads, inputs
// for cases. Nothing here builds a string or allocates unless it is about to throw. Next: check/check_op.h,
// docs/guide/extend/op.md.
#pragma once
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tapedeck/ops/ops.h>
#include <tapedeck/tape/op_table.h>

namespace tapedeck {

// ---- checks for infer; `op` is the op's name, `what` an argument's ("table") ---------------------------------------------

std::string shapes(In x);  // "[2,3], [4]"
/// Throws with the module path as the place. The message starts with the op's name.
[[noreturn]] void raise(ErrorKind kind, std::string message, std::string_view hint = {});
/// "matmul: got [2,3], [4,5]; inner sizes 3 and 4 differ" as Error{shape}.
[[noreturn]] void shape_error(std::string_view op, In x, std::string_view expected, std::string_view hint = {});
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

// ---- kernels ---------------------------------------------------------------------------------------------------------------

namespace detail {
void run_ranges(int64_t n, int64_t grain, void (*body)(const void* context, int64_t begin, int64_t end), const void* context);
}
/// Cuts [0, n) into ranges of `grain` items (the last may be shorter) and calls body(begin, end) for each, spread over the
/// threads in any order: each call writes its own outputs only. The cut depends on n and grain alone, so bits do as well.
template <class Body>
void parallel_ranges(int64_t n, int64_t grain, const Body& body) {
  detail::run_ranges(
      n, grain, [](const void* context, int64_t begin, int64_t end) { (*static_cast<const Body*>(context))(begin, end); }, &body);
}

// ---- cases: values are drawn in f64 and converted, so that f32 and f64 rows agree ------------------------------------------

Tensor case_input(Shape shape, Key key, DType dtype);  // standard normal
Tensor case_input(Shape shape, std::string_view seed, DType dtype);
Tensor case_uniform(Shape shape, std::string_view seed, DType dtype, double low, double high);
/// Normal values pushed at least `gap` away from every kink, where a difference quotient would be wrong.
Tensor case_away_from(std::initializer_list<double> kinks, Shape shape, std::string_view seed, DType dtype, double gap = 0.1);
Tensor case_indices(int64_t count, int64_t limit, std::string_view seed);  // i32, with repeats
/// A row whose call returns one tensor.
OpCase case_of(std::string name, std::vector<Tensor> inputs, std::function<Tensor(In)> call);

}  // namespace tapedeck
