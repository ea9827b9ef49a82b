// Asking runs for values by name. Next: src/app/command_ls.cpp.
#include <tapedeck/study/listing.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/run/run.h>

#include "src/config/locations.h"
#include "src/run/run_folder.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

bool is_number(const Json& json) { return json.is(Json::Kind::integer) || json.is(Json::Kind::number); }
std::string plain(const Json& json) { return json.is(Json::Kind::string) ? json.string : json.dump(-1); }

/// The time so many seconds ago, as status.json writes it. A run beats every 5 seconds.
std::string utc_before(int seconds) {
  const std::time_t then = std::time(nullptr) - seconds;
  std::tm parts{};
  gmtime_r(&then, &parts);
  char buffer[32];
  return {buffer, std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

/// Means over the seeds that have a value.
void add_metrics(ListedRun& run) {
  std::map<std::string, std::vector<double>> columns;
  int64_t finished = 0;
  for (const SavedSeed& seed : run.seeds) {
    if (!seed.finished()) continue;
    ++finished;
    for (const char* part : {"best", "last", "test"})
      for (const auto& [name, value] : seed.values(part))
        if (std::isfinite(value)) columns[text(part, ".", name)].push_back(value);
    columns["seconds"].push_back(seed.seconds());
    if (const Json* steps = value_at(seed.metrics, "steps")) columns["steps"].push_back(steps->number);
  }
  for (const auto& [name, values] : columns) run.values[name] = Json::of(statistics(values).mean);
  run.values["seeds"] = Json::of(int64_t(run.seeds.size()));
  run.values["finished"] = Json::of(finished);
}

ListedRun listed(const std::string& folder) {
  ListedRun run{.folder = folder, .name = {}, .state = "unknown", .when = {}, .seeds = seeds_of_run(folder), .values = {}};
  try {
    run.values = leaves(resolved_of(folder));
  } catch (const Error&) {}  // half a file: the run is listed by its folder
  if (const auto name = run.values.find("name"); name != run.values.end()) run.name = name->second.string;
  const std::vector<std::string> stages = stage_folders(folder);
  const std::string status = (stages.empty() ? folder : stages.back()) + "/status.json";
  try {
    if (fs::exists(status)) {
      const Json json = read_json_file(status);
      if (const auto* state = json.find("state")) run.state = state->value.string;
      if (const auto* beat = json.find("heartbeat")) run.when = beat->value.string;
    }
  } catch (const Error&) {}
  if (run.state == "running" && run.when < utc_before(120)) run.state = "stopped";
  run.values["state"] = Json::of(run.state);
  run.values["folder"] = Json::of(folder);
  run.values["when"] = Json::of(run.when);
  add_metrics(run);
  return run;
}

bool holds(const std::string& relation, int order) {
  return relation == "="    ? order == 0
         : relation == "!=" ? order != 0
         : relation == ">"  ? order > 0
         : relation == "<"  ? order < 0
         : relation == ">=" ? order >= 0
                            : order <= 0;
}

bool is_metric(const ListedRun& run, const std::string& key) {
  for (const char* part : {"best.", "last.", "test."})
    if (key.starts_with(part) || run.values.contains(part + key)) return true;
  return false;
}

}  // namespace

std::vector<ListedRun> list_runs(const std::string& folder) {
  std::vector<ListedRun> runs;
  for (const std::string& run : run_folders(folder, false)) runs.push_back(listed(run));
  std::stable_sort(runs.begin(), runs.end(), [](const ListedRun& a, const ListedRun& b) { return a.when > b.when; });
  return runs;
}

const Json* value_of(const ListedRun& run, const std::string& key) {
  const std::string split = key.starts_with("validation.") ? "best." + key.substr(11) : key;
  for (const std::string& name : {split, "test." + key, "best." + key})
    if (const auto found = run.values.find(name); found != run.values.end()) return &found->second;
  std::vector<std::string> fitting;
  for (const auto& [name, value] : run.values)
    if (name.ends_with("." + key)) fitting.push_back(name);
  if (fitting.size() > 1)
    throw Error(ErrorKind::usage, in_quotes(key) + " could be " + join(fitting, " or "), "write more of the path");
  return fitting.empty() ? nullptr : &run.values.at(fitting.front());
}

Filter parse_filter(const std::string& given) {
  const size_t at = given.find_first_of("=<>!");
  if (at != std::string::npos && at > 0)
    for (const char* relation : {"!=", ">=", "<=", "==", "=", ">", "<"})
      if (given.compare(at, std::string_view(relation).size(), relation) == 0)
        return {given.substr(0, at), std::string_view(relation) == "==" ? "=" : relation,
                given.substr(at + std::string_view(relation).size())};
  throw Error(ErrorKind::usage, in_quotes(given) + " is no filter", "write KEY=VALUE, KEY>NUMBER, ...: \"accuracy>0.9\"");
}

bool Filter::keeps(const ListedRun& run) const {
  const Json* found = value_of(run, key);
  if (!found) return false;
  char* end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  if (is_number(*found) && !value.empty() && *end == '\0')
    return holds(relation, found->number < number ? -1 : found->number > number ? 1 : 0);
  const std::string is = plain(*found);
  if (relation == "=" || relation == "!=") return glob_match(value, is) == (relation == "=");
  return holds(relation, is.compare(value));
}

std::vector<ListedRun> filtered(std::vector<ListedRun> runs, const std::vector<Filter>& filters) {
  for (const Filter& filter : filters) {
    const bool known = std::any_of(runs.begin(), runs.end(), [&](const ListedRun& run) { return value_of(run, filter.key); });
    if (!known && !runs.empty()) {
      std::set<std::string> names;
      for (const ListedRun& run : runs)
        for (const auto& [name, value] : run.values) names.insert(name);
      throw Error(ErrorKind::usage, "no run has " + in_quotes(filter.key),
                  suggest(filter.key, {names.begin(), names.end()}) + " `tapedeck ls --json` names every key");
    }
    std::erase_if(runs, [&](const ListedRun& run) { return !filter.keeps(run); });
  }
  return runs;
}

void sort_runs(std::vector<ListedRun>& runs, const std::string& key, bool reverse) {
  const std::string metric = key.substr(key.find('.') + 1);
  const auto descending = [&](const ListedRun& run) { return (is_metric(run, key) && higher_is_better(metric)) != reverse; };
  std::stable_sort(runs.begin(), runs.end(), [&](const ListedRun& a, const ListedRun& b) {
    const Json *x = value_of(a, key), *y = value_of(b, key);
    if (!x || !y) return x && !y;
    const bool numbers = is_number(*x) && is_number(*y);
    const double order = numbers ? x->number - y->number : double(plain(*x).compare(plain(*y)));
    return descending(a) ? order > 0 : order < 0;
  });
}

std::vector<std::string> differing_options(const std::vector<ListedRun>& runs, size_t most) {
  std::map<std::string, std::set<std::string>> seen;
  for (const ListedRun& run : runs)
    for (const auto& [name, value] : run.values) {
      static const std::set<std::string> of_the_run = {"name", "notes", "output",   "folder",  "when",  "state",
                                                       "seed", "seeds", "finished", "seconds", "steps", "runtime.threads",
                                                       "tags"};
      const bool metric = name.starts_with("best.") || name.starts_with("last.") || name.starts_with("test.");
      if (!metric && !of_the_run.contains(name) && !name.starts_with("logging.")) seen[name].insert(plain(value));
    }
  std::vector<std::pair<size_t, std::string>> order;
  for (const auto& [name, values] : seen) {
    const std::string& option = name;  // clang 14 refuses to capture a name of a structured binding
    const auto with = std::count_if(runs.begin(), runs.end(), [&](const ListedRun& run) { return run.values.contains(option); });
    if (values.size() > 1 || size_t(with) < runs.size()) order.emplace_back(values.size(), name);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(most, order.size()); ++i) names.push_back(order[i].second);
  return names;
}

}  // namespace tapedeck
