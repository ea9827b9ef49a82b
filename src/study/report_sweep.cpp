// The report of a sweep, from its sweep.json: the table of points, and how what varied moved the goal. Next: report.cpp.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>

#include <tapedeck/base/error.h>
#include <tapedeck/study/sweep.h>

#include "src/config/locations.h"
#include "src/run/run_folder.h"
#include "src/study/report_page.h"
#include "src/study/report_parts.h"
#include "src/study/sweep_parts.h"

namespace tapedeck {
namespace {

std::string said(const Json& json, const char* key) {
  const Json* value = value_at(json, key);
  return value ? value->string : "";
}

std::vector<std::string> strings(const Json& json, const char* key) {
  std::vector<std::string> all;
  if (const Json* list = value_at(json, key))
    for (const Json& item : list->items) all.push_back(item.string);
  return all;
}

/// The plan that the folder remembers, with what its runs have come to.
SweepPlan remembered(const std::string& folder) {
  const Json json = read_json_file(folder + "/sweep.json");
  SweepPlan plan;
  plan.folder = folder, plan.name = said(json, "name"), plan.type = said(json, "type"), plan.goal = said(json, "goal");
  plan.keys = strings(json, "keys");
  if (const Json* higher = value_at(json, "goal_is_higher")) plan.goal_is_higher = higher->boolean;
  if (const Json* points = value_at(json, "points"))
    for (const Json& point : points->items) {
      SweepPoint& sets = plan.points.emplace_back();
      for (const Json& set : point.items) sets.push_back(set.string);
    }
  if (const Json* seeds = value_at(json, "seeds"))
    for (const Json& seed : seeds->items) plan.seeds.push_back(uint64_t(seed.integer));
  if (const Json* rungs = value_at(json, "rungs"))
    for (const Json& rung : rungs->items)
      plan.rungs.push_back({value_at(rung, "share")->number, value_at(rung, "points")->integer});
  if (const Json* trials = value_at(json, "trials"))
    for (const Json& t : trials->items) {
      Trial& trial = plan.trials.emplace_back();
      trial.point = size_t(value_at(t, "point")->integer), trial.rung = size_t(value_at(t, "rung")->integer);
      trial.seed = uint64_t(value_at(t, "seed")->integer), trial.sets = strings(t, "sets");
      trial.folder = said(t, "folder"), trial.state = said(t, "state"), trial.problem = said(t, "problem");
      if (trial.point >= plan.points.size() || trial.rung >= plan.rungs.size())
        throw Error(ErrorKind::data, folder + "/sweep.json names a point that it does not have", "run the sweep again");
      const std::string state = trial.state;
      if (!trial.folder.empty()) look_for(trial);
      if (trial.state == "missing") trial.state = state;
    }
  return plan;
}

std::string value_in(const SweepPoint& point, const std::string& key) {
  for (const std::string& set : point)
    if (set.starts_with(key + "=")) return set.substr(key.size() + 1);
  return "";
}

/// Each run against one of the keys, and the mean of every value.
Chart chart_of(const SweepPlan& plan, const std::string& key) {
  Chart chart{.title = plan.goal + " by " + key, .x = key, .y = plan.goal, .series = {}, .log_x = false, .names = {}};
  std::map<std::string, double> places;
  bool numbers = true;
  double low = INFINITY, high = -INFINITY;
  std::vector<std::string> order;
  for (const SweepPoint& point : plan.points) {
    const std::string value = value_in(point, key);
    if (std::find(order.begin(), order.end(), value) == order.end()) order.push_back(value);
    char* end = nullptr;
    const double number = std::strtod(value.c_str(), &end);
    numbers &= !value.empty() && *end == '\0' && std::isfinite(number);
    low = std::min(low, number), high = std::max(high, number);
  }
  chart.log_x = numbers && low > 0 && high / low >= 20;
  for (size_t i = 0; i < order.size(); ++i) {
    places[order[i]] = numbers ? std::strtod(order[i].c_str(), nullptr) : double(i);
    if (!numbers) chart.names.emplace_back(double(i), order[i]);
  }
  Points runs;
  std::map<double, std::vector<double>> at;
  for (const Trial& trial : plan.trials) {
    const auto values = trial.saved.values("best");
    if (trial.state != "finished" || trial.rung + 1 != plan.rungs.size() || !values.contains(plan.goal)) continue;
    const double x = places[value_in(plan.points[trial.point], key)], y = values.at(plan.goal);
    runs.emplace_back(x, y);
    if (std::isfinite(y)) at[x].push_back(y);
  }
  std::sort(runs.begin(), runs.end());
  Points means;
  for (const auto& [x, values] : at) means.emplace_back(x, statistics(values).mean);
  chart.series = {{"mean of a value", {means}, false}, {"a run", {runs}, true}};
  return chart;
}

std::string with_sd(const Statistics& s) {
  return s.n == 0 ? "-" : s.n == 1 ? html_figure(s.mean) : html_figure(s.mean) + " ± " + html_figure(s.sd);
}

}  // namespace

std::string report_of_sweep(const std::string& folder) {
  const SweepPlan plan = remembered(folder);
  const std::vector<SweepRow> rows = sweep_rows(plan);
  std::vector<std::vector<std::string>> table = {plan.keys};
  table[0].insert(table[0].end(), {"n", "validation " + plan.goal, "test " + plan.goal, "seconds", "failed"});
  if (plan.rungs.size() > 1) table[0].emplace_back("share of the duration");
  constexpr size_t most = 500;
  for (size_t i = 0; i < std::min(most, rows.size()); ++i) {
    const SweepRow& row = rows[i];
    auto& cells = table.emplace_back();
    for (const std::string& key : plan.keys) cells.push_back(value_in(plan.points[row.point], key));
    cells.insert(cells.end(), {text(row.goal.n), with_sd(row.goal), with_sd(row.test), text(row.seconds), text(row.failed)});
    if (plan.rungs.size() > 1) cells.push_back(html_figure(plan.rungs[row.rung].share));
  }
  std::string body = text("<p class=\"quiet\">", escaped_html(folder), "</p>\n<p>", plan.points.size(), " points, ",
                          plan.seeds.size(), plan.seeds.size() == 1 ? " seed" : " seeds", " each (", plan.type,
                          "). The best on validation comes first; it was chosen among many, so believe its test value.</p>\n");
  body += html_table(table, "mean ± standard deviation over seeds");
  std::vector<Chart> charts;
  for (const std::string& key : plan.keys) charts.push_back(chart_of(plan, key));
  int number = 1;
  body += chart_section(charts, number);
  table = {{"run", "message"}};
  for (const Trial& trial : plan.trials)
    if (!trial.problem.empty() && trial.state != "finished" && table.size() < 50)
      table.push_back({point_text(plan.points[trial.point]) + text(" seed ", trial.seed), trial.problem.substr(0, 600)});
  if (table.size() > 1) body += "<h2>What failed</h2>\n" + html_table(table, "", "text");
  for (const Trial& trial : plan.trials)
    if (!rows.empty() && trial.point == rows.front().point && trial.state == "finished") {
      body += config_section(trial.saved.run_folder);
      break;
    }
  return html_page(plan.name + ": sweep", body);
}

}  // namespace tapedeck
