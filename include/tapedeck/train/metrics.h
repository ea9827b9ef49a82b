// Metrics over a whole split: accuracy, f1, matthews, pearson, spearman, perplexity, loss, ... One registry entry each.
#pragma once
#include <atomic>
#include <map>
#include <string>
#include <vector>

#include <tapedeck/base/registry.h>
#include <tapedeck/data/dataset.h>
#include <tapedeck/nn/model.h>

namespace tapedeck {

/// Everything a metric may need, one entry per example in data set order.
struct Predictions {
  std::vector<int32_t> predicted, label;          // classes, or one per token of running text
  std::vector<double> score, target;              // regression
  std::vector<std::vector<Span>> found, marked;   // span data; label is then -1 for examples whose spans are not known
  std::vector<std::vector<double>> probabilities; // classification, one row per example; not kept for tokens
  double loss = 0;                                // mean task loss; NaN without labels
  double surprise = 0;                            // running text: mean of -log p(next token), in nats
  double characters = 0;                          // running text: mean number of characters of a token
  int64_t classes = 0;
  bool outputs = true;                            // false: the model gives no logits for such examples
  Tensor embeddings;                              // f64 [examples * texts, size]: what contrast compares; kept on request
  int64_t texts = 1;
};

struct Loss;
/// A split that was measured and what it was measured with: metrics may run the model again.
struct Measured {
  const Model& model;
  const ParamStore& store;
  const Loss& loss;
  const Dataset& data;
  int64_t batch_size;
  const std::atomic<int>* stop;                   // polled between batches; Interrupted is thrown when it is not 0
  const Predictions& predictions;
};
using Measures = std::map<std::string, double>;

struct Metric : Part {
  static constexpr const char* kind = "metric";
  /// From the predictions alone.
  virtual double compute(const Predictions&) const;
  /// One value or several, under names that begin with `name`; usually compute() under `name`.
  virtual void measure(const Measured& what, const std::string& name, Measures& values) const { values[name] = compute(what.predictions); }
  virtual bool higher_is_better() const { return true; }
  virtual bool reads_embeddings() const { return false; }
  virtual bool reads_outputs() const { return !reads_embeddings(); }
  virtual bool reads_labels() const { return true; }            // false: unlabelled splits can be measured as well
  virtual bool measures(LabelKind kind) const { return kind == LabelKind::classes; }
};

struct Interrupted { int signal = 0; };
/// Runs the model over a data set without dropout, in order, batches of batch_size. loss is NaN without labels.
/// Models without logits leave their embeddings, as does keep_embeddings. stop: polled between batches; throws Interrupted when it is not 0.
Predictions predict(const Model& model, const ParamStore& store, const Loss& loss, const Dataset& data, int64_t batch_size,
                    const std::atomic<int>* stop = nullptr, bool keep_embeddings = false);

}  // namespace tapedeck
