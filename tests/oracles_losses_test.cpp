// Every published or hand-checkable number about a loss, one row each. The numbers of the objectives and adversaries have
// tables of their own. Next: losses_golden_test.cpp, the same functions against PyTorch.
#include "support/oracles.h"

#include <tapedeck/losses/contrastive.h>
#include <tapedeck/losses/loss.h>
#include <tapedeck/losses/metric.h>
#include <tapedeck/losses/multilabel.h>
#include <tapedeck/losses/proxies.h>
#include <tapedeck/losses/sequence.h>

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
  const Tensor corners = matrix({1, 1, -1, 1, -1, -1, 1, -1}, {4, 2});
  const Tensor views[] = {x, y};
  const auto based = [=](double base_temperature) {
    SupCon o = sup(0.1);
    o.base_temperature = base_temperature;
    return sup_con(x, labels, o).item();
  };
  return {
      {"two orthogonal classes, temperature 1", "SupCon, log(1 + 2 e^-1)", sup_con(cross, pairs, sup(1)).item(), 0.551445, digit6,
       "5.1.1"},
      {"two orthogonal classes, temperature 0.1", "SupCon, log(1 + 2 e^-10)", sup_con(cross, pairs, sup(0.1)).item(), 9.0796e-5,
       6e-10, "5.1.2"},
      {"mean outside the logarithm", "SupCon L_out, anchor 0 of four", anchor0(SupConForm::out), 0.907606, digit6, "5.1.3"},
      {"mean inside the logarithm", "SupCon L_in, anchor 0 of four", anchor0(SupConForm::in), 0.787491, digit6, "5.1.4"},
      {"anchors without positives stay in the mean", "SupCon, issue 141 as fixed",
       sup_con(lonely, none, sup(1, SupConForm::out, NoPositive::keep, Similarity::dot)).item(), 1, 1e-12, "5.1.5 12.11"},
      {"anchors without positives leave the mean", "pytorch-metric-learning, AvgNonZero",
       sup_con(lonely, none, sup(1, SupConForm::out, NoPositive::drop, Similarity::dot)).item(), 2, 1e-12, "5.1.6 12.11"},
      {"no anchor has a positive", "SupCon, kept", sup_con(cross, indices({0, 1, 2, 3}), sup(1)).item(), 0, 0, "12.11"},
      {"L_in stays below L_out", "SupCon, Jensen",
       double(sup_con(x, labels, sup(0.5, SupConForm::in)).item() <= sup_con(x, labels, sup(0.5)).item()), 1, 0, "12.10"},
      {"L_in equals L_out with one positive each", "SupCon, |P| = 1",
       sup_con(cross, pairs, sup(0.3, SupConForm::in)).item() - sup_con(cross, pairs, sup(0.3)).item(), 0, 1e-14, "12.10"},
      {"one positive is NT-Xent", "SupCon without labels", sup_con(views, {}, sup(0.2)).item() - nt_xent(x, y, 0.2).item(), 0,
       1e-14, "12.9"},
      {"equal base temperature: factor 1", "SupCon, tau / tau_base", based(0.1) - sup_con(x, labels, sup(0.1)).item(), 0, 0,
       "12.13"},
      {"base temperature 0.07", "SupCon, tau / tau_base", based(0.07) / sup_con(x, labels, sup(0.1)).item(), 0.1 / 0.07, 1e-14,
       "12.13"},
      {"rotation changes nothing", "SupCon", sup_con(rotated(x), labels).item() - sup_con(x, labels).item(), 0, 1e-13, "12.12"},
      {"order changes nothing", "SupCon", sup_con(reversed(x), reversed(labels)).item() - sup_con(x, labels).item(), 0, 1e-13,
       "12.12"},
      {"NT-Xent at the start, N = 2", "ln(2N - 1)", nt_xent(same_rows(2), same_rows(2), 0.1).item(), 1.098612, digit6,
       "5.2.1 12.8"},
      {"NT-Xent at the start, N = 3", "ln(2N - 1)", nt_xent(same_rows(3), same_rows(3), 0.1).item(), 1.609438, digit6,
       "5.2.2 12.8"},
      {"NT-Xent of orthogonal pairs, temperature 1", "SimCLR, N = 2", nt_xent(eye(2), eye(2), 1).item(), 0.551445, digit6,
       "5.2.3"},
      {"NT-Xent of orthogonal pairs, temperature 0.5", "SimCLR, N = 2", nt_xent(eye(2), eye(2), 0.5).item(), 0.239545, digit6,
       "5.2.4"},
      {"NT-Xent: rotation", "SimCLR", nt_xent(rotated(x), rotated(y), 0.3).item() - nt_xent(x, y, 0.3).item(), 0, 1e-13, "12.12"},
      {"NT-Xent: order", "SimCLR", nt_xent(reversed(x), reversed(y), 0.3).item() - nt_xent(x, y, 0.3).item(), 0, 1e-13, "12.12"},
      {"NT-Xent: the views swapped", "SimCLR", nt_xent(y, x, 0.3).item() - nt_xent(x, y, 0.3).item(), 0, 1e-13, "12.12"},
      {"SimCSE at the start, N = 4", "ln N", simcse(same_rows(4), same_rows(4)).item(), 1.386294, digit6, "5.4.1 12.8"},
      {"SimCSE of orthonormal sentences, temperature 1", "N = 2", simcse(eye(2), eye(2), 1).item(), 0.313262, digit6, "5.4.2"},
      {"SimCSE of orthonormal sentences, temperature 0.05", "N = 2", simcse(eye(2), eye(2), 0.05).item(), 2.06e-9, 6e-12,
       "5.4.3"},
      {"SimCSE: rotation", "SimCSE", simcse(rotated(x), rotated(y)).item() - simcse(x, y).item(), 0, 1e-12, "12.12"},
      {"SimCSE: order", "SimCSE", simcse(reversed(x), reversed(y)).item() - simcse(x, y).item(), 0, 1e-12, "12.12"},
      {"hard negatives, alpha 1", "supervised SimCSE, N = 2", simcse_supervised(anchors, anchors, hard, 1).item(), 0.851129,
       digit6, "5.5.1"},
      {"hard negatives, alpha 2", "supervised SimCSE, N = 2", simcse_supervised(anchors, anchors, hard, 1, 2).item(), 1.081405,
       digit6, "5.5.2"},
      {"uniformity of two antipodal points", "Wang and Isola 2020, t = 2", uniformity(matrix({1, 0, -1, 0}, {2, 2})).item(), -8,
       1e-12, "9.1 12.31"},
      {"uniformity of a square's corners", "Wang and Isola 2020, t = 2", uniformity(corners).item(), -4.396349, digit6,
       "9.2 12.31"},
      {"mean cosine of a square's corners, without self pairs", "anisotropy",
       (sum(similarities(corners, corners)).item() - 4) / 12, -1.0 / 3, 1e-14, "9.3 12.31"},
      {"with self pairs", "anisotropy as PromptBERT's code has it", sum(similarities(corners, corners)).item() / 16, 0, 1e-15,
       "9.4 12.31"},
      {"alignment of points 30 degrees apart", "Wang and Isola 2020, 2 - sqrt 3",
       alignment(matrix({1, 0}, {1, 2}), matrix({std::sqrt(0.75), 0.5}, {1, 2})).item(), 0.267949, digit6, "9.5 12.31"},
  };
}

/// d(f)/d(x) at one element.
template <class F>
double slope(const Tensor& x, int64_t element, F f) {
  Tape tape;
  const Tensor leaf = tape.leaf(x);
  return gradient(f(leaf), leaf).item(element);
}

std::vector<Oracle> divergence_rows() {
  const double ln2 = std::log(2.0);
  const Tensor p = matrix({ln2, 0, 0, 0, 0, 0}, {2, 3}), uniform = Tensor::zeros({2, 3}, DType::f64);
  const Tensor s = matrix({2, 0}, {1, 2}), t = matrix({1, 0}, {1, 2});
  const auto logs = [](double a, double b, double c) { return matrix({std::log(a), std::log(b), std::log(c)}, {1, 3}); };
  const Tensor ps = exp(log_softmax(p)), one = logs(0.5, 0.2, 0.3), other = logs(0.5, 0.3, 0.2), x = random({4, 5}, 3),
               y = random({4, 5}, 4);
  const auto kl = [](const Tensor& a, const Tensor& b, Reduction r = Reduction::sum) { return kl_divergence(a, b, r).item(); };
  const auto d = [](const Tensor& a, const Tensor& b) { return symmetric_kl(a, b, Reduction::sum); };
  const auto gp = [](const Tensor& a, const Tensor& b) { return sigmoid_divergence(a, b, Reduction::sum); };
  const Tensor spans = matrix({1}, {1, 1}), minus = matrix({-1}, {1, 1});
  // A Bernoulli variable of logit x is a softmax over (x, 0).
  const auto bernoulli = [](const Tensor& v) {
    return concat({reshape(v, {-1, 1}), Tensor::zeros({v.size(), 1}, DType::f64)}, 1);
  };
  return {
      {"sum over two rows", "KL(P||Q), Q uniform over 3", kl(p, uniform), 0.0588915, 6e-8, "3.1.3"},
      {"mean divides by the classes too", "KL(P||Q), 2 x 3", kl(p, uniform, Reduction::mean), 0.00981525, 6e-9, "3.1.4"},
      {"batchmean divides by the rows", "KL(P||Q), 2 x 3", kl(p, uniform, Reduction::batchmean), 0.0294458, 6e-8, "3.1.5"},
      {"swapped", "KL(Q||P)", kl(uniform, p), 0.0566330, 6e-8, "3.1.6"},
      {"a probability in the place of its logarithm", "sum P (log P - Q), first row",
       sum(slice(ps * (log(ps) - exp(log_softmax(uniform))), 0, 0, 1)).item(), -1.373054, digit6, "3.1.7"},
      {"logits are normalised here, so no order of arguments gives a negative sum", "KL(P||softmax(Q))",
       double(kl_divergence(p, ps, Reduction::sum).item() >= 0), 1, 0, "3.1.7"},
      {"only the first row counts", "KL, tokenmean",
       kl_divergence(p, uniform, Reduction::tokenmean, Tensor::of<uint8_t>({1, 0}, {2})).item(), 0.0588915, 6e-8},
      {"sum over mean", "4 x 5", kl(x, y) / kl(x, y, Reduction::mean), 20, 1e-12, "3.1.1 12.1"},
      {"sum over batchmean", "4 x 5", kl(x, y) / kl(x, y, Reduction::batchmean), 4, 1e-12, "3.1.2 12.1"},
      {"of equals", "KL(p||p)", kl(x, x), 0, 1e-15, "12.3"},
      {"cross-entropy is blind: p", "p = (.5 .2 .3), label 0", cross_entropy(one, indices({0})).item(), 0.693147, digit6,
       "3.1.8"},
      {"cross-entropy is blind: q", "q = (.5 .3 .2), label 0", cross_entropy(other, indices({0})).item(), 0.693147, digit6,
       "3.1.8"},
      {"KL sees what cross-entropy does not", "KL(p||q)", kl(one, other), 0.0405465, 6e-8, "3.1.9"},
      {"and back", "KL(q||p)", kl(other, one), 0.0405465, 6e-8, "3.1.9"},
      {"both", "D(p, q)", d(one, other).item(), 0.0810930, 6e-8, "3.1.10"},
      {"softmax of s", "(.880797, .119203)", exp(log_softmax(s)).item(0), 0.880797, digit6, "3.2.1"},
      {"softmax of t", "(.731059, .268941)", exp(log_softmax(t)).item(1), 0.268941, digit6, "3.2.2"},
      {"s against t", "KL(p||q), s = (2,0), t = (1,0)", kl(s, t), 0.0671308, 6e-8, "3.2.3"},
      {"t against s", "KL(q||p)", kl(t, s), 0.0826077, 6e-8, "3.2.4"},
      {"D without logarithms", "sum (p - q)(s - t)", d(s, t).item(), 0.1497385, 6e-8, "3.2.5 12.2"},
      {"gradient of D, first logit", "(p - q) + p [(s - t) - E_p (s - t)]", slope(s, 0, [&](auto& v) { return d(v, t); }),
       0.254732, digit6, "3.2.6 12.2"},
      {"gradient of D, second logit", "kexue 9039", slope(s, 1, [&](auto& v) { return d(v, t); }), -0.254732, digit6,
       "3.2.6 12.2"},
      {"D is KL both ways", "J-divergence", d(x, y).item() - kl(x, y) - kl(y, x), 0, 1e-13, "12.2"},
      {"GlobalPointer's divergence", "s = 1, t = -1", gp(spans, minus).item(), 0.924234, digit6, "6.3.1"},
      {"its gradient", "sigma'(1) 2 + 0.462117", slope(spans, 0, [&](auto& v) { return gp(v, minus); }), 0.855341, digit6,
       "6.3.2"},
      {"it is the sum of Bernoulli J", "kexue 9039", gp(x, y).item() - d(bernoulli(x), bernoulli(y)).item(), 0, 1e-13, "12.16"},
      {"Jensen-Shannon of excluding answers", "ln 2",
       jensen_shannon(matrix({1e4, 0}, {1, 2}), matrix({0, 1e4}, {1, 2}), Reduction::sum).item(), ln2, 1e-15},
      {"Hellinger of excluding answers", "1",
       hellinger(matrix({1e4, 0}, {1, 2}), matrix({0, 1e4}, {1, 2}), Reduction::sum).item(), 1, 1e-15},
      {"Hellinger, 1 - sum sqrt(pq)", "p = (.5 .2 .3), q = (.5 .3 .2)", hellinger(one, other, Reduction::sum).item(),
       1 - 0.5 - 2 * std::sqrt(0.06), 1e-15},
  };
}

std::vector<Oracle> label_rows() {
  const Tensor l210 = matrix({2, 1, 0}, {1, 3}), even = Tensor::zeros({1, 2}, DType::f64), y0 = indices({0});
  const double ln2 = std::log(2.0), nll = cross_entropy(l210, y0).item(), p = std::exp(-nll);
  const Tensor x = random({5, 4}, 5), labels = indices({0, 3, 1, 1, 2});
  const Tensor onehot = Tensor::zeros({5, 4}, DType::f64);
  for (int64_t i = 0; i < 5; ++i) onehot.raw<double>()[i * 4 + labels.raw<int32_t>()[i]] = 1;
  const double ce = cross_entropy(x, labels).item();
  const Tensor weighted = matrix({2, 1, 0, 0, 0, 0}, {2, 3});
  return {
      {"cross-entropy", "logits (2,1,0), label 0", nll, 0.407606, digit6, "2.3.1"},
      {"label smoothing over all classes", "PyTorch, eps 0.1", cross_entropy(l210, y0, {0.1, 0.1 / 3}).item(), 0.507606, digit6,
       "2.3.2 12.29"},
      {"label smoothing over the others", "fairseq, eps 0.1", cross_entropy(l210, y0, {0.15, 0.05}).item(), 0.557606, digit6,
       "2.3.3 12.29"},
      {"class weights", "(3 nll_0 + ln 3) / 4", cross_entropy(weighted, indices({0, 1}), {}, {3, 1, 1}).item(),
       (3 * nll + std::log(3.0)) / 4, 1e-14},
      {"an unlabelled row does not count", "ignore", cross_entropy(matrix({2, 1, 0, 9, 9, 9}, {2, 3}), indices({0, -1})).item(),
       nll, 1e-15},
      {"one-hot targets", "soft cross-entropy", soft_cross_entropy(x, onehot).item() - ce, 0, 1e-15},
      {"focal with gamma 0", "is cross-entropy", focal(x, labels, 0).item() - ce, 0, 1e-15},
      {"focal at p = 1/2", "gamma 2: ln 2 / 4", focal(even, y0, 2).item(), ln2 / 4, 1e-15},
      {"focal", "(1 - p)^2 nll", focal(l210, y0, 2).item(), (1 - p) * (1 - p) * nll, 1e-15},
      {"poly-1", "ln 2 + 1/2", poly1(even, y0, 1).item(), ln2 + 0.5, 1e-15},
      {"poly-1 with epsilon 0", "is cross-entropy", poly1(x, labels, 0).item() - ce, 0, 1e-15},
      {"asymmetric without smoothing", "is focal", asymmetric(x, labels, 2, 4, 0).item() - focal(x, labels, 2).item(), 0, 1e-15},
      {"symmetric cross-entropy", "0.1 ln 2 + 4 / 2", symmetric_cross_entropy(even, y0).item(), 0.1 * ln2 + 2, 1e-15},
      {"generalised cross-entropy, q = 1", "1 - p", generalised_cross_entropy(l210, y0, 1).item(), 1 - p, 1e-15},
      {"generalised cross-entropy, q -> 0", "is cross-entropy", generalised_cross_entropy(x, labels, 1e-7).item() - ce, 0, 1e-6},
      {"hinge", "label 1: (max(0, 1 - 1 + 2) + max(0, 1 - 1 + 0)) / 3", hinge(l210, indices({1})).item(), 2.0 / 3, 1e-15},
      {"self-adjusting dice at p = 1/2", "1 - (2/4 + 1) / (1/4 + 2)", self_adjusting_dice(even, y0).item(), 1 - 1.5 / 2.25,
       1e-15},
      {"entropy of equal logits", "ln 3", entropy(Tensor::zeros({2, 3}, DType::f64)).item(), std::log(3.0), 1e-15},
      {"class-balanced weights, beta 0", "all equal", class_balanced_weights({10, 1, 100}, 0)[2], 1, 1e-15},
      {"class-balanced weights, beta 0.9", "(1 - .9) / (1 - .9^n), sum 2: n = 1, 2",
       class_balanced_weights({1, 2}, 0.9)[1] / class_balanced_weights({1, 2}, 0.9)[0], 0.1 / 0.19, 1e-14},
      {"mean squared error", "(1 + 4) / 2", mse(matrix({1, 2}, {2}), matrix({0, 4}, {2})).item(), 2.5, 1e-15},
      {"Huber inside and outside", "(1/8 + (3 - 1/2)) / 2", huber(matrix({0.5, 3}, {2}), matrix({0, 0}, {2})).item(), 1.3125,
       1e-15},
  };
}

std::vector<Oracle> multilabel_rows() {
  const Tensor zeros = Tensor::zeros({1, 5}, DType::f64), marks = Tensor::of<uint8_t>({0, 1, 0, 1, 0}, {1, 5});
  const Tensor s = matrix({2, -1, 0.5}, {1, 3}), first = Tensor::of<uint8_t>({1, 0, 0}, {1, 3});
  const Tensor x = random({4, 6}, 6), labels = indices({5, 0, 2, 2}), onehot = Tensor::zeros({4, 6}, DType::u8);
  for (int64_t i = 0; i < 4; ++i) onehot.raw<uint8_t>()[i * 6 + labels.raw<int32_t>()[i]] = 1;
  const Tensor target = matrix({1, 0, 0}, {1, 3});
  return {
      {"all scores 0, 3 negatives and 2 positives", "multilabel cross-entropy, ln 4 + ln 3", zlpr(zeros, marks).item(), 2.484907,
       digit6, "6.1.1 12.14"},
      {"one positive", "s = (2,-1,.5), y = (1,0,0)", zlpr(s, first).item(), 1.231059, digit6, "6.1.2"},
      {"binary cross-entropy on the same", "sum over the three cells", 3 * bce_with_logits(s, target).item(), 1.414267, digit6,
       "6.1.3"},
      {"without the threshold class", "is softmax cross-entropy with one positive",
       pairwise_multilabel(x, onehot).item() - cross_entropy(x, labels).item(), 0, 1e-14, "12.15"},
      {"hard targets", "soft zlpr is zlpr", zlpr_soft(s, target).item() - zlpr(s, first).item(), 0, 1e-15},
      {"one row as one cell", "GlobalPointer",
       global_pointer(s.view({3}), first.view({3}), indices({0, 3})).item() - zlpr(s, first).item(), 0, 1e-15},
      {"dice of a perfect answer", "0", dice(target, target).item(), 0, 1e-15},
      {"asymmetric without focus and clip", "is binary cross-entropy",
       asymmetric_multilabel(s, target, 0, 0, 0).item() - bce_with_logits(s, target).item(), 0, 1e-15},
  };
}

std::vector<Oracle> chain_rows() {
  const Tensor e = eye(2), half = eye(2).clone(), offsets = indices({0, 2}), tags = indices({0, 1});
  half.raw<double>()[0] = half.raw<double>()[3] = 0.5;
  const auto crf = [&](const Tensor& y) { return crf_nll(e, {half, {}, {}}, y, offsets).item(); };
  const Tensor emissions = random({4, 3}, 7), between = random({3, 3}, 8), four = indices({0, 4});
  double all = -INFINITY, best = -INFINITY;  // brute force over the 3^4 paths
  int best_code = 0;
  for (int code = 0; code < 81; ++code) {
    double score = 0;
    for (int t = 0, rest = code, last = 0; t < 4; last = rest % 3, rest /= 3, ++t)
      score += emissions.item(t * 3 + rest % 3) + (t ? between.item(last * 3 + rest % 3) : 0);
    all = std::max(all, score) + std::log1p(std::exp(-std::abs(all - score)));
    if (score > best) best = score, best_code = code;
  }
  const Tensor path = crf_decode(emissions, {between, {}, {}}, four);
  const int decoded = int(path.item(0) + 3 * path.item(1) + 9 * path.item(2) + 27 * path.item(3));
  const Tensor best_path = indices({best_code % 3, best_code / 3 % 3, best_code / 9 % 3, best_code / 27});
  const auto memm = [&](const Tensor& y, PerUnit per) { return memm_nll(e, half, y, offsets, per).item(); };
  const double first = cross_entropy(matrix({1, 0}, {1, 2}), indices({0})).item(),
               second = cross_entropy(matrix({0.5, 1}, {1, 2}), indices({1})).item();
  return {
      {"CRF", "emissions [[1,0],[0,1]], transitions I/2: nll(0,1)", crf(tags), 0.853733, digit6, "6.4.6"},
      {"CRF, log Z", "nll(0,1) + score 2.0", crf(tags) + 2, 2.853733, digit6, "6.4.5"},
      {"CRF, path 01", "score 2", 2.853733 - crf(tags), 2, 1.1e-6, "6.4.2"},
      {"CRF, path 00", "score 1.5", 2.853733 - crf(indices({0, 0})), 1.5, 1.1e-6, "6.4.1"},
      {"CRF, path 10", "score 0", 2.853733 - crf(indices({1, 0})), 0, 1.1e-6, "6.4.3"},
      {"CRF, path 11", "score 1.5", 2.853733 - crf(indices({1, 1})), 1.5, 1.1e-6, "6.4.4"},
      {"CRF, brute force", "3^4 paths", crf_nll(emissions, {between, {}, {}}, best_path, four).item(), all - best, 1e-13,
       "12.18"},
      {"CRF, the best path", "3^4 paths", double(decoded), double(best_code), 0, "12.18"},
      {"MEMM", "the same numbers: nll(0,1)", memm(tags, PerUnit::sequence), 0.787339, digit6, "6.5.1"},
      {"MEMM is the sum of its steps", "locally normalised", memm(tags, PerUnit::sequence) - first - second, 0, 1e-15, "12.19"},
      {"MEMM per token", "half of it", memm(tags, PerUnit::token), 0.787339 / 2, digit6},
      {"CTC, two rows, one symbol", "aa, a-, -a: 3/4 at equal logits",
       ctc(Tensor::zeros({2, 2}, DType::f64), offsets, indices({1}), indices({0, 1})).item(), -std::log(0.75), 1e-15},
      {"CTC, a repeat needs a blank", "1 1 in three rows: one alignment of 8",
       ctc(Tensor::zeros({3, 2}, DType::f64), indices({0, 3}), indices({1, 1}), indices({0, 2})).item(), std::log(8.0), 1e-14},
  };
}

/// Su's example (kexue.fm/archives/7259): p(a) = .6, p(c) = .4; p(b|a) = .55, p(d|a) = .45; p(b|c) = .1, p(d|c) = .9.
std::vector<Oracle> search_rows() {
  const double no = -INFINITY;
  const Tensor e = matrix({std::log(0.6), no, std::log(0.4), no, no, 0, no, 0}, {2, 4}), offsets = indices({0, 2});
  const Tensor between = Tensor::zeros({4, 4}, DType::f64);
  const auto given = [&](int64_t from, double b, double d) {
    between.raw<double>()[from * 4 + 1] = std::log(b);
    between.raw<double>()[from * 4 + 3] = std::log(d);
  };
  given(0, 0.55, 0.45), given(2, 0.1, 0.9);
  const auto probability = [&](const Tensor& tags) {
    return std::exp(-memm_nll(e, between, tags, offsets, PerUnit::sequence).item());
  };
  const auto found = [&](int64_t beam) { return memm_decode(e, between, offsets, beam); };
  const Tensor x = random({5, 3}, 11), table = random({3, 3}, 12), five = indices({0, 5});
  double best = 0;
  for (int code = 0; code < 243; ++code) {
    const Tensor y = indices({code % 3, code / 3 % 3, code / 9 % 3, code / 27 % 3, code / 81});
    best = std::max(best, std::exp(-memm_nll(x, table, y, five, PerUnit::sequence).item()));
  }
  const double widest = std::exp(-memm_nll(x, table, memm_decode(x, table, five, 81), five, PerUnit::sequence).item());
  const auto sigmoid10 = [](int64_t i) { return gold_share(Decay::inverse_sigmoid, i, 10); };
  const auto power = [](int64_t i) { return gold_share(Decay::exponential, i, 0.99); };
  const auto line = [](int64_t i) { return gold_share(Decay::linear, i, 1, 0.01, 0.1); };
  return {
      {"greedy search", "(a, b)", probability(found(1)), 0.33, 1e-14, "10.1.1 12.32"},
      {"greedy search, its second tag", "b", found(1).item(1), 1, 0, "10.1.1"},
      {"beam of two", "(c, d)", probability(found(2)), 0.36, 1e-14, "10.1.2 12.32"},
      {"beam of two, its first tag", "c", found(2).item(0), 2, 0, "10.1.2"},
      {"what greedy search sees beside", "(a, d)", probability(indices({0, 3})), 0.27, 1e-14, "10.1.3"},
      {"the other continuation of c", "(c, b)", probability(indices({2, 1})), 0.04, 1e-14, "10.1.4"},
      {"a beam of all prefixes is exact", "brute force over 3^5", widest - best, 0, 1e-15},
      {"inverse sigmoid, update 0", "k = 10", sigmoid10(0), 0.9091, 6e-5, "10.4.1 12.30"},
      {"inverse sigmoid, update 10", "k = 10", sigmoid10(10), 0.7863, 6e-5, "10.4.1 12.30"},
      {"inverse sigmoid, update 20", "k = 10", sigmoid10(20), 0.5751, 6e-5, "10.4.1 12.30"},
      {"inverse sigmoid, update 30", "k = 10", sigmoid10(30), 0.3324, 6e-5, "10.4.1 12.30"},
      {"inverse sigmoid, update 50", "k = 10", sigmoid10(50), 0.0631, 6e-5, "10.4.1 12.30"},
      {"exponential decay, update 50", "0.99^i", power(50), 0.605, 6e-4, "10.4.2 12.30"},
      {"exponential decay, update 100", "0.99^i", power(100), 0.366, 6e-4, "10.4.2 12.30"},
      {"exponential decay, update 200", "0.99^i", power(200), 0.134, 6e-4, "10.4.2 12.30"},
      {"linear decay, update 0", "max(.1, 1 - .01 i)", line(0), 1, 1e-15, "10.4.3 12.30"},
      {"linear decay, update 50", "max(.1, 1 - .01 i)", line(50), 0.5, 1e-15, "10.4.3 12.30"},
      {"linear decay, update 90", "max(.1, 1 - .01 i)", line(90), 0.1, 1e-15, "10.4.3 12.30"},
      {"linear decay, update 100", "max(.1, 1 - .01 i)", line(100), 0.1, 1e-15, "10.4.3 12.30"},
  };
}

std::vector<Oracle> normalisation_rows() {
  const Tensor x = matrix({1, 3}, {2, 1}), one = matrix({1}, {1}), zero = matrix({0}, {1});
  RunningMoments running{matrix({0}, {1}), matrix({1}, {1})};
  const Tensor batch = batch_norm(x, one, zero, 1e-5, &running);
  const Tensor layer =
      layer_norm(matrix({1, 2, 3, 4}, {1, 4}), Tensor::full({4}, 1, DType::f64), Tensor::zeros({4}, DType::f64), 1e-12);
  const Tensor words = standardize(matrix({1, 2, 4}, {3, 1}), matrix({0.5, 0.25, 0.25}, {3}));
  return {
      {"batch norm, first row", "x = (1,3): (x - 2) / sqrt(1 + 1e-5)", batch.item(0), -0.999995, digit6, "2.6.1"},
      {"batch norm, second row", "x = (1,3)", batch.item(1), 0.999995, digit6, "2.6.1"},
      {"running mean", "0.9 0 + 0.1 2", running.mean.item(), 0.2, 1e-15, "2.6.2"},
      {"running variance is unbiased", "0.9 1 + 0.1 2", running.variance.item(), 1.1, 1e-15, "2.6.3"},
      {"layer norm, first", "x = (1,2,3,4)", layer.item(0), -1.341641, digit6},
      {"layer norm, eps 1e-5", "x = (1,2,3,4)",
       layer_norm(matrix({1, 2, 3, 4}, {1, 4}), Tensor::full({4}, 1, DType::f64), Tensor::zeros({4}, DType::f64)).item(0),
       -1.341635, digit6, "2.6.4"},
      {"layer norm, eps 1e-5, third", "x = (1,2,3,4)",
       layer_norm(matrix({1, 2, 3, 4}, {1, 4}), Tensor::full({4}, 1, DType::f64), Tensor::zeros({4}, DType::f64)).item(2),
       0.447212, digit6, "2.6.4"},
      {"words under frequencies, first", "f = (.5,.25,.25), v = (1,2,4): E = 2, Var = 1.5", words.item(0), -0.816497, digit6,
       "7.2.8"},
      {"words under frequencies, second", "Miyato et al. 2017", words.item(1), 0, 1e-15, "7.2.8"},
      {"words under frequencies, third", "Miyato et al. 2017", words.item(2), 1.632993, digit6, "7.2.8"},
  };
}

std::vector<Oracle> metric_rows() {
  const Tensor o = matrix({0, 0}, {1, 2}), a = matrix({3, 4}, {1, 2}), b = matrix({0, 1}, {1, 2});
  const Tensor cross = matrix({1, 0, 0, 1, 1, 0, 0, 1}, {4, 2}), pairs = indices({0, 1, 0, 1});
  const Tensor half = matrix({0.5, 0}, {1, 2}), y0 = indices({0});
  const double third = 1.0471975511965976;  // the angle of cosine 1/2
  const auto softmax2 = [](double gap) { return std::log1p(std::exp(-gap)); };
  return {
      {"triplet", "5 - 1 + 0.3", triplet(o, a, b, 0.3).item(), 4.3, 1e-14},
      {"triplet with room", "1 - 5 + 0.3 < 0", triplet(o, b, a, 0.3).item(), 0, 0},
      {"batch-hard on two orthogonal classes", "0 - sqrt 2 + 2", triplet_mined(cross, pairs, Mining::hardest, 2).item(),
       2 - std::sqrt(2.0), 1e-15},
      {"semi-hard on the same", "0 - sqrt 2 + 2", triplet_mined(cross, pairs, Mining::semi_hard, 2).item(), 2 - std::sqrt(2.0),
       1e-15},
      {"contrastive pair, same", "25 / 2", contrastive_pair(o, a, Tensor::of<uint8_t>({1}, {1}), 6).item(), 12.5, 1e-13},
      {"contrastive pair, different", "(6 - 5)^2 / 2", contrastive_pair(o, a, Tensor::of<uint8_t>({0}, {1}), 6).item(), 0.5,
       1e-14},
      {"N-pairs of orthonormal rows", "log(1 + e^-1)", n_pairs(eye(2), eye(2)).item(), 0.313262, digit6},
      {"multi-similarity without mining", "log(1 + e^-1)/2 + log(1 + 2 e^-2)/4",
       multi_similarity(cross, pairs, {2, 4, 0.5, {}}).item(),
       std::log1p(std::exp(-1.0)) / 2 + std::log1p(2 * std::exp(-2.0)) / 4, 1e-15},
      {"multi-similarity, every pair is easy", "mined away", multi_similarity(cross, pairs).item(), 0, 0},
      {"circle on the same", "log(1 + 2 e^{-s m m} e^{-s m m})", circle(cross, pairs, 0.25, 8).item(),
       std::log1p(2 * std::exp(-1.0)), 1e-15},
      {"CoSENT, ordered rightly", "log(1 + e^{20 (0 - 1)})",
       cosent(matrix({1, 0, 1, 0}, {2, 2}), matrix({1, 0, 0, 1}, {2, 2}), matrix({1, 0}, {2})).item(),
       std::log1p(std::exp(-20.0)), 1e-15},
      {"CoSENT, equal targets", "nothing to order", cosent(cross, cross, matrix({1, 1, 1, 1}, {4})).item(), 0, 0},
      {"ArcFace", "cos(pi/3 + 0.5), scale 2", arc_face(half, y0, 0.5, 2).item(), softmax2(2 * std::cos(third + 0.5)), 1e-15},
      {"ArcFace beyond pi - margin", "cos - m sin m", arc_face(matrix({-1, 0}, {1, 2}), y0, 0.5, 2).item(),
       softmax2(2 * (-1 - 0.5 * std::sin(0.5))), 1e-14},
      {"CosFace", "1/2 - 0.35, scale 2", cos_face(half, y0, 0.35, 2).item(), softmax2(0.3), 1e-15},
      {"Proxy Anchor of orthonormal rows", "log(1 + e^{-8 .9}) + log(1 + e^{8 .1})",
       proxy_anchor(eye(2), eye(2), indices({0, 1}), 0.1, 8).item(), std::log1p(std::exp(-7.2)) + std::log1p(std::exp(0.8)),
       1e-14},
      {"Barlow Twins of one row", "C = 0, so d", barlow_twins(random({1, 3}, 9), random({1, 3}, 10)).item(), 3, 0},
      {"VICReg of equal rows", "variance only: 25 (1 - 0.01)", vicreg(same_rows(4), same_rows(4)).item(), 24.75, 1e-12},
  };
}

}  // namespace

TEST_CASE("contrastive losses") { testing::check_oracles("contrastive losses", contrastive_rows()); }
TEST_CASE("divergences") { testing::check_oracles("divergences", divergence_rows()); }
TEST_CASE("losses of labels and numbers") { testing::check_oracles("losses of labels and numbers", label_rows()); }
TEST_CASE("several labels per row") { testing::check_oracles("several labels per row", multilabel_rows()); }
TEST_CASE("chains") { testing::check_oracles("chains", chain_rows()); }
TEST_CASE("search and schedules") { testing::check_oracles("search and schedules", search_rows()); }
TEST_CASE("normalisations") { testing::check_oracles("normalisations", normalisation_rows()); }
TEST_CASE("metric learning") { testing::check_oracles("metric learning", metric_rows()); }
