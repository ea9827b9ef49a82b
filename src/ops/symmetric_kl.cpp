// symmetric_kl_rows: KL in both directions between two softmaxes, from their logits, without a logarithm
// (kexue.fm/archives/9039). The divergence of R-Drop.
#include <limits>

#include "packed.h"

namespace tapedeck {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

/// Whether some logit is -inf; shapes alone have none.
bool excludes(const Tensor& x) {
  for (int64_t e = 0; x.has_data() && e < x.size(); ++e)
    if (x.item(e) == -infinite) return true;
  return false;
}

struct SymmetricKl final : Op {  // in: a[r,c], b[r,c]; out: divergence[r]
  std::string_view name() const override { return "symmetric_kl_rows"; }

  Specs infer(In x) const override {
    require_rank(name(), "a", x[0], 2);
    require_shape(name(), "b", x[1], x[0].shape());
    require_floating(name(), x);
    if (x[0].shape()[1] < 1) shape_error(name(), x, "needs at least one class");
    return {{{x[0].shape()[0]}, x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().symmetric_kl(x[0].shape()[0], x[0].shape()[1], at<T>(x[0]), at<T>(x[1]), at<T>(y[0]));
    });
  }
  bool backward(In x, In y, In dy, Grads dx) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().symmetric_kl_backward(x[0].shape()[0], x[0].shape()[1], at<T>(x[0]), at<T>(x[1]), at<T>(y[0]),
                                                       at<T>(dy[0]), target<T>(dx[0]), dx[0].accumulate, target<T>(dx[1]),
                                                       dx[1].accumulate);
    });
    return true;
  }
  /// A class of logit -inf on both sides counts 0, on one side +inf unless the other gives it probability 0, as in the kernel.
  Tensors reference(In x) const override {
    const Tensor p = softmax(x[0]), q = softmax(x[1]);
    const bool known = p.has_data() && q.has_data();  // not where a recorder counts rows without their values
    if (!known || (!excludes(x[0]) && !excludes(x[1]))) return {sum((p - q) * (x[0] - x[1]), 1)};
    const Shape& shape = x[0].shape();
    const Tensor both = Tensor::empty(shape, DType::u8), one = Tensor::empty(shape, DType::u8);
    for (int64_t e = 0; e < x[0].size(); ++e) {
      const bool a = x[0].item(e) != -infinite, b = x[1].item(e) != -infinite;
      both.raw<uint8_t>()[e] = a && b;
      one.raw<uint8_t>()[e] = a != b && p.item(e) + q.item(e) > 0;
    }
    const auto constant = [&](double value) { return Tensor::full(shape, value, x[0].dtype()); };
    const Tensor cells = (p - q) * where(both, x[0] - x[1], constant(0));
    return {sum(where(one, constant(infinite), cells), 1)};
  }

  Saves saves() const override { return {{Save::input, 0, "softmax is recomputed"}, {Save::input, 1, "softmax is recomputed"}}; }
};

std::vector<OpCase> symmetric_kl_cases(DType t) {
  std::vector<OpCase> rows;
  const auto row = [&](std::string name, Tensor a, Tensor b) {
    rows.push_back(case_of(std::move(name), {std::move(a), std::move(b)}, [](In v) { return symmetric_kl_rows(v[0], v[1]); }));
  };
  row("3x5", case_input({3, 5}, "a", t), case_input({3, 5}, "b", t));
  row("two classes", case_input({4, 2}, "a", t), case_input({4, 2}, "b", t));
  row("one class", case_input({2, 1}, "a", t), case_input({2, 1}, "b", t));
  row("equal rows", case_input({2, 4}, "a", t), case_input({2, 4}, "a", t));
  row("far apart", case_uniform({2, 6}, "a", t, -20, 20), case_uniform({2, 6}, "b", t, -20, 20));
  row("many classes", case_input({70, 90}, "a", t), case_input({70, 90}, "b", t));
  row("no rows", case_input({0, 3}, "a", t), case_input({0, 3}, "b", t));
  return rows;
}

std::vector<OpMisuse> symmetric_kl_misuses() {
  const Tensor a = Tensor::zeros({2, 3});
  return {{"shapes differ",
           [=] {
             symmetric_kl_rows(a, Tensor::zeros({2, 4}));
           },
           ErrorKind::shape, "needs [2,3]"},
          {"rank 1", [=] { symmetric_kl_rows(Tensor::zeros({3}), Tensor::zeros({3})); }, ErrorKind::shape, "rank 2"},
          {"mixed dtypes", [=] { symmetric_kl_rows(a, a.to(DType::f64)); }, ErrorKind::dtype, "f64"}};
}

}  // namespace

Tensor symmetric_kl_rows(const Tensor& a, const Tensor& b) { return apply(SymmetricKl(), {a, b}); }

TAPEDECK_OP(symmetric_kl_rows, "y = KL(p||q) + KL(q||p) = sum_c (p_c - q_c)(a_c - b_c), p = softmax(a), q = softmax(b)",
            symmetric_kl_cases, symmetric_kl_misuses);

}  // namespace tapedeck
