// A record that is computed twice: with the same inputs in other buffers, which must give the same bits, and in f64, which
// says how much f32 lost. Next: recorder.cpp.
#include <tapedeck/look/recorder.h>

#include <cstring>

#include "src/look/summarise.h"

namespace tapedeck {
namespace {

bool same_bits(const Tensor& a, const Tensor& b) {
  return std::memcmp(a.raw<std::byte>(), b.raw<std::byte>(), size_t(a.size()) * size_of(a.dtype())) == 0;
}

/// Buffers for what op.forward makes of x; an output that shares an input's buffer stays undefined.
Tensors fresh_outputs(const Op& op, In x) {
  Tensors y;
  for (auto& spec : op.infer(x)) y.push_back(spec.shares >= 0 ? x[size_t(spec.shares)].detach().view(spec.shape) : Tensor::empty(spec.shape, spec.dtype));
  return y;
}

/// Everything in f64; handles without elements stay without.
Tensors doubled(In side) {
  Tensors out;
  for (auto& t : side)
    out.push_back(!t || !is_floating(t.dtype()) ? t.detach() : t.has_data() ? t.to(DType::f64) : Tensor::empty(t.shape(), DType::f64).shell());
  return out;
}

/// Gradient buffers like those of the work, with what they held on entry.
Few<Grad, max_inputs> fresh_gradients(const Work& work, In entries, DType dtype) {
  Few<Grad, max_inputs> dx;
  for (size_t k = 0; k < work.dx.size(); ++k) {
    Grad g;
    g.wanted = work.dx[k].wanted;
    g.accumulate = work.dx[k].accumulate;
    if (g.wanted) g.into = g.accumulate ? entries[k].to(dtype) : Tensor::empty(work.dx[k].into.shape(), dtype);
    dx.push_back(std::move(g));
  }
  return dx;
}

Tensors copies(In side) {
  Tensors out;
  for (auto& t : side) out.push_back(t ? t.clone() : t);
  return out;
}

}  // namespace

/// dy may be written over, and gradients are added to in place.
void Recorder::keep_copies(const Work& work) {
  paused_ = true;
  dy_copies_ = dx_copies_ = {};
  if (work.kind == Work::Kind::backward) {
    dy_copies_ = copies(work.dy);
    for (auto& g : work.dx) dx_copies_.push_back(g.wanted && g.accumulate ? g.into.clone() : Tensor{});
  }
  if (work.kind == Work::Kind::add) dx_copies_.push_back(work.in[0].clone());
  paused_ = false;
}

void Recorder::compute_again(const Work& work) {
  bool equal = true;
  const auto compare = [&](const Tensor& a, const Tensor& b) { equal = equal && same_bits(a, b); };
  if (work.kind == Work::Kind::backward) {
    const Tensors dy = copies(dy_copies_);
    Few<Grad, max_inputs> dx = fresh_gradients(work, dx_copies_, work.dx.empty() ? DType::f32 : work.in[0].dtype());
    for (size_t k = 0; k < dx.size(); ++k)
      if (dx[k].wanted) dx[k].into = dx[k].accumulate ? dx_copies_[k].clone() : Tensor::empty(work.dx[k].into.shape(), work.dx[k].into.dtype());
    work.op.backward(work.in, work.out, dy, dx);
    for (size_t k = 0; k < dx.size(); ++k) if (dx[k].wanted) compare(dx[k].into, work.dx[k].into);
  } else if (work.kind == Work::Kind::add) {
    const Tensors in{dx_copies_[0], work.in[1]}, y{Tensor::empty(work.in[0].shape(), work.in[0].dtype())};
    Tensors made = y;
    work.op.forward(in, made);
    compare(made[0], work.out[0]);
  } else if (work.kind == Work::Kind::restore) {
    Tensors y;
    for (auto& t : work.out) y.push_back(t);
    y[work.output] = Tensor::empty(work.out[work.output].shape(), work.out[work.output].dtype());
    work.op.restore(work.in, y, work.output);
    compare(y[work.output], work.out[work.output]);
  } else {
    Tensors y = fresh_outputs(work.op, work.in);
    work.op.forward(work.in, y);
    for (size_t k = 0; k < y.size(); ++k) compare(y[k], work.out[k]);
  }
  pending_.replay = equal ? OpRecord::Replay::equal : OpRecord::Replay::different;
}

void Recorder::compute_in_f64(const Work& work) {
  const auto compare = [&](const Tensor& got, const Tensor& exact) {
    if (got.dtype() != DType::f32 || exact.dtype() != DType::f64 || got.size() == 0) return;
    const Difference d = difference(got, exact);
    pending_.error = std::max(pending_.error, d.relative);
    pending_.error_ulp = std::max(pending_.error_ulp, d.ulp);
  };
  try {
    if (work.kind == Work::Kind::backward) {
      const Tensors in = doubled(work.in), out = doubled(work.out), dy = doubled(dy_copies_);
      Few<Grad, max_inputs> dx = fresh_gradients(work, dx_copies_, DType::f64);
      if (!work.op.backward(in, out, dy, dx)) return;
      for (size_t k = 0; k < dx.size(); ++k) if (dx[k].wanted) compare(work.dx[k].into, dx[k].into);
    } else if (work.kind == Work::Kind::forward || work.kind == Work::Kind::again) {
      const Tensors in = doubled(work.in);
      Tensors y = fresh_outputs(work.op, in);
      work.op.forward(in, y);
      for (size_t k = 0; k < y.size(); ++k) compare(work.out[k], y[k]);
    }
  } catch (const Error&) {
    pending_.error = pending_.error_ulp = -1;     // the op has no f64 form: nothing is claimed
  }
}

}  // namespace tapedeck
