// A visitor waits for its record, takes copies of what the computation reads and makes, and hands them on with the op. For a
// path into an expansion it expands the record and lets a second visitor wait inside. Next: cursor.cpp, which asks.
#include "src/look/expansion.h"

#include <cmath>

#include <tapedeck/base/error.h>
#include <tapedeck/tape/gradcheck.h>

#include "src/look/elements.h"
#include "src/look/text.h"

namespace tapedeck::look {
namespace {

constexpr double limit = 1e-6;  // of a gap between derivatives, in f64

/// A computation that just happened. dy: empty for a forward one. results: what it wrote.
struct CapturedCall {
  const Op& op;
  OpTraits traits;
  Tensors in, dy, results;
  Few<bool, max_inputs> wanted;
};
using Inspect = std::function<void(const CapturedCall&)>;

Tensors outputs_of(const Op& op, In x) {
  Tensors y = fresh_outputs(op, x);
  op.forward(x, y);
  return y;
}

/// The reference, or the rule; results as far as both name them.
Tensors in_smaller_ops(const CapturedCall& m) {
  if (m.dy.empty()) return m.op.reference(m.in);
  const Tensors y = outputs_of(m.op, m.in), all = m.op.vjp(m.in, y, m.dy, m.wanted);
  Tensors wanted;
  for (size_t k = 0; k < all.size() && k < m.wanted.size(); ++k)
    if (m.wanted[k]) wanted.push_back(all[k]);
  return wanted;
}

Recording record_smaller_ops(const CapturedCall& m, const RecorderOptions& options, Tensors& results) {
  Recorder recorder(options);
  const auto name = [&](In side, const char* what) {
    for (size_t k = 0; k < side.size(); ++k)
      if (side[k]) recorder.name_parameter(side[k], {}, text(what, " ", k), false);
  };
  name(m.in, "input");
  name(m.dy, "gradient of output");
  results = in_smaller_ops(m);
  return recorder.finish();
}

class CaptureVisitor final : public RecordVisitor {
 public:
  CaptureVisitor(Path path, const Inspect& inspect) : path_(path), inspect_(inspect) {}

  void before(uint32_t record, const OpCall& call) override {
    if (record != path_[0].record || call.kind != OpCall::Kind::backward) return;
    dy_ = copies(call.dy);  // the kernel may write over it
    before_ = {};
    for (auto& g : call.dx) before_.push_back(g.wanted && g.accumulate ? g.into.clone() : Tensor{});
  }

  void after(uint32_t record, const OpCall& call) override {
    if (record == path_[0].origin) origin_ = call.op.name(), inputs_ = copies(call.in);
    if (record != path_[0].record) return;
    CapturedCall m{call.op, call.traits, copies(call.in), {}, {}, {}};
    if (call.kind == OpCall::Kind::backward) backward(call, m);
    else m.results = copies(call.out);
    if (path_.size() == 1) return inspect_(m);
    CaptureVisitor inner(path_.subspan(1), inspect_);
    Tensors unused;
    record_smaller_ops(m, {.statistics = false, .visitor = &inner}, unused);
  }

 private:
  void backward(const OpCall& call, CapturedCall& m) const {
    for (size_t k = 0; k < m.in.size(); ++k)  // what the kernel does not read may be gone: the forward record had it
      if (!m.in[k] && call.in[k] && origin_ == call.op.name() && k < inputs_.size()) m.in[k] = inputs_[k];
    for (size_t k = 0; k < m.in.size(); ++k)
      if (!m.in[k] && call.in[k])
        throw Error(ErrorKind::value, text("input ", k, " of ", call.op.name(), " was not kept up to here"));
    m.dy = dy_;
    for (size_t k = 0; k < call.dx.size(); ++k) {
      m.wanted.push_back(call.dx[k].wanted);
      if (call.dx[k].wanted) m.results.push_back(before_[k] ? Tensor{} : call.dx[k].into.clone());
    }
  }

  const Path path_;
  const Inspect& inspect_;
  Tensors dy_, before_, inputs_;
  std::string origin_;
};

/// Runs the step until inspect saw the record.
void visit(const Cursor::Recompute& recompute, Path path, const Inspect& inspect) {
  bool seen = false;
  const Inspect once = [&](const CapturedCall& m) { seen = true, inspect(m); };
  CaptureVisitor visitor(path, once);
  recompute(visitor);
  if (!seen) throw Error(ErrorKind::value, "the step took another way this time: the experiment or its data have changed");
}

/// sum of dy * y, with dy drawn where none arrived; and its gradient, by the op's own backward.
struct Projection {
  const Op& op;
  Tensors in, y, dy;

  explicit Projection(const CapturedCall& m) : op(m.op) {
    for (auto& t : m.in) in.push_back(t && is_floating(t.dtype()) ? t.to(DType::f64) : t);
    y = outputs_of(op, in);
    const size_t asked = m.traits.has_reference ? op.reference(in).size() : y.size();  // what comes after these has no derivative
    for (size_t i = 0; i < y.size(); ++i) {
      if (i >= asked || !is_floating(y[i].dtype())) dy.push_back({});
      else if (m.dy.empty()) dy.push_back(Tensor::normal(y[i].shape(), root_key(17) / "seed" / int(i), 0, 1, DType::f64));
      else dy.push_back(i < m.dy.size() && m.dy[i] ? m.dy[i].to(DType::f64) : Tensor{});
    }
  }
  double value() {
    op.forward(in, y);
    return sum([](double term) { return term; });
  }
  double size() const {
    return sum([](double term) { return std::fabs(term); });
  }
  /// Of what is finite: a masked score stays minus infinity.
  template <class F>
  double sum(F&& of) const {
    double all = 0;
    for (size_t i = 0; i < y.size(); ++i)
      for (int64_t e = 0; dy[i] && e < y[i].size(); ++e)
        if (const double term = dy[i].raw<double>()[e] * y[i].raw<double>()[e]; std::isfinite(term)) all += of(term);
    return all;
  }
  Tensors gradient() const {
    Few<bool, max_inputs> wanted;
    for (auto& t : in) wanted.push_back(t && is_floating(t.dtype()));
    Tensors result = pull_back(op, in, y, dy, wanted);
    result.resize(in.size());
    for (size_t k = 0; k < in.size(); ++k)
      if (wanted[k] && !result[k]) result[k] = Tensor::zeros(in[k].shape(), DType::f64);
    return result;
  }
};

/// The derivative along one direction: exact by the op's backward; numeric by the two step lengths that agree best.
struct DirectionalDerivative {
  double exact = 0, numeric = 0, doubt = HUGE_VAL;
};

/// A step moves each element by a share of itself, so that none leaves the op's domain or crosses 0; zeros by a share of the
/// rest.
DirectionalDerivative along_direction(Projection& f, In start, In gradient, Key key) {
  Tensors u;
  DirectionalDerivative result;
  for (size_t k = 0; k < start.size(); ++k) {
    u.push_back({});
    if (!start[k] || !is_floating(start[k].dtype())) continue;
    const int64_t n = start[k].size();
    const double* x = start[k].raw<double>();
    double squares = 0;
    for (int64_t e = 0; e < n; ++e) squares += std::isfinite(x[e]) ? x[e] * x[e] : 0;
    const double rest = squares > 0 ? std::min(1.0, std::sqrt(squares / double(n))) : 1;
    u[k] = Tensor::normal(start[k].shape(), key / int(k), 0, 1, DType::f64);
    for (int64_t e = 0; e < n; ++e) {
      u[k].raw<double>()[e] *= !std::isfinite(x[e]) ? 0 : x[e] != 0 ? std::fabs(x[e]) : rest;
      result.exact += gradient[k].raw<double>()[e] * u[k].raw<double>()[e];
    }
  }
  const auto moved = [&](double t) {
    for (size_t k = 0; k < u.size(); ++k)
      for (int64_t e = 0; u[k] && e < u[k].size(); ++e)
        f.in[k].raw<double>()[e] = start[k].raw<double>()[e] + t * u[k].raw<double>()[e];
    return f.value();
  };
  for (double h : {1e-3, 1e-4, 1e-5, 1e-6}) {
    const double whole = testing::central_difference(moved, h), half = testing::central_difference(moved, h / 2),
                 doubt = std::fabs(whole - half);
    if (doubt < result.doubt) result.numeric = half, result.doubt = doubt;
    if (result.doubt <= 1e-9 * std::fabs(half)) break;
  }
  moved(0);
  return result;
}

std::string verdict(const CapturedCall& m) {
  if (!m.traits.differentiable) return text(m.op.name(), " is not differentiable\n");
  TapeListener nobody;
  const ScopedListener quiet(nobody);
  Projection f(m);
  const Tensors start = copies(f.in), gradient = f.gradient();
  int64_t elements = 0;
  for (auto& t : f.in)
    if (t && is_floating(t.dtype())) elements += t.size();
  if (elements == 0) return text(m.op.name(), " reads no floating values\n");
  std::vector<DirectionalDerivative> slopes;
  double scale = 1e-5 * f.size();  // less is lost in the rounding of the sum
  for (int d = 0; d < testing::directions; ++d) {
    slopes.push_back(along_direction(f, start, gradient, root_key(7) / "direction" / d));
    scale = std::max(scale, std::fabs(slopes.back().exact));
  }
  double gap = 0;
  const auto kinked = std::erase_if(slopes, [&](auto& s) { return std::isfinite(s.exact) && !(s.doubt <= limit * scale / 4); });
  for (auto& s : slopes)
    if (const double off = std::fabs(s.exact - s.numeric); !(off == 0))
      gap = std::isfinite(off) ? std::max(gap, off / scale) : HUGE_VAL;
  std::string out = text(m.op.name(), " in f64 on this record's inputs, ",
                         m.dy.empty() ? "with a random gradient from above" : "with the gradient that arrived", ", ",
                         testing::directions, " random directions through ", elements, " elements:\n");
  if (kinked) out += text("  ", kinked, " of them cross a kink, where differences say nothing\n");
  if (slopes.empty()) return out;
  return out + text("  analytic and numeric derivatives ", gap <= limit ? "agree" : "DIFFER", ", worst gap ", number(gap),
                    " of the largest (limit ", limit, ")", gap <= limit ? "" : ": they are wrong, or an input is on a kink",
                    "\n");
}

}  // namespace

Expansion expand(const Cursor::Recompute& recompute, Path path) {
  Expansion result;
  visit(recompute, path, [&](const CapturedCall& m) {
    if (m.dy.empty() && !m.traits.has_reference) {
      result.refusal = text(m.op.name(), " is one of the smallest ops: it has no reference\n");
      return;
    }
    Tensors results;
    result.recording = record_smaller_ops(m, {}, results);
    for (size_t k = 0; k < std::min(results.size(), m.results.size()); ++k)
      if (results[k] && m.results[k] && is_floating(m.results[k].dtype()))
        result.gap = std::max(result.gap, testing::compare(results[k].detach(), m.results[k]).relative);
  });
  return result;
}

std::string check_gradient(const Cursor::Recompute& recompute, Path path) {
  std::string result;
  visit(recompute, path, [&](const CapturedCall& m) { result = verdict(m); });
  return result;
}

}  // namespace tapedeck::look
