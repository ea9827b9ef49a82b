// Pairing by seed: both sides of a pair saw the same split of the data and the same random numbers, so the difference is that of
// the method. Next: compare_words.cpp for the sentences, statistics.cpp for the formulas.
#include <tapedeck/study/compare.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json_build.h>
#include <tapedeck/base/words.h>
#include <tapedeck/config/config.h>

#include "src/config/locations.h"
#include "src/study/compare_words.h"

namespace tapedeck {
namespace {

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (double v : values) sum += v;
  return sum / double(values.size());
}

std::string name_of_runs(const std::string& given, const std::vector<SavedSeed>& seeds) {
  const Json resolved = resolved_of(seeds.front().run_folder);
  const Json* name = value_at(resolved, "name");
  return name ? name->string : std::filesystem::path(given).filename().string();
}

/// The same name on both sides says nothing: the folders do.
void tell_apart(Comparison& c) {
  if (c.name_a != c.name_b) return;
  namespace fs = std::filesystem;
  c.name_a = fs::path(c.folder_a).lexically_normal().filename().string();
  c.name_b = fs::path(c.folder_b).lexically_normal().filename().string();
  if (c.name_a == c.name_b) c.name_a = "A", c.name_b = "B";
}

using Pairs = std::vector<std::pair<const SavedSeed*, const SavedSeed*>>;

Pairs paired(Comparison& c) {
  Pairs pairs;
  for (const SavedSeed& a : c.runs_a) {
    const auto b = std::find_if(c.runs_b.begin(), c.runs_b.end(), [&](const SavedSeed& s) { return s.seed == a.seed; });
    if (b == c.runs_b.end()) c.only_in_a.push_back(a.seed);
    else pairs.emplace_back(&a, &*b), c.seeds.push_back(a.seed);
  }
  for (const SavedSeed& b : c.runs_b)
    if (std::find(c.seeds.begin(), c.seeds.end(), b.seed) == c.seeds.end()) c.only_in_b.push_back(b.seed);
  return pairs;
}

/// Every metric that each seed of both sides has on this split.
std::vector<MetricComparison> metrics_of(const Pairs& pairs, const std::string& split) {
  const std::string part = split == "test" ? "test" : "best";
  std::set<std::string> names;
  for (const auto& [name, value] : pairs.front().first->values(part)) names.insert(name);
  std::vector<MetricComparison> all;
  for (const std::string& name : names) {
    std::vector<double> a, b;
    for (const auto& [first, second] : pairs) {
      const auto of_a = first->values(part), of_b = second->values(part);
      if (of_a.contains(name) && std::isfinite(of_a.at(name))) a.push_back(of_a.at(name));
      if (of_b.contains(name) && std::isfinite(of_b.at(name))) b.push_back(of_b.at(name));
    }
    if (a.size() != pairs.size() || b.size() != pairs.size()) continue;
    MetricComparison& metric = all.emplace_back(compare_values(std::move(a), std::move(b)));
    metric.split = split, metric.metric = name, metric.higher_is_better = higher_is_better(name);
  }
  return all;
}

/// Right or wrong by line: whether "predicted" is what was labelled.
std::map<int64_t, bool> right_by_line(const std::string& seed_folder) {
  std::map<int64_t, bool> right;
  for (const Json& row : json_lines(seed_folder + "/predictions/validation-best.jsonl")) {
    const auto *line = row.find("line"), *predicted = row.find("predicted");
    const Json::Member* label = nullptr;
    for (const char* key : {"label", "labels", "tags", "spans"})
      if (!label) label = row.find(key);
    if (line && label && predicted) right[line->value.integer] = label->value.dump(-1) == predicted->value.dump(-1);
  }
  return right;
}

void predictions(const Pairs& pairs, Comparison& c) {
  for (const auto& [a, b] : pairs) {
    const auto right_a = right_by_line(a->folder), right_b = right_by_line(b->folder);
    PredictionComparison row{.seed = a->seed};
    for (const auto& [line, right] : right_a) {
      const auto other = right_b.find(line);
      if (other == right_b.end()) continue;
      ++row.rows;
      row.only_a += right && !other->second;
      row.only_b += !right && other->second;
    }
    if (row.rows == 0 || right_a.size() != right_b.size()) continue;  // not the same rows
    row.p = mcnemar_p(row.only_a, row.only_b);
    c.predictions.push_back(row);
  }
}

void put_first(std::vector<MetricComparison>& metrics, const std::string& split, const std::string& metric) {
  const auto at = std::find_if(metrics.begin(), metrics.end(),
                               [&](const MetricComparison& m) { return m.split == split && m.metric == metric; });
  if (at != metrics.end()) std::rotate(metrics.begin(), at, at + 1);
}

Json interval_json(const Interval& interval) {
  Json list = Json::list();
  list.items = {Json::of(interval.low), Json::of(interval.high)};
  return list;
}

Json metric_json(const MetricComparison& m) {
  return json_object({{"split", m.split},
                      {"metric", m.metric},
                      {"a", json_list(m.a)},
                      {"b", json_list(m.b)},
                      {"mean_a", m.mean_a},
                      {"mean_b", m.mean_b},
                      {"difference", m.difference},
                      {"interval_95", interval_json(m.interval.interval)},
                      {"interval_method", m.interval.bca ? "bca" : "t"},
                      {"bca_95", interval_json(m.bca)},
                      {"sign_flip_p", m.p},
                      {"evidence", m.evidence()}});
}

}  // namespace

bool MetricComparison::evidence() const { return p <= 0.05 && (interval.interval.low > 0 || interval.interval.high < 0); }

MetricComparison compare_values(std::vector<double> a, std::vector<double> b) {
  MetricComparison m;
  for (size_t i = 0; i < a.size(); ++i) m.differences.push_back(b[i] - a[i]);
  m.a = std::move(a), m.b = std::move(b);
  m.mean_a = mean_of(m.a), m.mean_b = mean_of(m.b), m.difference = mean_of(m.differences);
  m.interval = mean_interval(m.differences);
  m.bca = bca_interval(m.differences);
  m.p = sign_flip_p(m.differences);
  return m;
}

Comparison compare_runs(const std::string& a, const std::string& b, const std::string& metric, const std::string& split) {
  Comparison c;
  c.folder_a = find_run(a), c.folder_b = find_run(b);
  c.runs_a = finished_seeds(c.folder_a), c.runs_b = finished_seeds(c.folder_b);
  c.name_a = name_of_runs(c.folder_a, c.runs_a), c.name_b = name_of_runs(c.folder_b, c.runs_b);
  tell_apart(c);
  const Pairs pairs = paired(c);
  const auto list = [](const std::vector<SavedSeed>& seeds) {
    std::vector<std::string> words;
    for (const SavedSeed& s : seeds) words.push_back(text(s.seed));
    return join(words);
  };
  if (pairs.empty())
    throw Error(ErrorKind::usage, text("no seed is in both: ", a, " has ", list(c.runs_a), ", ", b, " has ", list(c.runs_b)),
                "run one of them with the seeds of the other: --set seeds=[" + list(c.runs_a) + "]");
  const Json resolved = resolved_of(c.runs_a.front().run_folder);
  for (const std::string& change : forbidden_changes(resolved, resolved_of(c.runs_b.front().run_folder)))
    if (!change.starts_with("seed") && !change.starts_with("name:")) c.changes.push_back(change);
  for (const char* each : {"test", "validation"})
    if (split.empty() || split == each)
      for (MetricComparison& m : metrics_of(pairs, each)) c.metrics.push_back(std::move(m));
  if (c.metrics.empty()) throw Error(ErrorKind::data, "the runs have no metric in common", "choose another --split");
  std::map<std::string, double> of_first;
  for (const MetricComparison& m : c.metrics)
    if (m.split == c.metrics.front().split) of_first[m.metric] = m.mean_a;
  const std::string decides = metric.empty() ? deciding_metric(resolved, of_first) : metric_name(metric);
  std::vector<std::string> known;
  for (const auto& [name, value] : of_first) known.push_back(name);
  if (!of_first.contains(decides))
    throw Error(ErrorKind::usage, "neither side measured " + in_quotes(decides),
                suggest(decides, known) + " known: " + join(known));
  put_first(c.metrics, c.metrics.front().split, decides);
  predictions(pairs, c);
  c.words = comparison_words(c);
  return c;
}

Json to_json(const Comparison& c) {
  return json_object({{"a", json_object({{"name", c.name_a}, {"folder", c.folder_a}})},
                      {"b", json_object({{"name", c.name_b}, {"folder", c.folder_b}})},
                      {"seeds", json_list(c.seeds)},
                      {"only_in_a", json_list(c.only_in_a)},
                      {"only_in_b", json_list(c.only_in_b)},
                      {"changes", json_list(c.changes)},
                      {"metrics", json_list(c.metrics, metric_json)},
                      {"predictions", json_list(c.predictions,
                                                [](const PredictionComparison& p) {
                                                  return json_object({{"seed", p.seed},
                                                                      {"rows", p.rows},
                                                                      {"only_a_right", p.only_a},
                                                                      {"only_b_right", p.only_b},
                                                                      {"mcnemar_p", p.p}});
                                                })},
                      {"words", json_list(c.words)}});
}

}  // namespace tapedeck
