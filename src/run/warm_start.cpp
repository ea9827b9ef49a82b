// The parameters of an earlier run as the start of this one: how a stage goes on from the stage before.
// Next: run.cpp.
#include "src/run/warm_start.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/train/checkpoint.h>

#include "src/config/locations.h"
#include "src/run/run_folder.h"
#include "src/train/checkpoint_folder.h"

namespace tapedeck {
namespace {

/// The best checkpoint; the last where nothing was measured.
std::string checkpoint_of(const std::string& seed_folder) {
  return find_checkpoint(seed_folder, std::filesystem::exists(seed_folder + "/checkpoints/best.json") ? "best" : "last");
}

/// All of it, or the first rows.
void copy_rows(const Tensor& from, const Tensor& to, int64_t rows) {
  if (rows == 0) return to.copy_from(from);
  const size_t bytes = size_t(rows * to.shape().cols()) * size_of(to.dtype());
  std::copy_n(from.raw<char>(), bytes, to.raw<char>());
}

/// Rows that two tables have in common; 0 where they are not the same kind of table. Only tables of positions may differ in
/// length: a stage reads longer or shorter texts.
int64_t common_rows(const Parameter& p, const Shape& stored) {
  const bool table = p.path.ends_with("embeddings.position") && stored.rank() == 2 && stored[1] == p.shape[1];
  return table ? std::min(p.shape[0], stored[0]) : 0;
}

/// What the stages share, whatever their heads: nothing of it may be left behind.
bool shared(const std::string& name) { return name.starts_with("encoder."); }

[[noreturn]] void misfit(const std::string& path, const std::vector<std::string>& problems) {
  throw Error(ErrorKind::checkpoint, text(path, ": the encoder of this stage is another one:\n  ", join(problems, "\n  ")),
              "give both stages the same encoder; heads may differ");
}

}  // namespace

StartReport start_from(RunState& run, const std::string& seed_folder) {
  const std::string checkpoint = checkpoint_of(seed_folder), path = checkpoint + "/model.safetensors";
  verify_checkpoint(checkpoint);
  const Json state = read_json_file(checkpoint + "/state.json");
  const Json* vocabulary = value_at(state, "vocabulary_hash");
  if (!vocabulary || vocabulary->string != run.data->vocabulary_hash)
    throw Error(ErrorKind::checkpoint, checkpoint + " was trained with another vocabulary",
                "give both stages the same tokenizer and training texts");
  StartReport report{checkpoint, {}, {}, {}};
  std::vector<std::string> problems;
  std::set<std::string> taken;
  const SafeTensors file = read_safetensors(path);
  for (auto& [name, tensor] : file.tensors) {
    const Parameter* p = run.store.find(name);
    const bool same = p && p->shape == tensor.shape();
    const int64_t rows = p && !same ? common_rows(*p, tensor.shape()) : 0;
    if (same || rows > 0) {
      copy_rows(tensor.dtype() == run.store.dtype() ? tensor : tensor.to(run.store.dtype()), p->value, rows);
      taken.insert(name);
      report.loaded.push_back(name);
      if (rows > 0 && rows < p->shape[0]) report.fresh.push_back(text(name, " from row ", rows, " on"));
      if (rows > 0 && rows < tensor.shape()[0]) report.unused.push_back(text(name, " from row ", rows, " on"));
    } else {
      const std::string why =
          p ? text(name, " was ", tensor.shape().str(), ", is ", p->shape.str()) : name + " is not in this stage";
      report.unused.push_back(p ? why : name);
      if (shared(name)) problems.push_back(why);
    }
  }
  if (taken.empty())
    throw Error(ErrorKind::checkpoint, path + ": no parameter fits this model",
                "keep the names and sizes of what the stages share");
  if (!problems.empty()) misfit(path, problems);
  for (const Parameter& p : run.store.all())
    if (!taken.contains(p.path)) report.fresh.push_back(p.path);
  return report;
}

}  // namespace tapedeck
