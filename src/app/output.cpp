// What commands print: aligned tables, and the results of a run over its seeds.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>

#include <fmt/core.h>

#include <tapedeck/base/error.h>
#include <tapedeck/base/printable.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

using Values = std::map<std::string, double>;

std::vector<std::string> metric_names(const std::vector<SeedResult>& seeds) {
  std::set<std::string> names;
  for (const SeedResult& seed : seeds)
    for (const Values* part : {&seed.best, &seed.last, &seed.test})
      for (const auto& [name, value] : *part) names.insert(name);
  names.erase("step");
  return {names.begin(), names.end()};
}

std::string cell(const Values& values, const std::string& name) {
  const auto found = values.find(name);
  if (found == values.end()) return "-";
  return name == "step" ? fmt::format("{}", int64_t(found->second)) : figure(found->second);
}

std::string one_seed(const SeedResult& seed) {
  const std::vector<std::string> metrics = metric_names({seed});
  std::vector<std::string> head = {"", "step"};
  head.insert(head.end(), metrics.begin(), metrics.end());
  TableRows rows = {head};
  for (const auto& [label, values] :
       {std::pair("best (validation)", &seed.best), std::pair("last (validation)", &seed.last), std::pair("test", &seed.test)}) {
    if (values->empty()) continue;
    std::vector<std::string> row = {label, cell(*values, "step")};
    for (const std::string& metric : metrics) row.push_back(cell(*values, metric));
    rows.push_back(std::move(row));
  }
  return table(rows, "lr");
}

std::vector<double> column(const std::vector<SeedResult>& seeds, const Values SeedResult::*part, const std::string& metric) {
  std::vector<double> values;
  for (const SeedResult& seed : seeds)
    if (const auto found = (seed.*part).find(metric); seed.failure.empty() && found != (seed.*part).end())
      values.push_back(found->second);
  return values;
}

std::string several_seeds(const std::vector<SeedResult>& seeds) {
  const std::vector<std::string> metrics = metric_names(seeds);
  TableRows rows = {{"", "n", "mean", "sd", "min", "max", "95 % interval"}};
  for (const auto& [label, part] :
       {std::pair("best", &SeedResult::best), std::pair("last", &SeedResult::last), std::pair("test", &SeedResult::test)})
    for (const std::string& metric : metrics) {
      const std::vector<double> values = column(seeds, part, metric);
      if (values.empty()) continue;
      const Statistics s = statistics(values);
      rows.push_back({fmt::format("{} {}", label, metric), fmt::format("{}", s.n), figure(s.mean), s.n > 1 ? figure(s.sd) : "-",
                      figure(s.low), figure(s.high),
                      s.n > 1 ? fmt::format("{} .. {}", figure(s.interval_low), figure(s.interval_high)) : "-"});
    }
  return table(rows, "lr");
}

/// The seed that needed most.
std::string memory_line(const std::vector<SeedResult>& seeds) {
  const Values* most = nullptr;
  for (const SeedResult& seed : seeds)
    if (seed.memory.contains("peak") && (!most || seed.memory.at("peak") > most->at("peak"))) most = &seed.memory;
  return most ? "memory " + memory_text(*most) + "\n" : "";
}

std::string result_table(const RunResult& result) {
  const std::vector<SeedResult>& seeds = result.seeds;
  std::string out;
  if (seeds.size() == 1 && seeds[0].failure.empty()) {
    out += fmt::format("{}  seed {}  {} steps  {:.1f} s  ({})\n", result.name, seeds[0].seed, seeds[0].steps, seeds[0].seconds,
                       seeds[0].stop_reason) +
           one_seed(seeds[0]);
  } else {
    out += fmt::format("{}  {} seeds\n", result.name, seeds.size());
    double seconds = 0;
    for (const SeedResult& seed : seeds) {
      seconds += seed.seconds;
      if (!seed.failure.empty()) out += fmt::format("seed {} failed (exit {}): {}\n", seed.seed, seed.exit_code, seed.failure);
    }
    out += several_seeds(seeds) + fmt::format("{:.1f} s in all\n", seconds);
  }
  return out + memory_line(seeds) + fmt::format("run directory: {}\n", shown_path(result.folder));
}

}  // namespace

void print(const std::string& raw) {
  const std::string text = printable(raw);
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written && errno != EPIPE)
    throw Error(ErrorKind::data, fmt::format("cannot write the output: {}", std::strerror(errno)), "check the space on the disk");
}

void complain(const std::string& text) { fmt::print(stderr, "error: {}\n", printable(text)); }

void say(const std::string& text) { fmt::print(stderr, "{}\n", printable_message(text)); }
void remark(const std::string& text) { fmt::print(stderr, "note: {}\n", printable_message(text)); }

int print(bool as_json, const Json& json, const std::string& text) {
  print(as_json ? json.dump() + "\n" : text);
  return 0;
}

std::string memory_text(const Values& bytes) {
  const auto mib = [&](const std::string& name) { return bytes.contains(name) ? bytes.at(name) / (1 << 20) : 0; };
  std::string parts;
  for (std::string_view name : memory_names)
    if (const double size = mib(std::string(name)); size >= 0.05)
      parts += fmt::format("{}{} {:.1f}", parts.empty() ? "" : ", ", name, size);
  return fmt::format("{:.1f} MiB at the peak ({}), resident {:.0f} MiB", mib("peak"), parts, mib("resident_peak"));
}

std::string figure(double value) { return std::isfinite(value) ? fmt::format("{:.4f}", value) : "-"; }

std::string shown_path(const std::string& path) {
  std::error_code problem;
  const auto here = std::filesystem::current_path(problem), near = std::filesystem::relative(path, here, problem);
  return problem || near.empty() || near.string().starts_with("..") ? path : near.string();
}

Json values_json(const std::map<std::string, double>& values) {
  Json json = Json::dict();
  for (const auto& [name, value] : values) json.set(name, name == "step" ? Json::of(int64_t(value)) : Json::of(value));
  return json;
}

int report(const RunResult& result) {
  if (result.exit_code >= 128) return result.exit_code;
  try_report(result.folder);
  print(result_table(result));
  const auto failed =
      std::count_if(result.seeds.begin(), result.seeds.end(), [](const SeedResult& seed) { return !seed.failure.empty(); });
  if (failed)
    complain(fmt::format("{} of {} seeds failed; the rest is summarised, and `tapedeck resume` tries the failed ones again",
                         failed, result.seeds.size()));
  return result.exit_code;
}

}  // namespace tapedeck::app
