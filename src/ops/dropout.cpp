// Dropout whose mask is a pure function of (key, element): nothing is stored, and the gradient is the same dropout of
// the gradient (Srivastava et al. 2014). The draws are in kernels/philox.h.
#include "support.h"

namespace tapedeck {
namespace {

struct DropoutOp final : Op {
  kernels::Dropout drop;
  explicit DropoutOp(const kernels::Dropout& drop) : drop(drop) {}

  std::string_view name() const override { return "dropout"; }
  Specs infer(In x) const override {
    require_defined("dropout", "x", x[0]);
    require_floating("dropout", x);
    if (!(drop.p >= 0 && drop.p <= 1))
      raise(ErrorKind::value, text("dropout: p is ", drop.p, ", which is no probability"), "p lies in 0..1");
    return {{x[0].shape(), x[0].dtype()}};
  }
  void forward(In x, Out y) const override { run(x[0], y[0], false); }
  bool backward(In, In, In dy, Grads dx) const override {
    run(dy[0], dx[0].into, dx[0].accumulate);
    return true;
  }
  Tensors vjp(In, In, In dy, Wanted) const override { return {apply(DropoutOp(drop), {dy[0]})}; }
  Saves saves() const override { return {}; }
  Cost cost(In x) const override { return {double(x[0].size()), bytes_moved(x)}; }  // all are scaled, some chosen
  void attributes(Attributes& list) const override { list("p", drop.p)("key", text(drop.key))("first", int64_t(drop.first)); }

 private:
  void run(const Tensor& x, const Tensor& y, bool accumulate) const {
    dispatch(x.dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().dropout(x.size(), drop, x.raw<T>(), y.raw<T>(), accumulate);
    });
  }
};

}  // namespace

Tensor dropout(const Tensor& x, double p, Key key, uint64_t first) {
  return p == 0 ? x : apply(DropoutOp({p, key.bits, first}), {x});
}

// ---- cases -----------------------------------------------------------------------------------------------------------------
namespace {

std::vector<OpCase> dropout_cases(DType t) {
  struct Row {
    const char* name;
    Shape shape;
    double p;
    uint64_t first;
  };
  const Row rows[] = {{"scalar", {}, 0.5, 3},
                      {"15", {15}, 0.1, 0},
                      {"7x17, offset", {7, 17}, 0.3, 5},
                      {"2x3x33", {2, 3, 33}, 0.9, 1u << 20},
                      {"everything", {7}, 1, 0},
                      {"empty", {0, 3}, 0.5, 0}};
  std::vector<OpCase> cases;
  for (const Row& r : rows)
    cases.push_back(case_of(r.name, {case_input(r.shape, "x", t)},
                            [p = r.p, first = r.first](In x) { return dropout(x[0], p, root_key(25), first); }));
  cases.push_back(case_of("two masks of one tensor", {case_input({33}, "x", t)},
                          [](In x) { return dropout(x[0], 0.5, root_key(1)) * dropout(x[0], 0.5, root_key(2)); }));
  return cases;
}
std::vector<OpMisuse> dropout_misuses() {
  return {
      {"p above 1", [] { dropout(Tensor::zeros({2}), 1.5, root_key(0)); }, ErrorKind::value, "1.5"},
      {"p below 0", [] { dropout(Tensor::zeros({2}), -0.1, root_key(0)); }, ErrorKind::value, "-0.1"},
      {"p no number", [] { dropout(Tensor::zeros({2}), __builtin_nan(""), root_key(0)); }, ErrorKind::value, "nan"},
      {"integers", [] { dropout(Tensor::zeros({2}, DType::i32), 0.5, root_key(0)); }, ErrorKind::dtype, "i32"},
  };
}

TAPEDECK_OP(dropout, "y = x mask / keep, mask a function of (key, element)", dropout_cases, dropout_misuses);

}  // namespace
}  // namespace tapedeck
