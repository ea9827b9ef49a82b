// Computes the rows of a tape once more with whatever the leaves hold now: a loss as a function of the parameters in which all
// that is not on the tape stays as it was. So attacks, drawn noise, teachers and stopped predictions are constants. Next:
// check_part.h.
#pragma once
#include <vector>

#include <tapedeck/tape/tape.h>

namespace tapedeck::testing {

/// The value of `wanted` from rows [0, row of wanted]; the tape (Keep::all) is left alone.
inline Tensor replay(const Tape& tape, const Tensor& wanted) {
  std::vector<Tensor> values(tape.values());
  const ValueId last = wanted.place().value;
  for (NodeId i = 0; i <= tape.owner(last); ++i) {
    const Node& node = tape.node(i);
    if (node.in.empty()) {  // a leaf
      for (size_t k = 0; k < node.out.size(); ++k) values[node.first + k] = node.out[k].detach();
      continue;
    }
    Tensors x, y;
    for (const Tensor& in : node.in) x.push_back(in.on_tape() ? values[in.place().value] : in);
    for (const Spec& spec : node.op->infer(x))
      y.push_back(spec.shares >= 0 ? x[size_t(spec.shares)].view(spec.shape) : Tensor::empty(spec.shape, spec.dtype));
    node.op->forward(x, y);
    for (size_t k = 0; k < y.size(); ++k) values[node.first + k] = y[k];
  }
  return values[last];
}

}  // namespace tapedeck::testing
