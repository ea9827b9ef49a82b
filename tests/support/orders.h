// Orders 1 and 2 of one call: the kernels against the recorded rule, and the rule's own derivative. Two tests of extreme values
// stand on it. Next: ../ops_extreme_test.cpp.
#pragma once
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include <tapedeck/base/error.h>
#include <tapedeck/ops/ops.h>

namespace tapedeck::testing {

/// <y, r> over the finite elements of every floating output, r random; undefined without one. leaves: receives r as leaves of a
/// tape.
inline Tensor finite_projection(In y, Tape* tape = nullptr, Tensors* leaves = nullptr) {
  Tensor total;
  for (size_t k = 0; k < y.size(); ++k) {
    if (!y[k] || !is_floating(y[k].dtype())) continue;
    const Tensor finite = Tensor::empty(y[k].shape(), DType::u8), none = Tensor::zeros(y[k].shape(), y[k].dtype());
    for (int64_t i = 0; i < y[k].size(); ++i) finite.raw<uint8_t>()[i] = std::isfinite(y[k].item(i));
    Tensor r = Tensor::normal(y[k].shape(), root_key(12) / "projection" / int(k), 0, 1, DType::f64).to(y[k].dtype());
    if (tape) leaves->push_back(r = tape->leaf(r));
    const Tensor part = sum(where(finite, y[k], none) * r);
    total = total ? total + part : part;
  }
  return total;
}

inline double largest_finite(In tensors) {
  double most = 0;
  for (const Tensor& t : tensors)
    for (int64_t i = 0; i < t.size(); ++i)
      if (std::isfinite(t.item(i))) most = std::max(most, std::abs(t.item(i)));
  return most;
}

/// Empty when what the first-order kernels give is what the recorded sweep gives, element by element where it is finite, and the
/// derivative of that sweep along a random direction is finite where the sweep is, and everywhere in `also`. Without infinite
/// inputs no gradient may be NaN.
inline std::string orders_agree(const Tensor& loss, In leaves, bool infinite_inputs, In also = {}) {
  const Tensors first = gradients(loss, leaves), again = gradients(loss, leaves, Order::differentiable);
  const double limit = loss.dtype() == DType::f64 ? 1e-12 : 1e-5;  // times the size of inputs and gradients
  Tensor along;
  const double scale = std::max(1.0, largest_finite(first)) * std::clamp(largest_finite(leaves), 1.0, 1e4);
  for (size_t k = 0; k < first.size(); ++k) {
    for (int64_t i = 0; i < first[k].size(); ++i) {
      const double kernel = first[k].item(i), rule = again[k].item(i);
      if (std::isnan(kernel) && !infinite_inputs) return text("gradient ", i, " of floating input ", k, " is NaN");
      if (std::isfinite(kernel) && !(std::abs(kernel - rule) <= limit * scale))
        return text("gradient ", i, " of floating input ", k, ": the kernel gives ", kernel, ", the rule ", rule);
    }
    if (!again[k].on_tape()) continue;
    const Tensors one{again[k]};
    const Tensor part = finite_projection(one);
    along = along ? along + part : part;
  }
  if (!along || !along.on_tape()) return "";
  const Tensors second = gradients(along, leaves);
  for (size_t k = 0; k < second.size(); ++k)
    for (int64_t i = 0; i < second[k].size(); ++i)
      if (std::isfinite(first[k].item(i)) && !std::isfinite(second[k].item(i)))
        return text("second derivative ", i, " of floating input ", k, " is ", second[k].item(i));
  const Tensors through = gradients(along, also);
  for (size_t k = 0; k < through.size(); ++k)
    for (int64_t i = 0; i < through[k].size(); ++i)
      if (!std::isfinite(through[k].item(i)))
        return text("second derivative ", i, " of the gradient of output ", k, " is ", through[k].item(i));
  return "";
}

/// The same of a call, by the finite elements of what it returns. Without infinite inputs no value may be NaN.
inline std::string orders_agree(In inputs, const std::function<Tensors(In)>& call, bool infinite_inputs) {
  Tape tape;
  Tensors x, leaves;
  for (const Tensor& t : inputs) {
    x.push_back(is_floating(t.dtype()) ? tape.leaf(t) : t);
    if (is_floating(t.dtype())) leaves.push_back(x[x.size() - 1]);
  }
  const Tensors y = call(x);
  for (const Tensor& t : y)
    for (int64_t i = 0; t && is_floating(t.dtype()) && i < t.size() && !infinite_inputs; ++i)
      if (std::isnan(t.item(i))) return text("value ", i, " is NaN");
  Tensors directions;
  const bool on_tape = std::ranges::any_of(std::span<const Tensor>(y), [](const Tensor& t) { return t && t.on_tape(); });
  const Tensor loss = finite_projection(y, &tape, &directions);
  return loss && on_tape ? orders_agree(loss, leaves, infinite_inputs, directions) : "";
}

}  // namespace tapedeck::testing
