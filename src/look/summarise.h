// What the recorder asks of elements beyond tensor/inspect.h: a sample, how far two tensors differ.
#pragma once
#include <vector>

#include <tapedeck/tensor/tensor.h>

namespace tapedeck {

std::vector<float> sample(const Tensor& t);

/// relative: largest |got - exact| by the largest |exact|; ulp: largest difference in units of the last place of f32 there.
struct Difference { double relative = 0, ulp = 0; };
Difference difference(const Tensor& got, const Tensor& exact);

}  // namespace tapedeck
