// Losses against class vectors: margins on the angle to the own class, and Proxy Anchor.
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/losses/loss.h>
#include <tapedeck/losses/proxies.h>

#include "support.h"

namespace tapedeck {
namespace {

/// Cross-entropy of scale * cosines after own[n] replaced the cosine of each row's own class.
template <class F>
Tensor with_margin(std::string_view loss, const Tensor& cosines, const Tensor& labels, double scale, const RowWeights& average,
                   F own) {
  require_matrix(loss, "cosines", cosines);
  require_positive(loss, "scale", scale);
  const int64_t n = cosines.shape()[0], classes = cosines.shape()[1];
  require_labels(loss, labels, n);
  const Tensor label = labels.clone();
  for (int64_t i = 0; i < n; ++i) {
    int32_t& y = label.raw<int32_t>()[i];
    if (y >= classes)
      throw Error(ErrorKind::index, text(loss, ": label ", y, " of row ", i, " is not one of ", classes, " classes"));
    y = std::max(y, 0);
  }
  if (n == 0) return nothing(cosines);
  const Tensor c = only(mask_of({n, classes}, [&](int64_t e) { return labels.raw<int32_t>()[e / classes] >= 0; }), cosines);
  const Tensor is_own = mask_of({n, classes}, [&](int64_t e) { return labels.raw<int32_t>()[e / classes] == e % classes; });
  const Tensor moved = expand(reshape(own(pick(c, label)), {n, 1}), {n, classes});
  return cross_entropy(where(is_own, moved, c) * scale, labels, {}, average.class_weights, -1, average.total);
}

/// log(1 + sum_r e^x over the cells of each column that the mask names).
Tensor softplus_of_columns(const Tensor& x, const Tensor& mask) {
  return softplus(logsumexp(only(mask, x, absent(x.dtype())), 0));
}

}  // namespace

Tensor arc_face(const Tensor& cosines, const Tensor& labels, double margin, double scale, const RowWeights& average) {
  constexpr double pi = 3.14159265358979323846;
  if (!(margin >= 0 && margin < pi))
    throw Error(ErrorKind::value, text("arc_face: margin is ", margin), "give an angle from 0 to below pi");
  return with_margin("arc_face", cosines, labels, scale, average, [&](const Tensor& c) {
    const Tensor sine2 = 1.0 - square(c), turned = mask_where(sine2, [](auto v) { return v > 0; });
    const Tensor sine = only(turned, sqrt(only(turned, sine2, 1)));
    const Tensor within = mask_where(c, [&](auto v) { return double(v) > std::cos(pi - margin); });
    return where(within, c * std::cos(margin) - sine * std::sin(margin), c - margin * std::sin(margin));
  });
}

Tensor cos_face(const Tensor& cosines, const Tensor& labels, double margin, double scale, const RowWeights& average) {
  return with_margin("cos_face", cosines, labels, scale, average, [&](const Tensor& c) { return c - margin; });
}

Tensor proxy_anchor(const Tensor& x, const Tensor& proxies, const Tensor& labels, double margin, double scale) {
  require_positive("proxy_anchor", "scale", scale);
  require_matrix("proxy_anchor", "x", x);
  require_matrix("proxy_anchor", "proxies", proxies);
  const int64_t n = x.shape()[0], classes = proxies.shape()[0];
  require_labels("proxy_anchor", labels, n);
  if (n == 0 || classes == 0) return nothing(x);
  const int32_t* label = labels.raw<int32_t>();
  std::vector<uint8_t> named(size_t(classes), 0);
  for (int64_t i = 0; i < n; ++i) {
    if (label[i] >= classes)
      throw Error(ErrorKind::index, text("proxy_anchor: label ", label[i], " of row ", i, " has no proxy among ", classes));
    if (label[i] >= 0) named[size_t(label[i])] = 1;
  }
  const Tensor s = similarities(x, proxies);
  const Tensor own = mask_of(s.shape(), [&](int64_t e) { return label[e / classes] == e % classes; });
  const Tensor other =
      mask_of(s.shape(), [&](int64_t e) { return label[e / classes] >= 0 && label[e / classes] != e % classes; });
  const Tensor pull = softplus_of_columns((s - margin) * -scale, own), push = softplus_of_columns((s + margin) * scale, other);
  return share(pull, double(std::count(named.begin(), named.end(), 1))) + share(push, double(classes));
}

}  // namespace tapedeck
