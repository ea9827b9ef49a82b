// Looking at elements without the tape: a summary, a hash of the bits, the size of a change. One pass each through the
// kernels, the same answer at any number of threads. Next: look/recorder.h, which does this to every value.
#pragma once
#include <cstddef>
#include <cstdint>

#include <tapedeck/tensor/tensor.h>

namespace tapedeck {

/// Of the finite elements: min, max, mean, norm = root of the sum of squares (0 where there are none), zeros.
struct ValueSummary {
  double min = 0, max = 0, mean = 0, norm = 0;
  int64_t zeros = 0, nan = 0, infinite = 0;
  int64_t first_bad = -1;  // element index of the first NaN or infinity
  bool finite() const { return nan == 0 && infinite == 0; }
};
/// All zeros for bf16, which no op reads as numbers.
ValueSummary summarise(const Tensor& t);

/// The Euclidean norm of now - old, of one shape and floating dtype; old is written over.
double norm_of_change(const Tensor& now, Tensor& old);

/// Depends on every bit and its place.
uint64_t hash_bits(const void* data, size_t bytes, uint64_t start = 0);

}  // namespace tapedeck
