// Metrics by name, and the choice of the best value. Next: trainer.cpp.
#include "src/train/evaluator.h"

#include <algorithm>
#include <cmath>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

namespace tapedeck {
namespace {

/// "accuracy" of "validation/accuracy": the address names the split, of which only validation can decide.
std::string without_split(const std::string& name) {
  constexpr std::string_view split = "validation/";
  return name.starts_with(split) ? name.substr(split.size()) : name;
}

/// "adversarial_accuracy" of "adversarial_accuracy@0.1": a metric may give several values.
std::string metric_of(const std::string& value) { return value.substr(0, value.find('@')); }

bool has_labels(const Dataset& data) {
  const Task& task = task_of(data);
  for (int64_t i = 0; i < data.size(); ++i)
    if (task.labelled_rows(data, i) > 0) return true;
  return false;
}

bool measures(const Metric& metric, const Task& task) {
  for (const Form form : {Form::classes, Form::tokens, Form::likelihood, Form::numbers, Form::sets, Form::spans})
    if (task.gives(form) && metric.measures(form)) return true;
  return false;
}

}  // namespace

Evaluator::Evaluator(const TrainSetup& setup) : setup_(setup), min_change_(setup.evaluation->min_change) {
  const Task& task = task_of(*setup.train);
  for (auto& name : setup.evaluation->metrics) add(without_split(name), task);
  for (auto& probe : setup.evaluation->probes) add(probe, task);
  if (metrics_.empty()) add(task.defaults().metric, task);
  best_ = setup.evaluation->best.empty() ? metrics_[0].name : without_split(setup.evaluation->best);
  add(metric_of(best_), task);
  const auto it = std::find_if(metrics_.begin(), metrics_.end(), [&](auto& m) { return m.name == metric_of(best_); });
  const std::string& direction = setup.evaluation->direction;
  higher_ = direction.empty() ? it->metric->higher_is_better() : direction == "max";
}

void Evaluator::add(const std::string& name, const Task& task) {
  if (std::any_of(metrics_.begin(), metrics_.end(), [&](auto& m) { return m.name == name; })) return;
  const auto* entry = Registry<Metric>::find(name);
  if (!entry) {
    const std::vector<std::string> known = Choice<Metric>().names();
    throw Error(ErrorKind::config, text("there is no metric ", in_quotes(name)),
                text(suggest(name, known), " known: ", join(known)));
  }
  made_.push_back(entry->make());
  add(name, *made_.back(), task);
}

void Evaluator::add(const Choice<Metric>& probe, const Task& task) {
  const std::string name(probe.name());
  if (std::any_of(metrics_.begin(), metrics_.end(), [&](auto& m) { return m.name == name; }))
    throw Error(ErrorKind::config, text("evaluation.probes: ", in_quotes(name), " is measured already"),
                "name every metric once");
  add(name, *probe, task);
}

void Evaluator::add(const std::string& name, const Metric& metric, const Task& task) {
  if (const std::string problem = mismatch(metric, name, task); !problem.empty())
    throw Error(ErrorKind::config, problem, text("suited: ", join(suited_metrics(task))));
  metrics_.push_back({name, &metric});
}

std::string mismatch(const Metric& metric, const std::string& name, const Task& task) {
  return measures(metric, task)
             ? ""
             : text("metric ", in_quotes(name), " does not measure ", task.noun(), ", which the data have as labels");
}

std::vector<std::string> suited_metrics(const Task& task) {
  std::vector<std::string> names;
  for (auto& [name, entry] : Registry<Metric>::entries())
    if (measures(*entry.make(), task)) names.push_back(name);
  return names;
}

Values Evaluator::measure(const Dataset& data, std::optional<ClassReport>* classes) const {
  const bool labelled = has_labels(data);
  const auto wanted = [&](const Named& m) { return labelled || !m.metric->reads_labels(); };
  if (data.size() == 0 || std::none_of(metrics_.begin(), metrics_.end(), wanted)) return {};
  const bool embeddings =
      std::any_of(metrics_.begin(), metrics_.end(), [&](auto& m) { return wanted(m) && m.metric->reads_embeddings(); });
  const Loss& loss = setup_.objective->task();
  const int64_t batch_size = setup_.evaluation->batch_size;
  const Predictions p = predict(*setup_.model, *setup_.store, loss, data, batch_size, setup_.stop_signal, embeddings);
  Values values{{"loss", p.loss}};
  for (const Named& m : metrics_) {
    if (!wanted(m)) continue;
    if (m.metric->reads_outputs() && !p.outputs)
      throw Error(ErrorKind::config,
                  text("metric ", in_quotes(m.name), " reads what the model answers, but this model answers only with vectors"),
                  "use metrics of embeddings such as knn_accuracy, uniformity or effective_rank, or a model with a head");
    m.metric->measure({*setup_.model, *setup_.store, loss, data, batch_size, setup_.stop_signal, p}, m.name, values);
  }
  if (classes) *classes = class_report(task_of(data), p);
  return values;
}

std::vector<std::string> Evaluator::newly_undefined(const Values& values) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values)
    if (name != "loss" && std::isnan(value) && undefined_.insert(name).second) names.push_back(name);
  return names;
}

}  // namespace tapedeck
