// The address of a run: equal inputs, equal address. Why by content: a folder's name says when a run was made, not what it
// depends on. Next: sweep.cpp.
#include "src/study/content_hash.h"

#include <algorithm>
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/study/sweep.h>

#include "src/config/sha256.h"
#include "src/config/stages.h"
#include "src/run/run_folder.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

// Cannot change a result, or are covered by the content of files.
constexpr const char* without[] = {"name", "notes", "tags", "output", "logging", "sweep", "plugins"};

/// Paths that options of a part name, parts below it included.
void collect_paths(Part& part, std::vector<std::string>& paths) {
  Fields fields;
  part.describe(fields);
  for (Field& field : fields.all) {
    if (field.name == "output" || field.name == "data") continue;  // a reader says itself which files it reads
    if (Path** path = std::get_if<Path*>(&field.target); path && **path) paths.push_back((*path)->path);
    else if (auto** several = std::get_if<std::vector<Path>*>(&field.target))
      for (const Path& each : **several) paths.push_back(each.path);
    else if (Part** group = std::get_if<Part*>(&field.target)) collect_paths(**group, paths);
    else if (AnyList* list = std::get_if<AnyList>(&field.target))
      for (size_t i = 0; i < list->size(); ++i) collect_paths(*list->at(i), paths);
    else if (AnyChoice** choice = std::get_if<AnyChoice*>(&field.target); choice && (*choice)->part())
      collect_paths(*(*choice)->part(), paths);
  }
}

std::string hash_of_file(const std::string& path, FileHashes& known) {
  const auto [at, fresh] = known.try_emplace(path);
  if (fresh) at->second = sha256_of_file(path);
  return at->second;
}

/// A file's hash; of a folder (a pretrained model, a teacher's run) those of all files in it.
std::string hash_of_path(const std::string& path, FileHashes& known) {
  std::error_code problem;
  if (!fs::is_directory(path, problem)) return hash_of_file(path, known);
  std::vector<std::string> files;
  for (fs::recursive_directory_iterator at(path, problem), end; !problem && at != end; at.increment(problem))
    if (at->is_regular_file(problem)) files.push_back(at->path().string());
  std::sort(files.begin(), files.end());
  std::string all;
  for (const std::string& file : files)
    all += fs::path(file).lexically_relative(path).string() + " " + hash_of_file(file, known) + "\n";
  return sha256(all);
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

/// What a bound experiment reads and asks for.
std::string content_of(ExperimentConfig& config, const Json& tree, FileHashes& known) {
  Json resolved = resolved_tree(config, tree);
  std::erase_if(resolved.members, [](const Json::Member& m) {
    return std::find(std::begin(without), std::end(without), m.key) != std::end(without);
  });
  if (Json::Member* runtime = resolved.find("runtime"))
    std::erase_if(runtime->value.members, [](const Json::Member& m) { return m.key == "threads"; });
  if (Json::Member* training = resolved.find("training"))
    std::erase_if(training->value.members, [](const Json::Member& m) { return m.key == "recompute"; });
  std::vector<std::string> paths = config.data->files();
  collect_paths(config, paths);
  std::string asked = resolved.dump(-1), hashes;
  for (const std::string& path : paths) {
    const std::string hash = hash_of_path(path, known);
    replace_all(asked, Json::of(path).dump(-1), Json::of(hash).dump(-1));  // where a file lies changes nothing
    hashes += hash + "\n";
  }
  return asked + "\n" + hashes;
}

}  // namespace

AddressedRun addressed(const std::string& file, const std::vector<std::string>& sets, FileHashes& known) {
  AddressedRun run;
  Diagnostics diagnostics;
  LoadedExperiment loaded = load_experiment(file, sets, diagnostics);
  if (diagnostics.empty()) bind_experiment(loaded.tree, run.config, diagnostics);
  run.problem = diagnostics.empty() ? "" : diagnostics.render();
  if (!run.problem.empty()) return run;
  std::string content = std::string(version()) + "\n" + content_of(run.config, loaded.tree, known);
  for (Stage& stage : stages_of(loaded)) {
    ExperimentConfig config;
    bind_experiment(stage.loaded.tree, config, diagnostics);
    if (diagnostics.empty()) content += stage.name + "\n" + content_of(config, stage.loaded.tree, known);
  }
  run.problem = diagnostics.empty() ? "" : diagnostics.render();
  run.hash = sha256(content);
  return run;
}

std::string content_hash(const std::string& file, const std::vector<std::string>& sets) {
  FileHashes known;
  const AddressedRun run = addressed(file, sets, known);
  if (!run.problem.empty()) throw Error(ErrorKind::config, run.problem);
  return run.hash;
}

}  // namespace tapedeck
