// Every published or hand-checkable number about a loss, one row each. The numbers of the objectives and adversaries have
// tables of their own. Next: losses_golden_test.cpp, the same functions against PyTorch.
#include "support/oracles.h"

#include <tapedeck/losses/contrastive.h>
#include <tapedeck/losses/loss.h>

using namespace tapedeck;
using testing::Oracle;

namespace {

constexpr double digit6 = 6e-7;  // of a number printed with six decimals

Tensor matrix(std::initializer_list<double> v, Shape shape) { return Tensor::of<double>(v, shape); }
Tensor indices(std::initializer_list<int32_t> v) { return Tensor::of<int32_t>(v, {int64_t(v.size())}); }
Tensor eye(int64_t n) {
  const Tensor t = Tensor::zeros({n, n}, DType::f64);
  for (int64_t i = 0; i < n; ++i) t.raw<double>()[i * n + i] = 1;
  return t;
}
/// The same row n times.
Tensor same_rows(int64_t n) { return Tensor::full({n, 3}, 0.7, DType::f64); }
Tensor random(std::initializer_list<int64_t> shape, int seed) {
  return Tensor::normal(Shape(shape), root_key(uint64_t(seed)), 0, 1, DType::f64);
}

/// Rows turned in the plane of columns 0 and 1.
Tensor rotated(const Tensor& x) {
  const Tensor y = x.clone();
  for (int64_t r = 0; r < x.shape()[0]; ++r) {
    double* row = y.raw<double>() + r * x.shape()[1];
    const double a = row[0], b = row[1];
    row[0] = 0.6 * a - 0.8 * b;
    row[1] = 0.8 * a + 0.6 * b;
  }
  return y;
}
Tensor reversed(const Tensor& x) {
  const Tensor y = x.clone();
  const int64_t n = x.shape()[0];
  if (x.dtype() == DType::i32)
    for (int64_t r = 0; r < n; ++r) y.raw<int32_t>()[r] = x.raw<int32_t>()[n - 1 - r];
  else
    for (int64_t e = 0; e < x.size(); ++e)
      y.raw<double>()[e] = x.item((n - 1 - e / x.shape()[1]) * x.shape()[1] + e % x.shape()[1]);
  return y;
}

SupCon sup(double temperature, SupConForm form = SupConForm::out, NoPositive no_positive = NoPositive::keep,
           Similarity similarity = Similarity::cosine) {
  SupCon o;
  o.temperature = temperature;
  o.form = form;
  o.no_positive = no_positive;
  o.similarity = similarity;
  return o;
}

std::vector<Oracle> contrastive_rows() {
  const Tensor cross = matrix({1, 0, 0, 1, 1, 0, 0, 1}, {4, 2}), pairs = indices({0, 1, 0, 1});
  const Tensor four = matrix({1, 0, 1, 0, 0, 1, -1, 0}, {4, 2}), three_one = indices({0, 0, 0, 1});
  const auto anchor0 = [=](SupConForm form) { return sup_con(four, three_one, sup(1, form), 1).item(); };
  // Cosines 1 and 0 to the positives, 0.5 and 0 to the hard negatives, for both anchors.
  const Tensor anchors = matrix({1, 0, 0, 0, 0, 0, 1, 0, 0, 0}, {2, 5}),
               hard = matrix({0.5, 0, std::sqrt(0.75), 0, 0, 0, 0.5, 0, std::sqrt(0.75), 0}, {2, 5});
  const Tensor x = random({6, 4}, 1), y = random({6, 4}, 2), labels = indices({0, 1, 0, 1, 2, 0});
  // Labels 0 1 1 3, losses of the anchors 0 2 2 0: rows 1 and 2 are orthogonal and meet rows 0 and 3 with inner product g,
  // 1 + 2 e^g = e^2.
  const double g = std::log((std::exp(2.0) - 1) / 2);
  const Tensor lonely = matrix({g, g, 1, 0, 0, 1, g, g}, {4, 2});
  const Tensor none = indices({0, 1, 1, 3});
  const Tensor views[] = {x, y};
  const auto based = [=](double base_temperature) {
    SupCon o = sup(0.1);
    o.base_temperature = base_temperature;
    return sup_con(x, labels, o).item();
  };
  return {
      {"two orthogonal classes, temperature 1", "SupCon, log(1 + 2 e^-1)", sup_con(cross, pairs, sup(1)).item(), 0.551445,
       digit6},
      {"two orthogonal classes, temperature 0.1", "SupCon, log(1 + 2 e^-10)", sup_con(cross, pairs, sup(0.1)).item(), 9.0796e-5,
       6e-10},
      {"mean outside the logarithm", "SupCon L_out, anchor 0 of four", anchor0(SupConForm::out), 0.907606, digit6},
      {"mean inside the logarithm", "SupCon L_in, anchor 0 of four", anchor0(SupConForm::in), 0.787491, digit6},
      {"anchors without positives stay in the mean", "SupCon, issue 141 as fixed",
       sup_con(lonely, none, sup(1, SupConForm::out, NoPositive::keep, Similarity::dot)).item(), 1, 1e-12},
      {"anchors without positives leave the mean", "pytorch-metric-learning, AvgNonZero",
       sup_con(lonely, none, sup(1, SupConForm::out, NoPositive::drop, Similarity::dot)).item(), 2, 1e-12},
      {"no anchor has a positive", "SupCon, kept", sup_con(cross, indices({0, 1, 2, 3}), sup(1)).item(), 0, 0},
      {"L_in stays below L_out", "SupCon, Jensen",
       double(sup_con(x, labels, sup(0.5, SupConForm::in)).item() <= sup_con(x, labels, sup(0.5)).item()), 1, 0},
      {"L_in equals L_out with one positive each", "SupCon, |P| = 1",
       sup_con(cross, pairs, sup(0.3, SupConForm::in)).item() - sup_con(cross, pairs, sup(0.3)).item(), 0, 1e-14},
      {"one positive is NT-Xent", "SupCon without labels", sup_con(views, {}, sup(0.2)).item() - nt_xent(x, y, 0.2).item(), 0,
       1e-14},
      {"equal base temperature: factor 1", "SupCon, tau / tau_base", based(0.1) - sup_con(x, labels, sup(0.1)).item(), 0, 0},
      {"base temperature 0.07", "SupCon, tau / tau_base", based(0.07) / sup_con(x, labels, sup(0.1)).item(), 0.1 / 0.07, 1e-14},
      {"rotation changes nothing", "SupCon", sup_con(rotated(x), labels).item() - sup_con(x, labels).item(), 0, 1e-13},
      {"order changes nothing", "SupCon", sup_con(reversed(x), reversed(labels)).item() - sup_con(x, labels).item(), 0, 1e-13},
      {"NT-Xent at the start, N = 2", "ln(2N - 1)", nt_xent(same_rows(2), same_rows(2), 0.1).item(), 1.098612, digit6},
      {"NT-Xent at the start, N = 3", "ln(2N - 1)", nt_xent(same_rows(3), same_rows(3), 0.1).item(), 1.609438, digit6},
      {"NT-Xent of orthogonal pairs, temperature 1", "SimCLR, N = 2", nt_xent(eye(2), eye(2), 1).item(), 0.551445, digit6},
      {"NT-Xent of orthogonal pairs, temperature 0.5", "SimCLR, N = 2", nt_xent(eye(2), eye(2), 0.5).item(), 0.239545, digit6},
      {"NT-Xent: rotation", "SimCLR", nt_xent(rotated(x), rotated(y), 0.3).item() - nt_xent(x, y, 0.3).item(), 0, 1e-13},
      {"NT-Xent: order", "SimCLR", nt_xent(reversed(x), reversed(y), 0.3).item() - nt_xent(x, y, 0.3).item(), 0, 1e-13},
      {"NT-Xent: the views swapped", "SimCLR", nt_xent(y, x, 0.3).item() - nt_xent(x, y, 0.3).item(), 0, 1e-13},
      {"SimCSE at the start, N = 4", "ln N", simcse(same_rows(4), same_rows(4)).item(), 1.386294, digit6},
      {"SimCSE of orthonormal sentences, temperature 1", "N = 2", simcse(eye(2), eye(2), 1).item(), 0.313262, digit6},
      {"SimCSE of orthonormal sentences, temperature 0.05", "N = 2", simcse(eye(2), eye(2), 0.05).item(), 2.06e-9, 6e-12},
      {"SimCSE: rotation", "SimCSE", simcse(rotated(x), rotated(y)).item() - simcse(x, y).item(), 0, 1e-12},
      {"SimCSE: order", "SimCSE", simcse(reversed(x), reversed(y)).item() - simcse(x, y).item(), 0, 1e-12},
      {"hard negatives, alpha 1", "supervised SimCSE, N = 2", simcse_supervised(anchors, anchors, hard, 1).item(), 0.851129,
       digit6},
      {"hard negatives, alpha 2", "supervised SimCSE, N = 2", simcse_supervised(anchors, anchors, hard, 1, 2).item(), 1.081405,
       digit6},
      {"uniformity of two antipodal points", "Wang and Isola 2020, t = 2", uniformity(matrix({1, 0, -1, 0}, {2, 2})).item(), -8,
       1e-12},
      {"uniformity of a square's corners", "Wang and Isola 2020, t = 2",
       uniformity(matrix({1, 1, -1, 1, -1, -1, 1, -1}, {4, 2})).item(), -4.396349, digit6},
      {"alignment of points 30 degrees apart", "Wang and Isola 2020, 2 - sqrt 3",
       alignment(matrix({1, 0}, {1, 2}), matrix({std::sqrt(0.75), 0.5}, {1, 2})).item(), 0.267949, digit6},
  };
}

}  // namespace

TEST_CASE("contrastive losses") { testing::check_oracles("contrastive losses", contrastive_rows()); }
