// Contrastive losses: each is a softmax cross-entropy whose classes are the other rows of the batch.
#include <numeric>

#include <tapedeck/losses/contrastive.h>
#include <tapedeck/losses/loss.h>
#include <tapedeck/tensor/list.h>

#include "support.h"

namespace tapedeck {
namespace {

Tensor first_indices(int64_t n) {
  const Tensor t = Tensor::empty({n}, DType::i32);
  std::iota(t.raw<int32_t>(), t.raw<int32_t>() + n, 0);
  return t;
}

/// Row i without its own column: [n,n] -> [n,n-1]. Behind the first entry, every (n+1)-th one lies on the diagonal.
Tensor others(const Tensor& square) {
  const int64_t n = square.shape()[0];
  const Tensor behind = reshape(slice(reshape(square, {n * n}), 0, 1, n * n), {n - 1, n + 1});
  return reshape(slice(behind, 1, 0, n), {n, n - 1});
}
/// Where column j of row i went.
int64_t other_column(int64_t i, int64_t j) { return j < i ? j : j - 1; }

/// positive(i, j): row j answers anchor i. Fills weights 1/|P(i)| and says how many anchors have a positive.
struct Positives {
  Tensor weight, mask;
  List<int64_t> count;
};
template <class F>
Positives positives_of(int64_t anchors, int64_t rows, DType dtype, F positive) {
  Positives p;
  p.count.assign(size_t(anchors), 0);
  List<uint8_t> is(size_t(anchors * (rows - 1)), 0);
  for (int64_t i = 0; i < anchors; ++i)
    for (int64_t j = 0; j < rows; ++j) {
      if (i == j || !positive(i, j)) continue;
      is[size_t(i * (rows - 1) + other_column(i, j))] = 1;
      ++p.count[size_t(i)];
    }
  const Shape shape{anchors, rows - 1};
  p.weight =
      constant(shape, dtype, [&](int64_t e) { return is[size_t(e)] ? 1.0 / double(p.count[size_t(e / (rows - 1))]) : 0.0; });
  p.mask = mask_of(shape, [&](int64_t e) { return is[size_t(e)] || p.count[size_t(e / (rows - 1))] == 0; });
  return p;
}

Tensor squared_distance(const Tensor& a, const Tensor& b) { return sum(square(a - b), 1); }

/// Scores [n,m] of which pair e counts as a candidate unless excluded(row, column).
template <class F>
Tensor candidates(const Tensor& scores, F excluded) {
  const int64_t m = scores.shape()[1];
  return only(mask_of(scores.shape(), [&](int64_t e) { return !excluded(e / m, e % m); }), scores, absent(scores.dtype()));
}
void require_excluded(std::string_view loss, const Tensor& excluded, int64_t n) {
  if (excluded.dtype() != DType::u8 || excluded.shape() != Shape{n, n})
    throw Error(ErrorKind::shape,
                text(loss, ": excluded is ", name_of(excluded.dtype()), excluded.shape().str(), "; needs u8[", n, ",", n, "]"));
}

}  // namespace

Tensor share_a_text(const Tensor& equal, int64_t texts) {
  if (!equal) return {};
  const int32_t* text = equal.raw<int32_t>();
  const int64_t n = equal.size() / texts;
  return mask_of({n, n}, [&](int64_t e) {
    const int32_t *a = text + e / n * texts, *b = text + e % n * texts;
    return a != b && std::find_first_of(a, a + texts, b, b + texts) != a + texts;
  });
}

Tensor similarities(const Tensor& a, const Tensor& b, Similarity similarity) {
  require_matrix("similarities", "a", a);
  require_matrix("similarities", "b", b);
  return similarity == Similarity::dot ? matmul(a, b, false, true) : matmul(normalize(a), normalize(b), false, true);
}

Tensor info_nce(const Tensor& a, const Tensor& b, double temperature, Similarity similarity, const Tensor& excluded) {
  require_positive("info_nce", "temperature", temperature);
  require_matrix("info_nce", "a", a);
  require_matrix("info_nce", "b", b);
  const int64_t n = a.shape()[0];
  if (b.shape()[0] < n)
    throw Error(ErrorKind::shape, text("info_nce: ", n, " anchors meet ", b.shape()[0], " candidates"),
                "give every anchor a positive in b");
  if (n == 0) return nothing(a);
  Tensor scores = similarities(a, b, similarity) / temperature;
  if (excluded) {
    require_excluded("info_nce", excluded, n);
    scores = candidates(scores, [&](int64_t i, int64_t j) { return j < n && excluded.raw<uint8_t>()[i * n + j]; });
  }
  return cross_entropy(scores, first_indices(n));
}

Tensor info_nce_both_ways(const Tensor& a, const Tensor& b, double temperature, Similarity similarity) {
  return (info_nce(a, b, temperature, similarity) + info_nce(b, a, temperature, similarity)) * 0.5;
}

Tensor simcse(const Tensor& a, const Tensor& b, double temperature, const Tensor& excluded) {
  require_same("simcse", a, b);
  return info_nce(a, b, temperature, Similarity::cosine, excluded);
}

Tensor simcse_supervised(const Tensor& anchor, const Tensor& positive, const Tensor& hard_negative, double temperature,
                         double hard_negative_weight, const Tensor& excluded) {
  require_positive("simcse_supervised", "temperature", temperature);
  require_matrix("simcse_supervised", "anchor", anchor);
  require_same("simcse_supervised", anchor, positive);
  require_same("simcse_supervised", anchor, hard_negative);
  if (!(hard_negative_weight >= 0))
    throw Error(ErrorKind::value, text("simcse_supervised: hard_negative_weight is ", hard_negative_weight), "give 0 or more");
  const int64_t n = anchor.shape()[0];
  if (n == 0) return nothing(anchor);
  const Tensor a = normalize(anchor);
  const Tensor easy = matmul(a, normalize(positive), false, true) / temperature,
               hard = matmul(a, normalize(hard_negative), false, true) / temperature;
  const double own = hard_negative_weight > 0 ? std::log(hard_negative_weight) : absent(a.dtype());
  const Tensor weight = constant({n, n}, a.dtype(), [&](int64_t e) { return e / n == e % n ? own : 0.0; });
  Tensor scores = concat({easy, hard + weight}, 1);
  if (excluded) {
    require_excluded("simcse_supervised", excluded, n);
    scores = candidates(scores, [&](int64_t i, int64_t j) { return excluded.raw<uint8_t>()[i * n + j % n]; });
  }
  return cross_entropy(scores, first_indices(n));
}

Tensor nt_xent(const Tensor& a, const Tensor& b, double temperature, Similarity similarity, const Tensor& excluded) {
  require_positive("nt_xent", "temperature", temperature);
  require_matrix("nt_xent", "a", a);
  require_same("nt_xent", a, b);
  const int64_t n = a.shape()[0];
  if (n == 0) return nothing(a);
  const Tensor z = concat({a, b}, 0), positive = Tensor::empty({2 * n}, DType::i32);
  for (int64_t i = 0; i < 2 * n; ++i) positive.raw<int32_t>()[i] = int32_t(other_column(i, i < n ? i + n : i - n));
  Tensor scores = similarities(z, z, similarity);
  if (excluded) {
    require_excluded("nt_xent", excluded, n);
    scores = candidates(scores, [&](int64_t i, int64_t j) { return excluded.raw<uint8_t>()[i % n * n + j % n]; });
  }
  return cross_entropy(others(scores) / temperature, positive);
}

Tensor sup_con(const Tensor& z, const Tensor& labels, const SupCon& options, int64_t anchors) {
  require_positive("sup_con", "temperature", options.temperature);
  require_matrix("sup_con", "z", z);
  const int64_t rows = z.shape()[0];
  require_labels("sup_con", labels, rows);
  if (anchors <= 0 || anchors > rows) anchors = rows;
  if (rows < 2) return nothing(z);  // no candidates at all
  const int32_t* label = labels.raw<int32_t>();
  const Positives p =
      positives_of(anchors, rows, z.dtype(), [&](int64_t i, int64_t j) { return label[i] >= 0 && label[i] == label[j]; });
  Tensor scores = others(similarities(z, z, options.similarity));
  if (anchors < rows) scores = slice(scores, 0, 0, anchors);
  const Tensor log_p = log_softmax(scores / options.temperature);
  Tensor each;  // [anchors]
  if (options.form == SupConForm::out) {
    each = -sum(log_p * p.weight, 1);
  } else {
    const auto counted = [&](auto value) {
      return constant({anchors}, z.dtype(),
                      [&](int64_t i) { return p.count[size_t(i)] ? value(double(p.count[size_t(i)])) : 0.0; });
    };
    each = (counted([](double n) { return std::log(n); }) - logsumexp(only(p.mask, log_p, absent(z.dtype())), 1)) *
           counted([](double) { return 1.0; });
  }
  const double with_positives = double(anchors - std::count(p.count.begin(), p.count.end(), int64_t{0}));
  const double factor = options.base_temperature > 0 ? options.temperature / options.base_temperature : 1;
  return share(each, options.no_positive == NoPositive::drop ? with_positives : double(anchors)) * factor;
}

Tensor sup_con(std::span<const Tensor> views, const Tensor& labels, const SupCon& options, const Tensor& equal) {
  if (views.empty()) throw Error(ErrorKind::value, "sup_con: there is no view");
  require_matrix("sup_con", "a view", views[0]);
  const int64_t n = views[0].shape()[0], count = int64_t(views.size());
  if (labels) require_labels("sup_con", labels, n);
  if (equal) require_labels("sup_con", equal, n);
  for (const Tensor& view : views) require_same("sup_con", views[0], view);
  int32_t fresh = 0;  // first class that no label names
  for (int64_t i = 0; labels && i < n; ++i) fresh = std::max(fresh, labels.raw<int32_t>()[i] + 1);
  const Tensor all = Tensor::empty({n * count}, DType::i32);
  for (int64_t i = 0; i < n * count; ++i) {
    const int32_t given = labels ? labels.raw<int32_t>()[i % n] : -1;
    all.raw<int32_t>()[i] = given >= 0 ? given : fresh + (equal ? equal.raw<int32_t>()[i % n] : int32_t(i % n));
  }
  const Tensor z = count == 1 ? views[0] : concat(views, 0);
  return sup_con(z, all, options, options.contrast == ContrastMode::one ? n : 0);
}

Tensor alignment(const Tensor& x, const Tensor& y, double power) {
  require_positive("alignment", "power", power);
  require_matrix("alignment", "x", x);
  require_same("alignment", x, y);
  if (x.shape()[0] == 0) return nothing(x);
  const Tensor d = squared_distance(normalize(x), normalize(y));
  if (power == 2) return mean(d);
  const Tensor apart = mask_of(d.shape(), [&](int64_t i) { return d.item(i) > 0; });  // the derivative of |.|^power is 0 at 0
  return mean(only(apart, pow(only(apart, d, 1), power / 2)));
}

Tensor uniformity(const Tensor& x, double t) {
  require_positive("uniformity", "t", t);
  require_matrix("uniformity", "x", x);
  const int64_t n = x.shape()[0];
  if (n < 2) return nothing(x);
  const Tensor z = normalize(x), length = sum(square(z), 1);  // 1, or 0 for a row of zeros
  const Tensor gram = matmul(z, z, false, true), d = reshape(length, {n, 1}) + (gram * -2.0 + length);
  return logsumexp(reshape(others(d) * -t, {n * (n - 1)}), 0) - std::log(double(n) * double(n - 1));
}

Tensor align_uniform(const Tensor& x, const Tensor& y, double weight, double power, double t) {
  return alignment(x, y, power) + (uniformity(x, t) + uniformity(y, t)) * (weight / 2);
}

}  // namespace tapedeck
