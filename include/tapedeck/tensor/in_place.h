// What happens to buffers without being recorded: adding gradients up, lengths, looking for infinities, a plain product. Kept
// here because the tape itself never includes kernels. Next: tape/tape.h.
#pragma once
#include <cstdint>

#include <tapedeck/tensor/tensor.h>

namespace tapedeck {

/// to += from, element by element; same shape, same floating dtype.
void add_into(const Tensor& to, const Tensor& from);
/// c = op(a) op(b), or c += op(a) op(b): op(a) is [m,k], op(b) [k,n], c [m,n]; a flag says that the operand is stored
/// transposed. Same floating dtype, rounded to bf16 where machine.h says so; Error{shape} when the sizes do not fit.
void multiply_into(const Tensor& c, const Tensor& a, bool a_transposed, const Tensor& b, bool b_transposed, bool accumulate);
/// The sum of the squares of all elements, in double; a floating dtype.
double sum_squares(const Tensor& t);
/// The index of the first NaN or infinity, -1 if there is none; a floating dtype.
int64_t first_non_finite(const Tensor& t);

}  // namespace tapedeck
