// What the tape does to buffers without recording it: adding gradients up and looking for infinities. Kept here because
// the tape itself never includes kernels. Next: tape/tape.h.
#pragma once
#include <cstdint>

#include <tapedeck/tensor/tensor.h>

namespace tapedeck {

/// to += from, element by element; same shape, same floating dtype.
void add_into(const Tensor& to, const Tensor& from);
/// The index of the first NaN or infinity, -1 if there is none; a floating dtype.
int64_t first_non_finite(const Tensor& t);

}  // namespace tapedeck
