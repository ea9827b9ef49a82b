// Copies, samples, and how far f32 is from f64. Next: record_again.cpp.
#include "src/look/elements.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tapedeck::look {

Tensors copies(In side) {
  Tensors out;
  for (auto& t : side) out.push_back(t && t.has_data() ? t.clone() : Tensor{});
  return out;
}

Tensors fresh_outputs(const Op& op, In x) {
  Tensors y;
  for (auto& spec : op.infer(x))
    y.push_back(spec.shares >= 0 ? x[size_t(spec.shares)].detach().view(spec.shape) : Tensor::empty(spec.shape, spec.dtype));
  return y;
}

Tensors pull_back(const Op& op, In in, In out, In dy, Wanted wanted) {
  const Tensors given = copies(dy);  // the kernel may write over it
  Few<Grad, max_inputs> dx;
  for (size_t k = 0; k < in.size(); ++k)
    dx.push_back({wanted[k] ? Tensor::empty(in[k].shape(), in[k].dtype()) : Tensor{}, wanted[k], false});
  if (!op.backward(in, out, given, dx)) return op.vjp(in, out, dy, wanted);
  Tensors made;
  for (auto& g : dx) made.push_back(g.into);
  return made;
}

std::vector<float> sample(const Tensor& t) {
  constexpr int64_t sample_size = 64;
  std::vector<float> out;
  if (t.dtype() == DType::bf16) return out;
  const int64_t n = t.size(), count = std::min(n, sample_size);
  for (int64_t i = 0; i < count; ++i) out.push_back(float(t.item(i * n / count)));
  return out;
}

Difference difference(const Tensor& got, const Tensor& exact) {
  Difference d;
  double largest = 0, off = 0;
  for (int64_t i = 0; i < got.size(); ++i) {
    const double e = exact.raw<double>()[i], gap = std::fabs(double(got.raw<float>()[i]) - e);
    if (!std::isfinite(gap)) continue;
    const float at = float(std::fabs(e));
    const double unit = double(std::nextafter(at, std::numeric_limits<float>::infinity())) - double(at);
    largest = std::max(largest, std::fabs(e));
    off = std::max(off, gap);
    if (std::isfinite(unit)) d.ulp = std::max(d.ulp, gap / unit);
  }
  d.relative = largest > 0 ? off / largest : off;
  return d;
}

}  // namespace tapedeck::look
