// From records to lines. Next: report.cpp.
#include "src/study/curves.h"

#include <algorithm>

namespace tapedeck {
namespace {

constexpr size_t most_charts = 14;

bool starts(const std::string& name, const char* with) { return name.starts_with(with); }

void add(std::vector<Chart>& charts, const std::vector<std::pair<std::string, Curves>>& sides, const std::string& title,
         const std::vector<std::string>& names) {
  Chart chart{.title = title, .x = "step", .y = title, .series = {}, .log_x = false, .names = {}};
  for (const auto& [side, curves] : sides)
    for (const std::string& name : names)
      if (const auto found = curves.find(name); found != curves.end())
        chart.series.push_back({sides.size() > 1 ? side + (names.size() > 1 ? ", " + name : "") : name, found->second, false});
  if (!chart.series.empty() && charts.size() < most_charts) charts.push_back(std::move(chart));
}

}  // namespace

Curves curves_of(const std::vector<SavedSeed>& seeds) {
  Curves curves;
  for (const SavedSeed& seed : seeds) {
    std::map<std::string, Points> lines;
    for (const Json& record : json_lines(seed.folder + "/metrics.jsonl")) {
      const auto *step = record.find("step"), *split = record.find("split");
      if (!step || !split || split->value.string == "test") continue;
      for (const Json::Member& m : record.members)
        if ((m.value.is(Json::Kind::number) || m.value.is(Json::Kind::integer)) && m.key != "step" && m.key != "t" &&
            m.key != "epoch")
          lines[split->value.string + " " + m.key].emplace_back(step->value.number, m.value.number);
    }
    for (auto& [name, line] : lines) curves[name].push_back(std::move(line));
  }
  return curves;
}

std::vector<Chart> charts_of(const std::vector<std::pair<std::string, Curves>>& sides) {
  std::vector<Chart> charts;
  std::vector<std::string> metrics, reports;
  for (const auto& [side, curves] : sides)
    for (const auto& [name, lines] : curves) {
      if (starts(name, "validation ") && name != "validation loss") metrics.push_back(name);
      if (starts(name, "train ")) reports.push_back(name);
    }
  for (auto* names : {&metrics, &reports}) {
    std::sort(names->begin(), names->end());
    names->erase(std::unique(names->begin(), names->end()), names->end());
  }
  if (sides.size() == 1) {
    add(charts, sides, "loss", {"train loss", "validation loss"});
  } else {
    add(charts, sides, "validation loss", {"validation loss"});
    add(charts, sides, "train loss", {"train loss"});
  }
  for (const std::string& name : metrics) add(charts, sides, name, {name});
  add(charts, sides, "learning rate", {"train lr"});
  add(charts, sides, "gradient norm", {"train grad_norm"});
  for (const std::string& name : reports)
    if (name != "train loss" && name != "train lr" && name != "train grad_norm" && name != "train examples_per_s")
      add(charts, sides, name, {name});
  return charts;
}

}  // namespace tapedeck
