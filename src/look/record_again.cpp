// A record that is computed twice: with the same inputs in other buffers, which must give the same bits, and in f64, which
// says how much f32 lost. Next: recorder.cpp.
#include <tapedeck/look/recorder.h>

#include <cstring>

#include "src/look/elements.h"

namespace tapedeck {
namespace {

using namespace look;

bool same_bits(const Tensor& a, const Tensor& b) {
  return std::memcmp(a.raw<std::byte>(), b.raw<std::byte>(), size_t(a.size()) * size_of(a.dtype())) == 0;
}

/// Everything in f64; handles without elements stay without.
Tensors doubled(In side) {
  Tensors out;
  for (auto& t : side)
    out.push_back(!t || !is_floating(t.dtype()) ? t.detach()
                  : t.has_data()                ? t.to(DType::f64)
                                                : Tensor::empty(t.shape(), DType::f64).released());
  return out;
}

/// Gradient buffers like those of the call, with what they held on entry; all in f64 if so wanted.
Few<Grad, max_inputs> fresh_gradients(const OpCall& call, In entries, bool f64) {
  Few<Grad, max_inputs> dx;
  for (size_t k = 0; k < call.dx.size(); ++k) {
    Grad g{{}, call.dx[k].wanted, call.dx[k].accumulate};
    const DType dtype = f64 ? DType::f64 : call.dx[k].into.dtype();
    if (g.wanted)
      g.into = !g.accumulate ? Tensor::empty(call.dx[k].into.shape(), dtype) : f64 ? entries[k].to(dtype) : entries[k].clone();
    dx.push_back(std::move(g));
  }
  return dx;
}

}  // namespace

/// dy may be written over, and gradients are added to in place.
void Recorder::keep_copies(const OpCall& call) {
  paused_ = true;
  dy_copies_ = dx_copies_ = {};
  if (call.kind == OpCall::Kind::backward) {
    dy_copies_ = copies(call.dy);
    for (auto& g : call.dx) dx_copies_.push_back(g.wanted && g.accumulate ? g.into.clone() : Tensor{});
  }
  if (call.kind == OpCall::Kind::add) dx_copies_.push_back(call.in[0].clone());
  paused_ = false;
}

void Recorder::compute_again(const OpCall& call) {
  bool equal = true;
  const auto compare = [&](const Tensor& a, const Tensor& b) { equal = equal && same_bits(a, b); };
  if (call.kind == OpCall::Kind::backward) {
    const Tensors dy = copies(dy_copies_);
    Few<Grad, max_inputs> dx = fresh_gradients(call, dx_copies_, false);
    call.op.backward(call.in, call.out, dy, dx);
    for (size_t k = 0; k < dx.size(); ++k)
      if (dx[k].wanted) compare(dx[k].into, call.dx[k].into);
  } else if (call.kind == OpCall::Kind::add) {
    const Tensors in{dx_copies_[0], call.in[1]}, y{Tensor::empty(call.in[0].shape(), call.in[0].dtype())};
    Tensors made = y;
    call.op.forward(in, made);
    compare(made[0], call.out[0]);
  } else if (call.kind == OpCall::Kind::recompute_output) {
    Tensors y;
    for (auto& t : call.out) y.push_back(t);
    y[call.output] = Tensor::empty(call.out[call.output].shape(), call.out[call.output].dtype());
    call.op.recompute(call.in, y, call.output);
    compare(y[call.output], call.out[call.output]);
  } else {
    Tensors y = fresh_outputs(call.op, call.in);
    call.op.forward(call.in, y);
    for (size_t k = 0; k < y.size(); ++k) compare(y[k], call.out[k]);
  }
  pending_.replay = equal ? OpRecord::Replay::equal : OpRecord::Replay::different;
}

void Recorder::compute_in_f64(const OpCall& call) {
  const auto compare = [&](const Tensor& got, const Tensor& exact) {
    if (got.dtype() != DType::f32 || exact.dtype() != DType::f64 || got.size() == 0) return;
    const Difference d = difference(got, exact);
    pending_.error = std::max(pending_.error, d.relative);
    pending_.error_ulp = std::max(pending_.error_ulp, d.ulp);
  };
  try {
    if (call.kind == OpCall::Kind::backward) {
      const Tensors in = doubled(call.in), out = doubled(call.out), dy = doubled(dy_copies_);
      Few<Grad, max_inputs> dx = fresh_gradients(call, dx_copies_, true);
      if (!call.op.backward(in, out, dy, dx)) return;
      for (size_t k = 0; k < dx.size(); ++k)
        if (dx[k].wanted) compare(call.dx[k].into, dx[k].into);
    } else if (call.kind == OpCall::Kind::forward || call.kind == OpCall::Kind::recompute) {
      const Tensors in = doubled(call.in);
      Tensors y = fresh_outputs(call.op, in);
      call.op.forward(in, y);
      for (size_t k = 0; k < y.size(); ++k) compare(call.out[k], y[k]);
    }
  } catch (const Error&) {
    pending_.error = pending_.error_ulp = -1;  // the op has no f64 form: nothing is claimed
  }
}

}  // namespace tapedeck
