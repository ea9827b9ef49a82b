// The experiment written back: every value in force, its hash, and what a resumed run may change (docs/guide/run.md).
// Next: src/run/run_folder.cpp, which keeps them.
#include <algorithm>
#include <filesystem>
#include <map>

#include <tapedeck/base/error.h>
#include <tapedeck/config/config.h>

#include "src/config/locations.h"
#include "src/config/sha256.h"

namespace tapedeck {
namespace {

// What a run may change when it goes on, and what therefore does not count as another configuration.
constexpr const char* free_options[] = {
    "logging", "notes", "tags", "output", "runtime.threads", "training.duration", "training.time_limit", "training.recompute"};

void erase_at(Json& tree, std::string_view path) {
  const size_t dot = path.find('.');
  if (dot == std::string_view::npos) std::erase_if(tree.members, [&](const Json::Member& m) { return m.key == path; });
  else if (Json::Member* member = tree.find(path.substr(0, dot))) erase_at(member->value, path.substr(dot + 1));
}

/// null stands for "not set", and reading treats it so; leaving it out reads better.
void erase_nulls(Json& json) {
  std::erase_if(json.members, [](const Json::Member& m) { return m.value.is(Json::Kind::null); });
  for (Json::Member& member : json.members) erase_nulls(member.value);
  for (Json& item : json.items) erase_nulls(item);
}

void flatten(const Json& json, const std::string& path, std::map<std::string, std::string>& leaves) {
  if (!json.is(Json::Kind::object)) leaves[path] = json.dump(-1);
  for (const Json::Member& member : json.members)
    flatten(member.value, path.empty() ? member.key : path + "." + member.key, leaves);
}

/// Binding replaced ${seed} by one of the seeds and made paths absolute; here the variable comes back.
void put_seed_back(const Json& tree, Json& resolved) {
  namespace fs = std::filesystem;
  if (tree.is(Json::Kind::string) && tree.string.find("${seed}") != std::string::npos) {
    const bool made_absolute =
        resolved.is(Json::Kind::string) && fs::path(resolved.string).is_absolute() && !fs::path(tree.string).is_absolute();
    const fs::path folder = made_absolute && tree.where.source ? tree.where.source->directory : "";
    resolved = Json::of(made_absolute ? fs::absolute(folder / tree.string).lexically_normal().string() : tree.string);
  }
  for (size_t i = 0; i < std::min(tree.items.size(), resolved.items.size()); ++i) put_seed_back(tree.items[i], resolved.items[i]);
  for (const Json::Member& member : tree.members)
    if (Json::Member* same = resolved.find(member.key)) put_seed_back(member.value, same->value);
}

Json without_free_options(Json tree) {
  for (const char* path : free_options) erase_at(tree, path);
  return tree;
}

}  // namespace

Json resolved_tree(ExperimentConfig& config, const Json& given) {
  Json tree = Json::dict();
  tree.set("format", Json::of(1));
  for (Json::Member& member : write_fields(config).members) tree.set(member.key, std::move(member.value));
  erase_nulls(tree);
  erase_at(tree, "sweep");
  for (const char* path : {"notes", "tags", "seeds", "freeze", "training.recompute", "evaluation.best", "evaluation.direction"}) {
    const Json* value = value_at(tree, path);
    if (value && value->string.empty() && value->items.empty()) erase_at(tree, path);
  }
  put_seed_back(given, tree);
  return tree;
}

Json resolved_stages(const std::string& name, const std::vector<std::pair<std::string, Json>>& stages) {
  Json tree = stages.front().second, list = Json::list();
  const auto differs = [&](const Json::Member& member) {
    return std::any_of(stages.begin(), stages.end(), [&](const auto& stage) {
      const Json::Member* same = stage.second.find(member.key);
      return !same || same->value.dump(-1) != member.value.dump(-1);
    });
  };
  std::erase_if(tree.members, differs);
  for (const auto& [stage, resolved] : stages) {
    Json own = Json::dict();
    own.set("name", Json::of(stage));
    for (const Json::Member& member : resolved.members)
      if (member.key != "name" && !tree.find(member.key)) own.set(member.key, member.value);
    list.items.push_back(std::move(own));
  }
  tree.set("name", Json::of(name));
  tree.set("stages", std::move(list));
  return tree;
}

std::string config_hash(const Json& resolved) { return sha256(without_free_options(resolved).dump(-1)); }

std::vector<std::string> forbidden_changes(const Json& before, const Json& after) {
  std::map<std::string, std::string> old_leaves, new_leaves;
  flatten(without_free_options(before), "", old_leaves);
  flatten(without_free_options(after), "", new_leaves);
  std::map<std::string, std::string> all = old_leaves;
  all.insert(new_leaves.begin(), new_leaves.end());
  const auto shown = [](const std::map<std::string, std::string>& leaves, const std::string& path) {
    const auto found = leaves.find(path);
    return found == leaves.end() ? std::string("(not set)") : found->second;
  };
  std::vector<std::string> changes;
  for (const auto& [path, value] : all) {
    const std::string from = shown(old_leaves, path), to = shown(new_leaves, path);
    if (from != to) changes.push_back(path + ": " + from + " -> " + to);
  }
  return changes;
}

}  // namespace tapedeck
