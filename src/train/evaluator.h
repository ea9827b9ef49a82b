// Which metrics a run measures, and which value is better. Next: trainer.cpp.
#pragma once
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <tapedeck/train/class_metrics.h>
#include <tapedeck/train/trainer.h>

#include "src/train/train_state.h"

namespace tapedeck {

/// Why the metric cannot measure what the task predicts; empty when it can.
std::string mismatch(const Metric& metric, const std::string& name, const Task& task);
/// Names of the metrics that can.
std::vector<std::string> suited_metrics(const Task& task);

class Evaluator {
 public:
  /// Resolves the metrics by name; throws Error{config} for an unknown one or one that does not suit the labels.
  explicit Evaluator(const TrainSetup& setup);

  /// "loss" and every metric over the data; those that read labels only where an example has one. Throws Interrupted on a stop
  /// signal. classes: receives the report by class, where there is one.
  Values measure(const Dataset& data, std::optional<ClassReport>* classes = nullptr) const;
  /// Names of metrics that have no value (NaN) here, each by one call only.
  std::vector<std::string> newly_undefined(const Values& values);
  const std::string& best_metric() const { return best_; }
  /// Better by more than min_change; NaN is never better.
  bool improves(double value, double than) const { return higher_ ? value > than + min_change_ : value < than - min_change_; }
  bool better(double value, double than) const { return higher_ ? value > than : value < than; }

 private:
  struct Named {
    std::string name;
    const Metric* metric;
  };
  void add(const std::string& name, const Task& task);
  void add(const Choice<Metric>& probe, const Task& task);
  void add(const std::string& name, const Metric& metric, const Task& task);
  const TrainSetup& setup_;
  std::vector<std::unique_ptr<Metric>> made_;  // those that were given by name
  std::vector<Named> metrics_;
  std::string best_;
  bool higher_ = true;
  double min_change_ = 0;
  std::set<std::string> undefined_;
};

}  // namespace tapedeck
