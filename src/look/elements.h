// What is done with the elements of tensors beside tensor/inspect.h: copies and fresh buffers to compute in once more, a sample,
// how far two tensors differ. Next: record_again.cpp, local_derivative.cpp and expansion.cpp, which compute again.
#pragma once
#include <vector>

#include <tapedeck/tape/op.h>

namespace tapedeck::look {

/// Of what has elements; undefined for the others.
Tensors copies(In side);
/// Buffers for what op.forward makes of x; an output that shares an input's buffer is that input in its own shape.
Tensors fresh_outputs(const Op& op, In x);
/// The gradients of the wanted inputs, in buffers of their own: by the op's kernel, or where it has none by its rule.
Tensors pull_back(const Op& op, In in, In out, In dy, Wanted wanted);

std::vector<float> sample(const Tensor& t);

/// relative: largest |got - exact| by the largest |exact|; ulp: largest difference in units of the last place of f32 there.
struct Difference {
  double relative = 0, ulp = 0;
};
Difference difference(const Tensor& got, const Tensor& exact);

}  // namespace tapedeck::look
