// cross_entropy: which rows count and what their sum is divided by; the op does the rest.
#include <algorithm>

#include <tapedeck/losses/loss.h>

#include "support.h"

namespace tapedeck {
namespace {

/// Labels without the rows that are -inf throughout: they have no probabilities. Usually a row's first entry answers.
Tensor answerable(const Tensor& x, const Tensor& labels, int32_t ignore) {
  const int64_t classes = x.shape()[1];
  Tensor kept = labels;
  for (int64_t i = 0; i < std::min(labels.size(), x.shape()[0]); ++i) {
    bool some = false;
    for (int64_t c = 0; c < classes && !some; ++c) some = x.item(i * classes + c) != -std::numeric_limits<double>::infinity();
    if (some || classes == 0) continue;
    if (kept.storage() == labels.storage()) kept = labels.clone();
    kept.raw<int32_t>()[i] = ignore;
  }
  return kept;
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Smoothing smoothing, const std::vector<double>& class_weights,
                     int32_t ignore, double total_weight) {
  const Tensor x = as_rows(logits);
  Tensor weights;
  double total = 0;
  if (!class_weights.empty()) weights = Tensor::zeros(labels.shape(), x.dtype());
  for (int64_t i = 0; i < labels.size(); ++i) {
    const int32_t label = labels.data<int32_t>()[size_t(i)];
    if (label == ignore) continue;
    const bool weighted = weights && label >= 0 && size_t(label) < class_weights.size();
    const double w = weighted ? class_weights[size_t(label)] : 1;
    total += w;
    if (weights) dispatch(x.dtype(), [&](auto tag) { weights.raw<decltype(tag)>()[i] = decltype(tag)(w); });
  }
  if (total_weight > 0) total = total_weight;
  return sum(cross_entropy_rows(x, answerable(x, labels, ignore), smoothing, weights, ignore)) / (total > 0 ? total : 1);
}

}  // namespace tapedeck
