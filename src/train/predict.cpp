// A data set through a model without dropout and without a tape: what the model says about each example, in order.
// Next: evaluator.h.
#include <algorithm>
#include <limits>
#include <numeric>

#include <tapedeck/train/metrics.h>

namespace tapedeck {
namespace {

/// Copies rows to their place among `total`.
void append_rows(Tensor& all, const Tensor& rows, int64_t at, int64_t total) {
  const int64_t cols = rows.shape().cols();
  if (!all) all = Tensor::zeros({total, cols}, DType::f64);
  for (int64_t i = 0; i < rows.size(); ++i) all.raw<double>()[at * cols + i] = rows.item(i);
}

}  // namespace

Predictions predict(const Model& model, const ParamStore& store, const Loss& loss, const Dataset& data, int64_t batch_size,
                    const std::atomic<int>* stop, bool keep_embeddings) {
  Predictions all;
  all.texts = data.texts;
  std::vector<int64_t> order(size_t(data.size()));
  std::iota(order.begin(), order.end(), int64_t{0});
  const Task& task = task_of(data);
  double sum = 0, weight = 0;
  for (int64_t begin = 0; begin < data.size(); begin += batch_size) {
    if (stop && *stop) throw Interrupted{*stop};
    const auto mine = std::span(order).subspan(size_t(begin), size_t(std::min(batch_size, data.size() - begin)));
    const Batch batch = collate(data, mine, 0, int64_t(mine.size()), store.dtype());
    Pass pass(store, batch, Mode::evaluate, Key{});
    const Output out = model.forward(pass);
    const Tensor& logits = out.logits;
    if (const Tensor& vectors = out.projection ? out.projection : out.pooled; vectors && (keep_embeddings || !logits))
      append_rows(all.embeddings, vectors, begin * data.texts, data.size() * data.texts);
    all.outputs = bool(logits);
    if (!logits) continue;
    double here = 0;
    for (const int64_t i : mine) here += task.weight(loss, data, i);
    task.decode({out, batch, data, mine, loss}, all);
    if (here == 0 || !loss.suits(task.answer())) continue;
    sum += here * loss.of(out, batch).item();
    weight += here;
  }
  all.loss = weight > 0 ? sum / weight : std::numeric_limits<double>::quiet_NaN();
  return all;
}

}  // namespace tapedeck
