// A data set through a model without dropout and without a tape: what the model says about each example, in order.
// Next: evaluator.h.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <tapedeck/train/metrics.h>

#include "src/train/label_weight.h"

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

void append(std::vector<int32_t>& all, const Tensor& here) {
  const auto values = here.data<int32_t>();
  all.insert(all.end(), values.begin(), values.end());
}

/// Copies rows to their place among `total`.
void append_rows(Tensor& all, const Tensor& rows, int64_t at, int64_t total) {
  const int64_t cols = rows.shape().cols();
  if (!all) all = Tensor::zeros({total, cols}, DType::f64);
  for (int64_t i = 0; i < rows.size(); ++i) all.raw<double>()[at * cols + i] = rows.item(i);
}

/// What the model says about every token of a batch, and the sum of its surprise at them.
double read_tokens(const Tensor& logits, const Batch& batch, Predictions& all) {
  append(all.predicted, argmax(logits, 1));
  append(all.label, batch.token_labels);
  return sum(cross_entropy_rows(logits, batch.token_labels)).item();
}

void read_example(const Tensor& logits, int64_t row, const Example& example, bool regression, Predictions& all) {
  if (regression) {
    all.score.push_back(logits.item(row * logits.shape().cols()));
    all.target.push_back(example.target);
  } else {
    all.predicted.push_back(read_row(logits, row, all.probabilities.emplace_back()));
    all.label.push_back(example.label);
  }
}

/// The spans of every example of a batch whose score is above 0.
void read_spans(const Tensor& scores, const Batch& batch, const Dataset& data, std::span<const int64_t> order, Predictions& all) {
  const auto types = int32_t(data.labels.size());
  int64_t at = 0;
  for (int64_t s = 0; s < std::ssize(order); ++s) {
    const Example& example = data.examples[size_t(order[size_t(s)])];
    const int32_t* offsets = batch.offsets.raw<int32_t>();
    const int32_t n = offsets[s + 1] - offsets[s];
    std::vector<Span>& found = all.found.emplace_back();
    for (int32_t type = 0; type < types; ++type)
      for (int32_t last = 0; last < n; ++last)
        for (int32_t first = 0; first < n; ++first, ++at)
          if (scores.item(at) > 0) found.push_back({first, last, type});
    all.marked.push_back(example.spans);
    all.label.push_back(example.label);
  }
}

}  // namespace

Predictions predict(const Model& model, const ParamStore& store, const Loss& loss, const Dataset& data, int64_t batch_size,
                    const std::atomic<int>* stop, bool keep_embeddings) {
  Predictions all;
  all.texts = data.texts;
  std::vector<int64_t> order(size_t(data.size()));
  std::iota(order.begin(), order.end(), int64_t{0});
  const bool tokens = data.label_kind() == LabelKind::tokens, spans = data.spans;
  double sum = 0, weight = 0, surprise = 0;
  for (int64_t begin = 0; begin < data.size(); begin += batch_size) {
    if (stop && *stop) throw Interrupted{*stop};
    const auto mine = std::span(order).subspan(size_t(begin), size_t(std::min(batch_size, data.size() - begin)));
    const Batch batch = collate(data, mine, 0, int64_t(mine.size()), store.dtype());
    Pass pass(store, batch, Mode::evaluate, Key{});
    const Output out = model.forward(pass);
    const Tensor& logits = out.logits;
    if (keep_embeddings || !logits) append_rows(all.embeddings, out.projection ? out.projection : out.pooled, begin * data.texts, data.size() * data.texts);
    all.outputs = bool(logits);
    if (!logits) continue;
    double here = 0;
    if (tokens) surprise += read_tokens(logits, batch, all);
    if (spans) read_spans(logits, batch, data, mine, all);
    for (size_t i = 0; i < mine.size(); ++i) {
      here += label_weight(loss, data, mine[i]);
      if (!tokens && !spans) read_example(logits, int64_t(i), data.examples[size_t(mine[i])], data.regression, all);
    }
    if (!data.regression) all.classes = spans ? std::ssize(data.labels) : logits.shape().cols();
    if (here == 0 || loss.regression() != data.regression) continue;
    sum += here * loss(logits, batch).item();
    weight += here;
  }
  all.loss = weight > 0 ? sum / weight : std::numeric_limits<double>::quiet_NaN();
  if (!tokens || data.size() == 0) return all;
  all.surprise = surprise / double(all.label.size());
  all.characters = double(data.running.characters) / double(data.running.ids.size());
  return all;
}

}  // namespace tapedeck
