// What an op is: one struct whose data members are its attributes. A fused op adds two kernels to the same
// mathematics in smaller ops (reference); the first backward uses the kernels, higher derivatives replay the reference.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/base/error.h>
#include <tapedeck/tensor/tensor.h>

namespace tapedeck {

using In = std::span<const Tensor>;
using Out = std::span<Tensor>;
using Wanted = std::span<const bool>;  // per input: is its gradient asked for

/// A short list held inline: making one never allocates. Longer than N throws Error{internal}.
template <class V, int N>
class Few {
 public:
  Few() = default;
  Few(std::initializer_list<V> values) {
    for (auto& v : values) push_back(v);
  }
  void push_back(V v) {
    if (size_ == N) throw Error(ErrorKind::internal, text("a list of at most ", N, " entries overflowed"));
    items_[size_t(size_++)] = std::move(v);
  }
  void resize(size_t n) {
    while (size_t(size_) < n) push_back(V{});
    while (size_t(size_) > n) items_[size_t(--size_)] = V{};
  }
  size_t size() const { return size_t(size_); }
  bool empty() const { return size_ == 0; }
  V& operator[](size_t i) { return items_[i]; }
  const V& operator[](size_t i) const { return items_[i]; }
  V* begin() { return items_.data(); }
  V* end() { return items_.data() + size_; }
  const V* begin() const { return items_.data(); }
  const V* end() const { return items_.data() + size_; }
  operator std::span<const V>() const { return {items_.data(), size()}; }
  operator std::span<V>() { return {items_.data(), size()}; }

 private:
  std::array<V, size_t(N)> items_{};
  int size_ = 0;
};

constexpr int max_inputs = 16;  // of one op; concat of more tensors nests
using Tensors = Few<Tensor, max_inputs>;

/// One output. shares >= 0: it is the buffer of that input under another shape (reshape), and forward leaves it alone.
struct Spec {
  Shape shape;
  DType dtype = DType::f32;
  int shares = -1;
};
using Specs = Few<Spec, 6>;

/// Where backward writes the gradient of one input: into a buffer of the input's shape, adding when accumulate is set.
struct Grad {
  Tensor into;
  bool wanted = false, accumulate = false;
};
using Grads = std::span<Grad>;
using Asked = std::span<const Grad>;  // the same, to look at only

/// A value that backward reads, and why (one phrase). Values not listed may be gone by then.
struct Save {
  enum Kind : uint8_t { input, output } kind;
  int index;
  const char* why;
};
using Saves = Few<Save, 10>;

/// What an op computes and moves, for finite numbers. A flop is one +, -, *, / or elementary function (exp, log, log1p, tanh,
/// erf, sin, cos, sqrt, pow) of one number: a multiply-add is 2, and a sum of n numbers is n, since it starts at 0 or at what is
/// there. Free: comparing, choosing, max, abs, signs, copies, integers, random draws. The flops of a fused op are those of its
/// reference, forward and swept backward: what its kernels compute twice to save memory does not count ("model flops": Chowdhery
/// et al. 2022, "PaLM", appendix B). bytes: what is read and what is written.
struct Cost {
  double flops = 0, bytes = 0;
};

/// Collects an op's attributes for listings, JSON and errors: a("p", p).
class Attributes {
 public:
  Attributes& operator()(std::string_view name, double value);
  Attributes& operator()(std::string_view name, int64_t value);
  Attributes& operator()(std::string_view name, bool value);
  Attributes& operator()(std::string_view name, std::string_view value);
  Attributes& operator()(std::string_view name, int value) { return (*this)(name, int64_t{value}); }
  Attributes& operator()(std::string_view name, const char* value) { return (*this)(name, std::string_view(value)); }
  std::vector<std::pair<std::string, std::string>> all;
};

/// Ops are trivially destructible and live in the tape's arena; buffers are given, an op never allocates in forward
/// or backward. Gradients flow to floating inputs only; integer inputs (indices, offsets) are constants.
struct Op {
  virtual std::string_view name() const = 0;
  virtual Specs infer(In x) const = 0;  // throws Error{shape|dtype} saying what was expected
  virtual void forward(In x, Out y) const = 0;
  /// Optional kernel of the first-order sweep; dy[i] is undefined when no gradient reaches output i. Returns false
  /// without touching dx when it has none, then vjp is used. A dy[i] that is unique() is nobody else's: it may be written over.
  virtual bool backward(In x, In y, In dy, Grads dx) const;
  /// The rule in ops: one tensor per input, undefined where not wanted. Default: pull dy back through reference(x).
  virtual Tensors vjp(In x, In y, In dy, Wanted wanted) const;
  virtual Tensors reference(In x) const;  // the same mathematics in smaller ops; differentiable outputs first
  virtual Saves saves() const;            // default: every input and output
  /// Bits of the outputs that recompute() writes again, with the same bits, from other outputs that saves() lists. For what is
  /// cheap to make (an activation, a norm): rows then hold one of the two. Inputs may be released; false: one would be needed.
  virtual uint32_t recomputes() const { return 0; }
  virtual bool recompute(In, Out, size_t /* which output */) const { return false; }
  /// Of forward. Reads shapes and what integer inputs say. Default: flops of the reference (0 without), bytes of inputs and
  /// outputs.
  virtual Cost cost(In x) const;
  /// Of a first-order sweep through this row, where only what saves() lists has data. Default: flops of a sweep through the
  /// reference, or of the rule; bytes of what saves() lists, of dy and of dx, twice where it accumulates.
  virtual Cost backward_cost(In x, In y, In dy, Asked dx) const;
  /// Of recompute(x, y, output). Default: cost(x).
  virtual Cost recompute_cost(In x, In y, size_t output) const;
  virtual void attributes(Attributes&) const {}

 protected:
  ~Op() = default;
  // what cost() and backward_cost() are made of, for ops that know one half of it better
  double bytes_moved(In x) const;
  double bytes_moved(In x, In y, In dy, Asked dx) const;
  double reference_flops(In x) const;
  double reference_flops(In x, In y, In dy, Asked dx) const;
};

}  // namespace tapedeck
