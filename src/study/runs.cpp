// Looking for runs. A folder of any shape may be given: nothing here may fail because one of many runs is half written.
// Next: compare.cpp.
#include <tapedeck/study/runs.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/train/metrics.h>

#include "src/config/locations.h"
#include "src/run/run_folder.h"
#include "src/train/checked_json.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;
constexpr int deepest = 6;  // runs/NAME/sweep-HASH/POINT/seed-N

bool is_run(const fs::path& folder) {
  std::error_code problem;
  return fs::exists(folder / "resolved.json", problem);
}

std::vector<fs::path> folders_in(const fs::path& folder, bool links) {
  std::vector<fs::path> found;
  std::error_code problem;
  for (fs::directory_iterator at(folder, problem), end; !problem && at != end; at.increment(problem)) {
    if (!at->is_directory(problem) || (at->is_symlink(problem) && (!links || at->path().filename() == "latest"))) continue;
    found.push_back(at->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

void collect(const fs::path& folder, bool links, int depth, std::vector<std::string>& found) {
  if (is_run(folder)) return found.push_back(folder.string());
  if (depth == deepest) return;
  for (const fs::path& child : folders_in(folder, links)) collect(child, links, depth + 1, found);
}

SavedSeed seed_in(const fs::path& folder, const std::string& run_folder) {
  SavedSeed seed{.folder = folder.string(), .run_folder = run_folder, .metrics = {}};
  try {
    if (fs::exists(folder / "metrics.json")) seed.metrics = read_checked_json((folder / "metrics.json").string());
  } catch (const Error&) {}
  const std::string name = folder.filename().string();
  if (const auto* number = seed.metrics.find("seed")) seed.seed = uint64_t(number->value.integer);
  else if (name.starts_with("seed-")) seed.seed = std::strtoull(name.c_str() + 5, nullptr, 10);
  else if (const Json resolved = resolved_of(run_folder); const Json* given = value_at(resolved, "seed"))
    seed.seed = uint64_t(given->integer);
  return seed;
}

void flatten(const Json& json, const std::string& path, std::map<std::string, Json>& all) {
  if (!json.is(Json::Kind::object)) all[path] = json;
  for (const Json::Member& member : json.members) flatten(member.value, path.empty() ? member.key : path + "." + member.key, all);
}

}  // namespace

std::map<std::string, double> SavedSeed::values(const std::string& part) const {
  std::map<std::string, double> all;
  if (const Json::Member* member = metrics.find(part))
    for (const Json::Member& m : member->value.members)
      if (m.key != "step") all[m.key] = m.value.is(Json::Kind::null) ? std::numeric_limits<double>::quiet_NaN() : m.value.number;
  return all;
}

double SavedSeed::seconds() const {
  const Json* value = value_at(metrics, "timings.seconds");
  return value ? value->number : 0;
}

std::string find_run(const std::string& name, const std::string& root) {
  std::error_code problem;
  const auto newest = [&](const fs::path& folder) {
    const fs::path link = folder / "latest";
    if (fs::is_directory(link, problem)) return fs::canonical(link, problem).string();
    if (std::ifstream in(link); in.is_open() && fs::is_regular_file(link, problem)) {  // where links are impossible
      std::string target;
      std::getline(in, target);
      return (folder / target).string();
    }
    return folder.string();
  };
  if (fs::is_directory(name, problem)) return is_run(name) ? name : newest(name);
  const fs::path below = fs::path(root) / name;
  if (!name.empty() && fs::is_directory(below, problem)) return newest(below);
  std::vector<std::string> known;
  for (const fs::path& folder : folders_in(root, false)) known.push_back(folder.filename().string());
  const std::string near = suggest(name, known);
  throw Error(ErrorKind::usage, "there is no run " + in_quotes(name),
              near.empty() ? "give a run folder, a folder of runs, or the name of an experiment in " + root +
                                 (known.empty() ? "" : ": " + join(known))
                           : near);
}

std::vector<std::string> run_folders(const std::string& folder, bool links) {
  std::vector<std::string> found;
  collect(folder, links, 0, found);
  return found;
}

std::vector<SavedSeed> seeds_of_run(const std::string& run_folder) {
  const std::vector<std::string> stages = stage_folders(run_folder);
  const fs::path folder = stages.empty() ? run_folder : stages.back();
  std::vector<SavedSeed> seeds;
  for (const fs::path& child : folders_in(folder, true))
    if (child.filename().string().starts_with("seed-")) seeds.push_back(seed_in(child, folder.string()));
  if (seeds.empty() && is_run(folder)) seeds.push_back(seed_in(folder, folder.string()));
  std::sort(seeds.begin(), seeds.end(), [](const SavedSeed& a, const SavedSeed& b) { return a.seed < b.seed; });
  return seeds;
}

std::vector<SavedSeed> finished_seeds(const std::string& folder) {
  std::vector<SavedSeed> all;
  for (const std::string& run : run_folders(folder, true))
    for (SavedSeed& seed : seeds_of_run(run)) {
      if (!seed.finished()) continue;
      const auto same = std::find_if(all.begin(), all.end(), [&](const SavedSeed& other) { return other.seed == seed.seed; });
      if (same != all.end())
        throw Error(ErrorKind::usage,
                    text(folder, " holds seed ", seed.seed, " more than once: ", same->folder, " and ", seed.folder),
                    "name one run, or a folder in which every seed is once");
      all.push_back(std::move(seed));
    }
  if (all.empty()) throw Error(ErrorKind::data, folder + " holds no finished run", "see `tapedeck ls " + folder + "`");
  std::sort(all.begin(), all.end(), [](const SavedSeed& a, const SavedSeed& b) { return a.seed < b.seed; });
  return all;
}

Json resolved_of(const std::string& run_folder) {
  const std::string path = run_folder + "/resolved.json";
  return fs::exists(path) ? read_checked_json(path) : Json::dict();
}

std::map<std::string, Json> leaves(const Json& tree) {
  std::map<std::string, Json> all;
  flatten(tree, "", all);
  return all;
}

std::string deciding_metric(const Json& resolved, const std::map<std::string, double>& values) {
  std::vector<std::string> wanted;
  if (const Json* best = value_at(resolved, "evaluation.best")) wanted.push_back(metric_name(best->string));
  if (const Json* names = value_at(resolved, "evaluation.metrics"); names && !names->items.empty())
    wanted.push_back(metric_name(names->items.front().string));
  for (const char* usual : {"accuracy", "spearman"}) wanted.emplace_back(usual);
  for (const std::string& name : wanted)
    if (values.contains(name)) return name;
  for (const auto& [name, value] : values)
    if (name != "loss") return name;
  return "loss";
}

bool higher_is_better(const std::string& metric) {
  const auto* entry = Registry<Metric>::find(metric.substr(0, metric.find('@')));
  return entry ? entry->make()->higher_is_better() : metric != "loss";
}

std::vector<Json> json_lines(const std::string& path) {
  std::vector<Json> rows;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) try {
      rows.push_back(parse_json(line, path));
    } catch (const Error&) {}
  return rows;
}

}  // namespace tapedeck
