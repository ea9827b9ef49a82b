// Losses against class vectors, as functions and as the losses of these names: margins on the angle to the own class, Proxy
// Anchor.
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/losses/proxies.h>

#include "class_loss.h"
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
    require_class(loss, y, i, classes);
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

namespace {

struct ArcFaceLoss final : ClassLoss {
  double margin = 0.5, scale = 64;
  void options(Fields& f) override {
    f("margin", margin, "angle added to the own class, in radians").at_least(0).below(3.14159);
    f("scale", scale, "what cosines are multiplied with").above(0);
  }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override { return arc_face(x, y, margin, scale, a); }
};
TAPEDECK_PART(Loss, ArcFaceLoss, "arc_face",
              "Cross-entropy of scale cos(theta), the own class at cos(theta + margin); needs cosines: head \"cosine\" (Deng et "
              "al. 2019, eq. 3).",
              {.equation = "L = cross-entropy of scale cos(theta_c), the own class at cos(theta_y + margin); beyond pi - margin "
                           "cos(theta_y) - margin sin(margin)",
               .source = "Deng et al., ArcFace, CVPR 2019, arXiv 1801.07698, eq. 3",
               .cost = "1F + 1B",
               .pitfalls = "It reads cosines: use head \"cosine\" with scale 1.\n"
                           "scale 64 is for thousands of classes; with few, 8 to 16 train better.\n"
                           "Start with a small margin: at random start a large one pushes every class away."});

struct CosFaceLoss final : ClassLoss {
  double margin = 0.35, scale = 64;
  void options(Fields& f) override {
    f("margin", margin, "taken from the cosine of the own class").at_least(0);
    f("scale", scale, "what cosines are multiplied with").above(0);
  }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& a) const override { return cos_face(x, y, margin, scale, a); }
};
TAPEDECK_PART(Loss, CosFaceLoss, "cos_face",
              "Cross-entropy of scale cos(theta), the own class at cos(theta) - margin; needs cosines: head \"cosine\" (Wang et "
              "al. 2018, eq. 4).",
              {.equation = "L = cross-entropy of scale cos(theta_c), the own class at cos(theta_y) - margin",
               .source = "Wang et al., CosFace, CVPR 2018, arXiv 1801.09414, eq. 4",
               .cost = "1F + 1B",
               .pitfalls = "It reads cosines: use head \"cosine\" with scale 1.\n"
                           "scale bounds the logits: below log((C - 1)/tolerance) the loss cannot become small."});

}  // namespace
}  // namespace tapedeck
