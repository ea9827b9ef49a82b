// The report by class: as JSON for metrics.json and `eval --json`, as text for `eval`. Next: src/run/predictions.cpp.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>

#include <tapedeck/base/json_build.h>
#include <tapedeck/base/table.h>
#include <tapedeck/base/words.h>
#include <tapedeck/train/class_metrics.h>

namespace tapedeck {
namespace {

constexpr size_t widest_matrix = 12;  // classes whose confusions still fit beside each other

/// A name from the data, for a terminal.
std::string shown(const std::string& name) {
  const std::string quoted = in_quotes(name);
  return quoted.substr(1, quoted.size() - 2);
}

std::string figure(double value) {
  if (!std::isfinite(value)) return "-";
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4f", value);
  return buffer;
}

std::vector<std::vector<int64_t>> confusion_of(const Predictions& p, size_t classes) {
  std::vector<std::vector<int64_t>> table(classes, std::vector<int64_t>(classes));
  for (size_t i = 0; i < p.label.size(); ++i)
    if (p.label[i] >= 0) ++table[size_t(p.label[i])][size_t(p.predicted[i])];
  return table;
}

ClassReport report_of(const ClassCounts& counts, const std::function<std::string(int32_t)>& name) {
  ClassReport report;
  for (size_t c = 0; c < counts.size(); ++c)
    report.rows.push_back({name(int32_t(c)), rate_of(counts, c, Rate::precision), rate_of(counts, c, Rate::recall),
                           rate_of(counts, c, Rate::f1), undefined, undefined, int64_t(counts.labelled[c]),
                           int64_t(counts.predicted[c])});
  return report;
}

bool any_label(const ClassReport& report) {
  return std::ranges::any_of(report.rows, [](const ClassReport::Row& row) { return row.support > 0; });
}

}  // namespace

std::optional<ClassReport> class_report(const Task& task, const Predictions& p) {
  if (task.labels.empty()) return std::nullopt;
  if (task.gives(Form::spans)) {
    ClassReport spans = report_of(span_counts(p), [&](int32_t type) { return task.span_name(type); });
    std::erase_if(spans.rows, [](const ClassReport::Row& row) { return row.support + row.predicted == 0; });
    if (any_label(spans)) return spans;
  }
  if (!task.gives(Form::classes) && !task.gives(Form::tokens) && !task.gives(Form::sets)) return std::nullopt;
  const ClassCounts counts = class_counts(p);
  if (counts.size() != task.labels.size()) return std::nullopt;
  ClassReport report = report_of(counts, [&](int32_t c) { return task.labels[size_t(c)]; });
  if (!any_label(report)) return std::nullopt;
  for (size_t c = 0; c < counts.size(); ++c)
    if (const auto one = one_against_rest(p, c)) {
      report.ranked = true;
      report.rows[c].roc_auc = roc_auc(one->scores, one->positive);
      report.rows[c].average_precision = average_precision(one->scores, one->positive);
    }
  if (!counts.sets) report.confusion = confusion_of(p, counts.size());
  return report;
}

Json ClassReport::json() const {
  Json classes = Json::dict();
  for (const Row& row : rows) {
    Json one = json_object({{"precision", row.precision}, {"recall", row.recall}, {"f1", row.f1}});
    if (ranked) one.set("roc_auc", Json::of(row.roc_auc)), one.set("average_precision", Json::of(row.average_precision));
    one.set("support", Json::of(row.support));
    one.set("predicted", Json::of(row.predicted));
    classes.set(row.name, std::move(one));
  }
  Json json = json_object({{"per_class", std::move(classes)}});
  if (!confusion.empty())
    json.set("confusion_matrix", json_list(confusion, [](const std::vector<int64_t>& row) { return json_list(row); }));
  return json;
}

std::string ClassReport::text() const {
  TableRows table_rows = {{"class", "precision", "recall", "f1"}};
  if (ranked) table_rows[0].insert(table_rows[0].end(), {"roc_auc", "average_precision"});
  table_rows[0].insert(table_rows[0].end(), {"support", "predicted"});
  for (const Row& row : rows) {
    table_rows.push_back({shown(row.name), figure(row.precision), figure(row.recall), figure(row.f1)});
    if (ranked) table_rows.back().insert(table_rows.back().end(), {figure(row.roc_auc), figure(row.average_precision)});
    table_rows.back().insert(table_rows.back().end(), {std::to_string(row.support), std::to_string(row.predicted)});
  }
  std::string out = table(table_rows, "lr");
  if (confusion.empty() || confusion.size() > widest_matrix) return out;
  TableRows matrix = {{"label \\ predicted"}};
  for (const Row& row : rows) matrix[0].push_back(shown(row.name));
  for (size_t c = 0; c < rows.size(); ++c) {
    matrix.push_back({shown(rows[c].name)});
    for (const int64_t count : confusion[c]) matrix.back().push_back(std::to_string(count));
  }
  return out + table(matrix, "lr");
}

std::string ClassReport::warning() const {
  std::vector<std::string> never;
  for (const Row& row : rows)
    if (row.support > 0 && row.predicted == 0) never.push_back(in_quotes(row.name));
  if (never.empty()) return "";
  const size_t count = never.size();
  if (count > 8) never.resize(8), never.push_back("...");
  return tapedeck::text(count, count == 1 ? " class is" : " classes are", " never predicted: ", join(never),
                        " (their precision, recall and F1 count as 0)");
}

}  // namespace tapedeck
