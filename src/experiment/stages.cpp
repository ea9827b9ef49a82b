// Stages are whole experiments: a merged tree and a run folder each, so that everything that works on a run works on a stage.
// Next: run.cpp, which runs them.
#include "src/experiment/stages.h"

#include <filesystem>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/train/checkpoint.h>

#include "src/experiment/places.h"
#include "src/experiment/run_folder.h"
#include "src/experiment/source_parts.h"
#include "src/train/checkpoint_folder.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

/// The best checkpoint; the last where nothing was measured.
std::string checkpoint_of(const std::string& seed_folder) {
  return find_checkpoint(seed_folder, fs::exists(seed_folder + "/checkpoints/best.json") ? "best" : "last");
}

void check_name(const Json& stage, std::set<std::string>& seen, Diagnostics& diagnostics) {
  constexpr const char* allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  const Json::Member* name = stage.find("name");
  if (!name || !name->value.is(Json::Kind::string) || name->value.string.empty() || name->value.string.find_first_not_of(allowed) != std::string::npos)
    diagnostics.add({"TD0307", "a stage needs \"name\": letters, digits, dash and underscore", name ? name->where : stage.where, "", ""});
  else if (!seen.insert(name->value.string).second)
    diagnostics.add({"TD0322", "two stages are called " + in_quotes(name->value.string), name->value.where, "every name once", ""});
}

}  // namespace

void check_stages(const Json& stages, Diagnostics& diagnostics) {
  if (!stages.is(Json::Kind::array) || stages.items.empty() || stages.items.size() > 100)
    return diagnostics.add({"TD0303", "stages must be a list of 1 to 100 groups of overrides", stages.where,
                           "[{ \"name\": \"first\", ... }, { \"name\": \"second\", ... }]", ""});
  std::set<std::string> names;
  for (const Json& stage : stages.items) {
    if (!stage.is(Json::Kind::object)) {
      diagnostics.add({"TD0303", "a stage is a group of overrides", stage.where, "{ \"name\": \"first\", ... }", ""});
      continue;
    }
    check_name(stage, names, diagnostics);
    for (const char* whole : {"seed", "seeds", "output", "stages", "extends", "vars", "format"})
      if (const Json::Member* member = stage.find(whole))
        diagnostics.add({"TD0301", text("a stage has no ", in_quotes(whole)), member->where, "write it beside \"stages\"", ""});
  }
}

std::vector<Stage> stages_of(const LoadedExperiment& loaded) {
  std::vector<Stage> all;
  const Json::Member* member = loaded.tree.find("stages");
  if (!member) return all;
  Json base = loaded.tree;
  erase(base, "stages");
  const std::string name = base.find("name")->value.string;
  for (const Json& overrides : member->value.items) {
    const std::string stage = overrides.find("name")->value.string;
    Json over = overrides;
    over.find("name")->value.string = name + "-" + stage;
    all.push_back({stage, {merge(base, over), loaded.sources, loaded.main_text}});
  }
  return all;
}

std::string stage_folder(const std::string& run_folder, const std::string& stage) { return run_folder + "/stage-" + stage; }

std::vector<std::string> stage_folders(const std::string& run_folder) {
  std::vector<std::string> folders;
  const std::string path = run_folder + "/resolved.json";
  if (!fs::exists(path)) return folders;
  const Json resolved = read_json_file(path);
  if (const Json* stages = value_at(resolved, "stages"))
    for (const Json& stage : stages->items) folders.push_back(stage_folder(run_folder, stage.find("name")->value.string));
  return folders;
}

std::string start_from(RunState& run, const std::string& seed_folder) {
  const std::string checkpoint = checkpoint_of(seed_folder), path = checkpoint + "/model.safetensors";
  verify_checkpoint(checkpoint);
  const Json state = read_json_file(checkpoint + "/state.json");
  const Json* vocabulary = value_at(state, "vocabulary_hash");
  if (!vocabulary || vocabulary->string != run.data->vocabulary_hash)
    throw Error(ErrorKind::checkpoint, checkpoint + " was trained with another vocabulary", "give both stages the same tokenizer and training texts");
  size_t taken = 0;
  const SafeTensors file = read_safetensors(path);
  for (auto& [name, tensor] : file.tensors) {
    const Parameter* p = run.store.find(name);
    if (!p || p->shape != tensor.shape()) continue;
    p->value.copy_from(tensor.dtype() == run.store.dtype() ? tensor : tensor.to(run.store.dtype()));
    ++taken;
  }
  if (taken == 0) throw Error(ErrorKind::checkpoint, path + ": no parameter fits this model", "keep the names and sizes of what the stages share");
  return text("starts from ", checkpoint, ": ", taken, " of ", run.store.all().size(), " parameters");
}

}  // namespace tapedeck
