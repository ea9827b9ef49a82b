// Numeric derivatives in f64: the four-point central stencil, whose error falls with the fourth power of the step, so
// that the numeric side is sharper than what it judges. Next: check/check_op.h.
#pragma once
#include <functional>
#include <vector>

#include <tapedeck/tape/tape.h>
#include <tapedeck/tensor/compare.h>

namespace tapedeck::testing {

constexpr double stencil_step = 2e-4;         // kinks must lie further than 2 steps away
constexpr int64_t full_jacobian_limit = 400;  // more floating elements than this: random directions instead
constexpr int directions = 24;

/// (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12 h, f given as a function of the shift.
template <class F>
double central_difference(F&& f, double h = stencil_step) {
  return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h);
}

namespace detail {
/// Every element of every floating input by itself.
inline Gap full_gap(In inputs, In analytic, const std::function<double()>& value, double h = stencil_step) {
  double scale = 0;
  for (const Tensor& g : analytic) scale = std::max(scale, largest_entry(g));
  Gap worst;
  for (size_t k = 0; k < inputs.size(); ++k) {
    if (!is_floating(inputs[k].dtype())) continue;
    Tensor numeric = Tensor::empty(inputs[k].shape(), DType::f64);
    for (int64_t e = 0; e < inputs[k].size(); ++e) {
      const double before = inputs[k].item(e);
      set(numeric, e,
          central_difference(
              [&](double t) {
                set(inputs[k], e, before + t);
                return value();
              },
              h));
      set(inputs[k], e, before);
    }
    Gap gap = compare(analytic[k], numeric, scale);
    gap.where = text("input ", k, gap.where.empty() ? "" : " ", gap.where);
    widen(worst, gap);
  }
  return worst;
}

/// Derivatives along random directions through all inputs at once.
inline Gap directional_gap(In inputs, In analytic, const std::function<double()>& value, double h = stencil_step) {
  std::vector<Tensor> start;
  double elements = 0;
  for (const Tensor& x : inputs) {
    start.push_back(x.clone());
    if (is_floating(x.dtype())) elements += double(x.size());
  }
  const double length =
      std::min(1.0, std::sqrt(double(full_jacobian_limit) / std::max(elements, 1.0)));  // a step is short, whatever the size
  Tensor exact = Tensor::zeros({directions}, DType::f64), numeric = Tensor::zeros({directions}, DType::f64);
  for (int d = 0; d < directions; ++d) {
    std::vector<Tensor> u;
    double along = 0;
    for (size_t k = 0; k < inputs.size(); ++k) {
      u.push_back(Tensor::normal(inputs[k].shape(), root_key(7) / "direction" / d / int(k), 0, length, DType::f64));
      if (is_floating(inputs[k].dtype()))
        for (int64_t e = 0; e < inputs[k].size(); ++e) along += analytic[k].item(e) * u[k].item(e);
    }
    const auto moved = [&](double t) {
      for (size_t k = 0; k < inputs.size(); ++k)
        if (is_floating(inputs[k].dtype()))
          for (int64_t e = 0; e < inputs[k].size(); ++e) set(inputs[k], e, start[k].item(e) + t * u[k].item(e));
      return value();
    };
    set(exact, d, along);
    set(numeric, d, central_difference(moved, h));
  }
  for (size_t k = 0; k < inputs.size(); ++k) inputs[k].copy_from(start[k]);
  Gap gap = compare(exact, numeric);
  gap.where = "random direction";
  return gap;
}
}  // namespace detail

/// Compares analytic gradients (one per input; integer inputs are left out) with those of value(), which must read the
/// inputs' buffers afresh at each call. The buffers are shifted in place and restored. h: the step of the stencil.
inline Gap gradcheck(In inputs, In analytic, const std::function<double()>& value, double h = stencil_step) {
  int64_t elements = 0;
  for (const Tensor& x : inputs)
    if (is_floating(x.dtype())) elements += x.size();
  return elements <= full_jacobian_limit ? detail::full_gap(inputs, analytic, value, h)
                                         : detail::directional_gap(inputs, analytic, value, h);
}

}  // namespace tapedeck::testing
