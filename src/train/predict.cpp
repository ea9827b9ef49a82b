// A data set through a model without dropout and without a tape: what the model says about each example, in order.
// Next: evaluator.h.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <tapedeck/losses/loss.h>
#include <tapedeck/train/metrics.h>

namespace tapedeck {
namespace {

/// Softmax of one row in double, and the first maximum.
int32_t read_row(const Tensor& logits, int64_t row, std::vector<double>& probabilities) {
  const int64_t classes = logits.shape().cols();
  probabilities.resize(size_t(classes));
  for (int64_t c = 0; c < classes; ++c) probabilities[size_t(c)] = logits.item(row * classes + c);
  const auto top = std::max_element(probabilities.begin(), probabilities.end());
  const double most = *top;
  const auto winner = int32_t(top - probabilities.begin());
  double sum = 0;
  for (double& p : probabilities) sum += p = std::exp(p - most);
  for (double& p : probabilities) p /= sum;
  return winner;
}

double weight_of(const Loss& loss, const Dataset& data, const Example& example) {
  if (data.regression) return std::isfinite(example.target) ? 1 : 0;
  return example.label >= 0 ? loss.weight(example.label) : 0;
}

}  // namespace

Predictions predict(const Model& model, const ParamStore& store, const Loss& loss, const Dataset& data, int64_t batch_size,
                    const std::atomic<int>* stop) {
  Predictions all;
  std::vector<int64_t> order(size_t(data.size()));
  std::iota(order.begin(), order.end(), int64_t{0});
  double sum = 0, weight = 0;
  for (int64_t begin = 0; begin < data.size(); begin += batch_size) {
    if (stop && *stop) throw Interrupted{*stop};
    const auto mine = std::span(order).subspan(size_t(begin), size_t(std::min(batch_size, data.size() - begin)));
    const Batch batch = collate(data, mine, 0, int64_t(mine.size()), store.dtype());
    Pass pass(store, batch, Mode::evaluate, Key{});
    const Tensor logits = model.forward(pass).logits;
    if (!logits) continue;
    double here = 0;
    for (size_t i = 0; i < mine.size(); ++i) {
      const Example& example = data.examples[size_t(mine[i])];
      here += weight_of(loss, data, example);
      if (data.regression) {
        all.score.push_back(logits.item(int64_t(i) * logits.shape().cols()));
        all.target.push_back(example.target);
      } else {
        all.predicted.push_back(read_row(logits, int64_t(i), all.probabilities.emplace_back()));
        all.label.push_back(example.label);
      }
    }
    if (!data.regression) all.classes = logits.shape().cols();
    if (here == 0 || loss.regression() != data.regression) continue;
    sum += here * loss(logits, batch).item();
    weight += here;
  }
  all.loss = weight > 0 ? sum / weight : std::numeric_limits<double>::quiet_NaN();
  return all;
}

}  // namespace tapedeck
