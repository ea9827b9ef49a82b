// Numbers over seeds. Why an interval and not only a mean: five seeds differ by more than most methods do.
// Next: src/app/output.cpp prints the same figures.
#include "src/run/summary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/train/checkpoint.h>

#include "src/run/run_folder.h"
#include "src/train/checked_json.h"

namespace tapedeck {
namespace {

using Values = std::map<std::string, double>;

/// The 97.5 % quantile of Student's t. Table up to 30 degrees of freedom, then the expansion of Cornish and Fisher.
double t_quantile(int64_t degrees) {
  constexpr double table[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                              2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                              2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
  if (degrees <= 30) return table[degrees - 1];
  const double z = 1.959964, n = double(degrees);
  return z + (z * z * z + z) / (4 * n) + (5 * std::pow(z, 5) + 16 * z * z * z + 3 * z) / (96 * n * n);
}

Json to_json(const Values& values) {
  Json json = Json::dict();
  for (const auto& [name, value] : values) json.set(name, name == "step" ? Json::of(int64_t(value)) : Json::of(value));
  return json;
}

Values to_values(const Json& json, const char* key, const std::string& path) {
  const Json::Member* member = json.find(key);
  if (!member) throw Error(ErrorKind::data, path + " has no " + key, "run the experiment again");
  Values values;
  for (const Json::Member& m : member->value.members)
    values[m.key] = m.value.is(Json::Kind::null) ? std::numeric_limits<double>::quiet_NaN() : m.value.number;
  return values;
}

Json statistics_json(const std::vector<double>& values) {
  const Statistics s = statistics(values);
  Json json = Json::dict();
  json.set("n", Json::of(s.n));
  json.set("mean", Json::of(s.mean));
  json.set("sd", s.n > 1 ? Json::of(s.sd) : Json{});
  json.set("min", Json::of(s.low));
  json.set("max", Json::of(s.high));
  Json interval = Json::list();
  interval.items = {Json::of(s.interval_low), Json::of(s.interval_high)};
  json.set("interval_95", s.n > 1 ? interval : Json{});
  return json;
}

Json over_seeds(const std::vector<SeedResult>& seeds, const Values SeedResult::*part) {
  std::map<std::string, std::vector<double>> columns;
  for (const SeedResult& seed : seeds)
    if (seed.failure.empty())
      for (const auto& [name, value] : seed.*part) columns[name].push_back(value);
  Json json = Json::dict();
  for (const auto& [name, values] : columns) json.set(name, statistics_json(values));
  return json;
}

}  // namespace

Statistics statistics(const std::vector<double>& values) {
  Statistics s;
  s.n = int64_t(values.size());
  if (values.empty()) return s;
  for (double v : values) s.mean += v / double(s.n);
  double squares = 0;
  for (double v : values) squares += (v - s.mean) * (v - s.mean);
  s.low = *std::min_element(values.begin(), values.end());
  s.high = *std::max_element(values.begin(), values.end());
  s.interval_low = s.interval_high = s.mean;
  if (s.n < 2) return s;
  s.sd = std::sqrt(squares / double(s.n - 1));
  const double half = t_quantile(s.n - 1) * s.sd / std::sqrt(double(s.n));
  s.interval_low = s.mean - half;
  s.interval_high = s.mean + half;
  return s;
}

Values memory_values(const MemoryUse& use) {
  Values values{{"peak", double(total(use.peak))}, {"resident_peak", double(use.resident_peak)}};
  for (size_t i = 0; i < memory_names.size(); ++i) values.emplace(memory_names[i], double(use.peak[i]));
  return values;
}

void write_metrics(const std::string& seed_folder, const TrainResult& trained, uint64_t seed, const ClassReports& classes,
                   Json data) {
  Json json = Json::dict();
  json.set("best", to_json(trained.best));
  json.set("last", to_json(trained.last));
  json.set("test", to_json(trained.test));
  if (!classes.empty()) {
    Json all = Json::dict();
    for (const auto& [split, report] : classes) all.set(split, report.json());
    json.set("classes", std::move(all));
  }
  json.set("seed", Json::of(int64_t(seed)));
  json.set("steps", Json::of(trained.steps));
  json.set("epochs", Json::of(trained.epochs));
  json.set("stop_reason", Json::of(trained.stop_reason));
  json.set("data", std::move(data));
  Json timings = Json::dict();
  timings.set("seconds", Json::of(trained.seconds));
  json.set("timings", std::move(timings));
  Json memory = Json::dict();
  for (const auto& [name, bytes] : memory_values(trained.memory)) memory.set(name, Json::of(int64_t(bytes)));
  json.set("memory", std::move(memory));
  write_file_atomically(seed_folder + "/metrics.json", with_checksum(std::move(json)));
}

SeedResult read_seed_result(const std::string& seed_folder, uint64_t seed) {
  const std::string path = seed_folder + "/metrics.json";
  const Json json = read_checked_json(path);
  SeedResult result{.seed = seed, .folder = seed_folder};
  result.best = to_values(json, "best", path);
  result.last = to_values(json, "last", path);
  result.test = to_values(json, "test", path);
  if (const auto* reason = json.find("stop_reason")) result.stop_reason = reason->value.string;
  if (const auto* steps = json.find("steps")) result.steps = steps->value.integer;
  if (json.find("memory")) result.memory = to_values(json, "memory", path);
  if (const auto* timings = json.find("timings"))
    if (const auto* seconds = timings->value.find("seconds")) result.seconds = seconds->value.number;
  return result;
}

void write_summary(const std::string& run_folder, const std::vector<SeedResult>& seeds) {
  Json json = Json::dict();
  Json good = Json::list(), failed = Json::list();
  for (const SeedResult& seed : seeds) {
    if (seed.failure.empty()) {
      good.items.push_back(Json::of(int64_t(seed.seed)));
      continue;
    }
    Json entry = Json::dict();
    entry.set("seed", Json::of(int64_t(seed.seed)));
    entry.set("exit_code", Json::of(seed.exit_code));
    entry.set("error", Json::of(seed.failure));
    failed.items.push_back(std::move(entry));
  }
  json.set("n", Json::of(int64_t(good.items.size())));
  json.set("seeds", std::move(good));
  json.set("failed", std::move(failed));
  json.set("best", over_seeds(seeds, &SeedResult::best));
  json.set("last", over_seeds(seeds, &SeedResult::last));
  json.set("test", over_seeds(seeds, &SeedResult::test));
  write_file_atomically(run_folder + "/summary.json", json.dump() + "\n");
}

}  // namespace tapedeck
