// Hearing what the tape does, as it does it: every op with what it reads and makes, every sweep, every row that goes. With
// nobody listening an op pays for one test of a pointer. Next: look/recorder.h, which writes it all down.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include <tapedeck/tape/tape.h>

namespace tapedeck {

/// One computation. forward: out = op(in). backward: dx from dy and what saves() names, dx as on entry where it accumulates.
/// recompute: a row whose values were released runs forward once more; recompute_output: one output by the op's short way.
/// add: out[0] += in[1].
struct OpCall {
  enum class Kind : uint8_t { forward, backward, recompute, recompute_output, add };
  Kind kind;
  const Op& op;
  OpTraits traits;
  In in, out;
  In dy = {};
  std::span<const Grad> dx = {};
  ScopeId scope = 0;
  size_t output = 0;  // of recompute_output: which one
};

/// Calls come in order and on the thread that computes. begin and end enclose one computation and do not nest.
class TapeListener {
 public:
  virtual ~TapeListener() = default;
  virtual void begin(const OpCall&) {}
  /// done: false when the op declined (a kernel that has no answer for this case) and nothing was written.
  virtual void end(const OpCall&, bool /*done*/) {}
  /// A row was appended: by the computation that just ended, or a leaf.
  virtual void appended(const Tape&, NodeId) {}
  /// A sweep starts from this value; fill: it adds into the gradient buffers of leaves.
  virtual void sweep_started(const Tape&, const Tensor& /*value*/, const Tensor& /*gradient*/, Order, bool /*fill*/) {}
  /// Gradients are pulled through a row, until pulled(); by a rule in ops these nest.
  virtual void pulling(const Tape&, NodeId, Order) {}
  virtual void pulled() {}
  /// The row that is being pulled through passes no gradient on to this input, although it was asked to.
  virtual void stopped(const Tape&, NodeId, size_t /*input*/) {}
  /// The optimizer turns gradients into new values in place, until updated().
  virtual void updating(std::string_view /*rule*/, In /*values*/, In /*gradients*/) {}
  virtual void updated() {}
  /// Asks for the op's reference in its place.
  virtual bool expands(const Op&) const { return false; }
};

/// Who listens on this thread, if anybody.
inline constinit thread_local TapeListener* tape_listener = nullptr;

/// Installs a listener for its lifetime.
class ScopedListener {
 public:
  explicit ScopedListener(TapeListener& listener) : before_(tape_listener) { tape_listener = &listener; }
  ~ScopedListener() { tape_listener = before_; }
  ScopedListener(const ScopedListener&) = delete;
  ScopedListener& operator=(const ScopedListener&) = delete;

 private:
  TapeListener* before_;
};

/// compute() between begin and end; it returns false to decline. make_call: only called when somebody listens.
template <class MakeWork, class Compute>
bool notify(MakeWork&& make_call, Compute&& compute) {
  if (!tape_listener) return compute();
  const OpCall call = make_call();
  tape_listener->begin(call);
  const bool done = compute();
  tape_listener->end(call, done);
  return done;
}

}  // namespace tapedeck
