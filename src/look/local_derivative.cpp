// One element of an output and the elements of the inputs it depends on: the op's own backward of a gradient that is 1 there
// and 0 elsewhere, in buffers of its own. A backward record gets its chain rule with numbers. Next: page/record.js shows it.
#include <tapedeck/look/recorder.h>

#include <algorithm>
#include <cmath>

#include <tapedeck/tensor/in_place.h>

#include "src/look/elements.h"

namespace tapedeck {
namespace {

constexpr size_t most_slopes = 8;

bool is_differentiated(const Tensor& t) { return t && (t.dtype() == DType::f32 || t.dtype() == DType::f64); }

/// The element whose size is nearest to the root mean square, neither a zero nor an extreme; -1: none is finite.
int64_t typical(const Tensor& t) {
  const double size = summarise(t).norm / std::sqrt(double(std::max<int64_t>(1, t.size())));
  int64_t best = -1;
  double least = 0;
  for (int64_t i = 0; i < t.size(); ++i) {
    const double off = std::fabs(std::fabs(t.item(i)) - size);
    if (std::isfinite(off) && (best < 0 || off < least)) best = i, least = off;
  }
  return best;
}

/// d out[output][at] / d in[k] for every floating input (of a backward record: whose gradient it makes), else undefined.
Tensors derivatives(const OpCall& call, size_t output, int64_t at) {
  Tensors in, out, dy;
  for (auto& t : call.in) in.push_back(t.detach());
  for (auto& t : call.out) out.push_back(t.detach());
  dy.resize(out.size());
  dy[output] = Tensor::zeros(out[output].shape(), out[output].dtype());
  dispatch(dy[output].dtype(), [&](auto tag) { dy[output].raw<decltype(tag)>()[at] = 1; });
  Few<bool, max_inputs> wanted;
  for (size_t k = 0; k < in.size(); ++k)
    wanted.push_back(is_differentiated(in[k]) && (call.kind == OpCall::Kind::forward || call.dx[k].wanted));
  return look::pull_back(call.op, in, out, dy, wanted);
}

/// How many elements are not 0, and the largest of them in size.
std::pair<int64_t, std::vector<int64_t>> steepest(const Tensor& slopes) {
  std::vector<int64_t> all;
  for (int64_t i = 0; i < slopes.size(); ++i)
    if (slopes.item(i) != 0) all.push_back(i);
  const auto n = std::ptrdiff_t(std::min(all.size(), most_slopes));
  const auto size = [&](int64_t i) {
    const double s = std::fabs(slopes.item(i));
    return std::isnan(s) ? HUGE_VAL : s;
  };
  const auto steeper = [&](int64_t a, int64_t b) { return size(a) != size(b) ? size(a) > size(b) : a < b; };
  std::partial_sort(all.begin(), all.begin() + n, all.end(), steeper);
  const auto count = int64_t(all.size());
  all.resize(size_t(n));
  return {count, std::move(all)};
}

}  // namespace

void Recorder::differentiate(const OpCall& call) {
  const bool back = call.kind == OpCall::Kind::backward;
  if (!call.traits.differentiable || (!back && call.kind != OpCall::Kind::forward)) return;
  const In tops = back ? In(dy_copies_) : call.out;
  const size_t output = size_t(std::find_if(tops.begin(), tops.end(), is_differentiated) - tops.begin());
  const int64_t at = output < tops.size() ? typical(tops[output]) : -1;
  if (at < 0) return;
  TapeListener nobody;  // what is computed here is no part of the step
  const ScopedListener quiet(nobody);
  Tensors slopes;
  try {
    slopes = derivatives(call, output, at);
  } catch (const Error&) {  // it has no derivative of this kind: nothing is claimed
    return;
  }
  const auto defined = [](In side, size_t end) {  // of the handles before it: the others are not in the record
    return size_t(std::count_if(side.begin(), side.begin() + std::ptrdiff_t(end), [](auto& t) { return bool(t); }));
  };
  const auto input = [&](size_t k) { return pending_.in[defined(call.in, k)].value; };
  size_t made = 0;  // gradients that are wanted so far
  for (size_t k = 0; k < slopes.size(); ++k) {
    const size_t gradient = back && call.dx[k].wanted ? made++ : 0;
    if (!slopes[k]) continue;
    for (size_t j = k + 1; !back && j < slopes.size(); ++j)  // a value in two places: by both ways
      if (slopes[j] && input(j) == input(k)) slopes[k] = slopes[k].clone(), add_into(slopes[k], slopes[j]), slopes[j] = {};
    LocalDerivative d;
    d.of = back ? pending_.in[defined(call.dy, output)].value : pending_.out[output];
    d.by = back ? pending_.out[gradient] : input(k);
    d.at = at;
    d.value = tops[output].item(at);
    const auto [count, largest] = steepest(slopes[k]);
    d.depends = count;
    const Tensor& now = back ? call.dx[k].into : call.in[k];
    const bool sum = back && call.dx[k].accumulate;
    for (int64_t i : largest) d.slopes.push_back({i, slopes[k].item(i), now.item(i), sum ? dx_copies_[k].item(i) : 0});
    pending_.derivatives.push_back(std::move(d));
  }
}

}  // namespace tapedeck
