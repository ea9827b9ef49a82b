// Losses on pairs and triplets. Mining looks at detached numbers on the host; what it chose is gathered on the tape.
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/losses/metric.h>
#include <tapedeck/tensor/list.h>

#include "support.h"

namespace tapedeck {
namespace {

Tensor rows_at(const Tensor& z, const List<int32_t>& index) {
  return gather(z, Tensor::from<int32_t>(index, {int64_t(index.size())}));
}

/// Which rows of a batch belong together.
struct Classes {
  const int32_t* label;
  int64_t count;
  Classes(std::string_view loss, const Tensor& z, const Tensor& labels) : label(nullptr), count(0) {
    require_matrix(loss, "z", z);
    count = z.shape()[0];
    require_labels(loss, labels, count);
    label = labels.raw<int32_t>();
  }
  bool positive(int64_t i, int64_t j) const { return i != j && label[i] >= 0 && label[i] == label[j]; }
  bool negative(int64_t i, int64_t j) const { return label[i] >= 0 && label[j] >= 0 && label[i] != label[j]; }
};

struct Triplets {
  List<int32_t> anchor, positive, negative;
};

/// d2: squared distances [n,n].
Triplets hardest(const Classes& classes, const Tensor& d2) {
  Triplets found;
  const int64_t n = classes.count;
  for (int64_t i = 0; i < n; ++i) {
    int64_t far = -1, near = -1;
    for (int64_t j = 0; j < n; ++j) {
      const double d = d2.item(i * n + j);
      if (classes.positive(i, j) && (far < 0 || d > d2.item(i * n + far))) far = j;
      if (classes.negative(i, j) && (near < 0 || d < d2.item(i * n + near))) near = j;
    }
    if (far < 0 || near < 0) continue;
    found.anchor.push_back(int32_t(i)), found.positive.push_back(int32_t(far)), found.negative.push_back(int32_t(near));
  }
  return found;
}

Triplets semi_hard(const Classes& classes, const Tensor& d2) {
  Triplets found;
  const int64_t n = classes.count;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t p = 0; p < n; ++p) {
      if (!classes.positive(i, p)) continue;
      int64_t beyond = -1, far = -1;  // the nearest negative behind the positive, and the farthest of all
      for (int64_t j = 0; j < n; ++j) {
        if (!classes.negative(i, j)) continue;
        const double d = d2.item(i * n + j);
        if (d > d2.item(i * n + p) && (beyond < 0 || d < d2.item(i * n + beyond))) beyond = j;
        if (far < 0 || d > d2.item(i * n + far)) far = j;
      }
      if (far < 0) continue;
      found.anchor.push_back(int32_t(i)), found.positive.push_back(int32_t(p));
      found.negative.push_back(int32_t(beyond >= 0 ? beyond : far));
    }
  return found;
}

Tensor squared_distances(const Tensor& z) {
  const int64_t n = z.shape()[0];
  const Tensor length = sum(square(z), 1);
  return reshape(length, {n, 1}) + (matmul(z, z, false, true) * -2.0 + length);
}

/// One anchor's pairs: log sum_j e^x over the cells of the mask, per row; `absent` where the mask is empty.
Tensor sum_of(const Tensor& x, const Tensor& mask) { return logsumexp(only(mask, x, absent(x.dtype())), 1); }

}  // namespace

Tensor row_distance(const Tensor& a, const Tensor& b) {
  require_matrix("row_distance", "a", a);
  require_same("row_distance", a, b);
  const Tensor d2 = sum(square(a - b), 1), apart = mask_where(d2, [](auto v) { return !(v == 0); });
  return only(apart, sqrt(only(apart, d2, 1)));
}

Tensor triplet(const Tensor& anchor, const Tensor& positive, const Tensor& negative, double margin) {
  const Tensor gap = row_distance(anchor, positive) - row_distance(anchor, negative);
  return share(relu(gap + margin), double(gap.size()));
}

Tensor triplet_mined(const Tensor& z, const Tensor& labels, Mining mining, std::optional<double> margin) {
  const Classes classes("triplet_mined", z, labels);
  if (classes.count < 3) return nothing(z);
  const Tensor d2 = squared_distances(z.detach());
  const Triplets t = mining == Mining::hardest ? hardest(classes, d2) : semi_hard(classes, d2);
  if (t.anchor.empty()) return nothing(z);
  const Tensor anchor = rows_at(z, t.anchor);
  const Tensor gap = row_distance(anchor, rows_at(z, t.positive)) - row_distance(anchor, rows_at(z, t.negative));
  return mean(margin ? relu(gap + *margin) : softplus(gap));
}

Tensor contrastive_pair(const Tensor& x, const Tensor& y, const Tensor& same, double margin) {
  const Tensor d = row_distance(x, y);
  if (!same || same.dtype() != DType::u8 || same.shape() != d.shape())
    throw Error(ErrorKind::shape, text("contrastive_pair: needs a u8 mark for each of ", d.size(), " pairs"));
  return share(where(same, square(d), square(relu(margin - d))), double(d.size())) * 0.5;
}

Tensor n_pairs(const Tensor& anchor, const Tensor& positive, double l2, const Tensor& excluded) {
  require_matrix("n_pairs", "anchor", anchor);
  require_same("n_pairs", anchor, positive);
  const Tensor value = info_nce(anchor, positive, 1, Similarity::dot, excluded);
  return l2 == 0 ? value : value + share(square(anchor) + square(positive), double(anchor.shape()[0])) * (l2 / 4);
}

Tensor multi_similarity(const Tensor& z, const Tensor& labels, const MultiSimilarity& options) {
  require_positive("multi_similarity", "alpha", options.alpha);
  require_positive("multi_similarity", "beta", options.beta);
  const Classes classes("multi_similarity", z, labels);
  const int64_t n = classes.count;
  if (n == 0) return nothing(z);
  const Tensor s = similarities(z, z), positive = Tensor::zeros({n, n}, DType::u8), negative = positive.clone();
  for (int64_t i = 0; i < n; ++i) {
    double lowest = INFINITY, highest = -INFINITY;  // the least similar positive, the most similar negative
    for (int64_t j = 0; j < n; ++j) {
      if (classes.positive(i, j)) lowest = std::min(lowest, s.item(i * n + j));
      if (classes.negative(i, j)) highest = std::max(highest, s.item(i * n + j));
    }
    for (int64_t e = i * n, j = 0; j < n; ++j, ++e) {
      const double v = s.item(e);
      positive.raw<uint8_t>()[e] = classes.positive(i, j) && (!options.mining || v < highest + *options.mining);
      negative.raw<uint8_t>()[e] = classes.negative(i, j) && (!options.mining || v > lowest - *options.mining);
    }
  }
  const Tensor pull = softplus(sum_of((s - options.base) * -options.alpha, positive)) / options.alpha;
  const Tensor push = softplus(sum_of((s - options.base) * options.beta, negative)) / options.beta;
  return mean(pull + push);
}

Tensor circle(const Tensor& z, const Tensor& labels, double margin, double scale) {
  require_positive("circle", "scale", scale);
  const Classes classes("circle", z, labels);
  const int64_t n = classes.count;
  if (n == 0) return nothing(z);
  const Tensor s = similarities(z, z), fixed = s.detach();
  const Tensor positive = mask_of({n, n}, [&](int64_t e) { return classes.positive(e / n, e % n); });
  const Tensor negative = mask_of({n, n}, [&](int64_t e) { return classes.negative(e / n, e % n); });
  const Tensor pull = sum_of(relu(1 + margin - fixed) * (s - (1 - margin)) * -scale, positive);
  const Tensor push = sum_of(relu(fixed + margin) * (s - margin) * scale, negative);
  const Tensor both = mask_of({n}, [&](int64_t i) {
    const uint8_t *p = positive.raw<uint8_t>() + i * n, *q = negative.raw<uint8_t>() + i * n;
    return std::count(p, p + n, 1) > 0 && std::count(q, q + n, 1) > 0;
  });
  return share(only(both, softplus(only(both, pull + push))),
               double(std::count(both.raw<uint8_t>(), both.raw<uint8_t>() + n, 1)));
}

Tensor cosent(const Tensor& x, const Tensor& y, const Tensor& target, double scale) {
  require_positive("cosent", "scale", scale);
  require_matrix("cosent", "x", x);
  require_same("cosent", x, y);
  const int64_t n = x.shape()[0];
  if (!target || target.size() != n) throw Error(ErrorKind::shape, text("cosent: needs one target for each of ", n, " pairs"));
  if (n < 2) return nothing(x);
  const Tensor cosines = sum(normalize(x) * normalize(y), 1) * scale;
  const Tensor gap = expand(reshape(cosines, {1, n}), {n, n}) - reshape(cosines, {n, 1});  // [i,j] = cos_j - cos_i
  const Tensor ordered = mask_of({n, n}, [&](int64_t e) { return target.item(e / n) > target.item(e % n); });
  return reshape(softplus(sum_of(reshape(gap, {1, n * n}), ordered.view({1, n * n}))), Shape{});
}

}  // namespace tapedeck
