// What a sweep leaves in its folder, written after each rung: its plan with the state of every run, and a table of them. Next:
// sweep.cpp.
#include <filesystem>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json_build.h>
#include <tapedeck/train/checkpoint.h>

#include "src/run/run_folder.h"
#include "src/study/csv.h"
#include "src/study/sweep_parts.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

Json trial_json(const SweepPlan& plan, const Trial& trial) {
  Json json = json_object({{"point", trial.point},
                           {"rung", trial.rung},
                           {"share", plan.rungs[trial.rung].share},
                           {"seed", trial.seed},
                           {"sets", json_list(trial.sets)},
                           {"hash", trial.hash},
                           {"folder", trial.folder},
                           {"state", trial.state}});
  if (!trial.problem.empty()) json.set("problem", Json::of(trial.problem));
  return json;
}

/// A name that every file system takes.
std::string folder_name(const Trial& trial, const SweepPlan& plan) {
  std::string name = text(trial.point + 1, " ", point_text(plan.points[trial.point]));
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && std::string_view("._=,+-").find(c) == std::string_view::npos) c = '_';
  if (plan.rungs.size() > 1) name += text("_rung-", trial.rung + 1);
  return name.substr(0, 120);
}

void link_to(const fs::path& target, const fs::path& link) {
  std::error_code ignored;
  fs::create_directories(link.parent_path(), ignored);
  fs::remove(link, ignored);
  fs::create_directory_symlink(fs::relative(target, link.parent_path(), ignored), link, ignored);
}

std::string value_in(const Trial& trial, const std::string& key) {
  for (const std::string& set : trial.sets)
    if (set.starts_with(key + "=")) return set.substr(key.size() + 1);
  return "";
}

std::string results(const SweepPlan& plan) {
  std::set<std::pair<std::string, std::string>> metrics;
  for (const Trial& trial : plan.trials)
    for (const char* part : {"best", "test"})
      for (const auto& [name, value] : trial.saved.values(part)) metrics.emplace(part, name);
  std::vector<std::string> head = plan.keys;
  head.insert(head.end(), {"seed", "share", "state", "seconds", "folder"});
  for (const auto& [part, name] : metrics) head.push_back(part + "." + name);
  std::string out = csv_row(head);
  for (const Trial& trial : plan.trials) {
    std::vector<std::string> row;
    for (const std::string& key : plan.keys) row.push_back(value_in(trial, key));
    const bool finished = trial.state == "finished";
    row.insert(row.end(), {text(trial.seed), csv_number(plan.rungs[trial.rung].share), trial.state,
                           finished ? csv_number(trial.saved.seconds()) : "", trial.folder});
    for (const auto& [part, name] : metrics) {
      const auto values = trial.saved.values(part);
      row.push_back(values.contains(name) ? csv_number(values.at(name)) : "");
    }
    out += csv_row(row);
  }
  return out;
}

}  // namespace

void write_sweep(const SweepPlan& plan) {
  make_folder(plan.folder);
  Json points = Json::list();
  for (const SweepPoint& point : plan.points) points.items.push_back(json_list(point));
  const Json json = json_object({{"name", plan.name},
                                 {"file", plan.file},
                                 {"type", plan.type},
                                 {"goal", plan.goal},
                                 {"goal_is_higher", plan.goal_is_higher},
                                 {"keys", json_list(plan.keys)},
                                 {"seeds", json_list(plan.seeds)},
                                 {"points", std::move(points)},
                                 {"rungs", json_list(plan.rungs,
                                                     [](const SweepRung& rung) {
                                                       return json_object({{"share", rung.share}, {"points", rung.points}});
                                                     })},
                                 {"trials", json_list(plan.trials, [&](const Trial& t) { return trial_json(plan, t); })}});
  write_file_atomically(plan.folder + "/sweep.json", json.dump() + "\n");
  write_file_atomically(plan.folder + "/results.csv", results(plan));
  for (const Trial& trial : plan.trials)
    if (trial.state == "finished")
      link_to(trial.folder, fs::path(plan.folder) / folder_name(trial, plan) / text("seed-", trial.seed));
  link_to(plan.folder, fs::path(plan.root) / "latest-sweep");
}

}  // namespace tapedeck
