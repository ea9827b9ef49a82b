// Looking at elements: extremes, sums, what is not finite, how far two tensors differ.
#pragma once
#include <vector>

#include <tapedeck/look/recording.h>
#include <tapedeck/tensor/tensor.h>

namespace tapedeck {

ValueSummary summarise(const Tensor& t);
std::vector<float> sample(const Tensor& t);
/// The Euclidean norm of a - b; same shape and floating dtype.
double norm_of_difference(const Tensor& a, const Tensor& b);

/// relative: largest |got - exact| by the largest |exact|; ulp: largest difference in units of the last place of f32 there.
struct Difference { double relative = 0, ulp = 0; };
Difference difference(const Tensor& got, const Tensor& exact);

}  // namespace tapedeck
