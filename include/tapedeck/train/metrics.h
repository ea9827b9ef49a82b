// Metrics over a whole split: accuracy, f1, matthews, pearson, spearman, perplexity, loss, ... One registry entry each.
#pragma once
#include <atomic>
#include <map>
#include <string>
#include <vector>

#include <tapedeck/base/registry.h>
#include <tapedeck/nn/model.h>
#include <tapedeck/tasks/task.h>

namespace tapedeck {

/// A split that was measured and what it was measured with: metrics may run the model again.
struct Measured {
  const Model& model;
  const ParamStore& store;
  const Loss& loss;
  const Dataset& data;
  int64_t batch_size;
  const std::atomic<int>* stop;  // polled between batches; Interrupted is thrown when it is not 0
  const Predictions& predictions;
};
using Measures = std::map<std::string, double>;

struct Metric : Part {
  static constexpr const char* kind = "metric";
  /// From the predictions alone.
  virtual double compute(const Predictions&) const;
  /// One value or several, under names that begin with `name`; usually compute() under `name`.
  virtual void measure(const Measured& what, const std::string& name, Measures& values) const {
    values[name] = compute(what.predictions);
  }
  virtual bool higher_is_better() const { return true; }
  virtual bool reads_embeddings() const { return false; }
  virtual bool reads_outputs() const { return !reads_embeddings(); }
  virtual bool reads_labels() const { return true; }  // false: unlabelled splits can be measured as well
  /// The forms of predictions that it can read.
  virtual bool measures(Form form) const { return form == Form::classes; }
};

struct Interrupted {
  int signal = 0;
};
/// Runs the model over a data set without dropout, in order, batches of batch_size. loss is NaN without labels.
/// Models without logits leave their embeddings, as does keep_embeddings. stop: polled between batches; throws Interrupted when
/// it is not 0.
Predictions predict(const Model& model, const ParamStore& store, const Loss& loss, const Dataset& data, int64_t batch_size,
                    const std::atomic<int>* stop = nullptr, bool keep_embeddings = false);

}  // namespace tapedeck
