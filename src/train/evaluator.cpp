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

bool has_labels(const Dataset& data) {
  if (data.label_kind() == LabelKind::tokens) return data.size() > 0;
  return std::any_of(data.examples.begin(), data.examples.end(),
                     [&](const Example& e) { return data.regression ? std::isfinite(e.target) : e.label >= 0; });
}

const char* usual_metric(LabelKind kind) {
  switch (kind) {
    case LabelKind::classes: return "accuracy";
    case LabelKind::numbers: return "spearman";
    case LabelKind::tokens: break;
  }
  return "perplexity";
}

}  // namespace

Evaluator::Evaluator(const TrainSetup& setup) : setup_(setup), min_change_(setup.evaluation->min_change) {
  const LabelKind labels = setup.train->label_kind();
  for (auto& name : setup.evaluation->metrics) add(without_split(name), labels);
  if (metrics_.empty()) add(usual_metric(labels), labels);
  best_ = setup.evaluation->best.empty() ? metrics_[0].first : without_split(setup.evaluation->best);
  add(best_, labels);
  const auto it = std::find_if(metrics_.begin(), metrics_.end(), [&](auto& m) { return m.first == best_; });
  const std::string& direction = setup.evaluation->direction;
  higher_ = direction.empty() ? it->second->higher_is_better() : direction == "max";
}

void Evaluator::add(const std::string& name, LabelKind labels) {
  if (std::any_of(metrics_.begin(), metrics_.end(), [&](auto& m) { return m.first == name; })) return;
  const auto* entry = Registry<Metric>::find(name);
  if (!entry) {
    const std::vector<std::string> known = Choice<Metric>().names();
    throw Error(ErrorKind::config, text("there is no metric ", in_quotes(name)),
                text(suggest(name, known), " known: ", join(known)));
  }
  auto metric = entry->make();
  if (!metric->measures(labels))
    throw Error(ErrorKind::config,
                text("metric ", in_quotes(name), " does not measure ", name_of(labels), ", which the data have as labels"),
                text("suited: ", join(suited_metrics(labels))));
  metrics_.emplace_back(name, std::move(metric));
}

std::vector<std::string> suited_metrics(LabelKind labels) {
  std::vector<std::string> names;
  for (auto& [name, entry] : Registry<Metric>::entries())
    if (entry.make()->measures(labels)) names.push_back(name);
  return names;
}

Values Evaluator::measure(const Dataset& data) const {
  if (!has_labels(data)) return {};
  const Predictions p =
      predict(*setup_.model, *setup_.store, setup_.objective->task(), data, setup_.evaluation->batch_size, setup_.stop_signal);
  Values values{{"loss", p.loss}};
  for (auto& [name, metric] : metrics_) values[name] = metric->compute(p);
  return values;
}

}  // namespace tapedeck
