// The parameters of an earlier run as the start of this one: how a stage goes on from the stage before.
// Next: run.cpp.
#include "src/run/warm_start.h"

#include <filesystem>

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

}  // namespace

std::string start_from(RunState& run, const std::string& seed_folder) {
  const std::string checkpoint = checkpoint_of(seed_folder), path = checkpoint + "/model.safetensors";
  verify_checkpoint(checkpoint);
  const Json state = read_json_file(checkpoint + "/state.json");
  const Json* vocabulary = value_at(state, "vocabulary_hash");
  if (!vocabulary || vocabulary->string != run.data->vocabulary_hash)
    throw Error(ErrorKind::checkpoint, checkpoint + " was trained with another vocabulary",
                "give both stages the same tokenizer and training texts");
  size_t taken = 0;
  const SafeTensors file = read_safetensors(path);
  for (auto& [name, tensor] : file.tensors) {
    const Parameter* p = run.store.find(name);
    if (!p || p->shape != tensor.shape()) continue;
    p->value.copy_from(tensor.dtype() == run.store.dtype() ? tensor : tensor.to(run.store.dtype()));
    ++taken;
  }
  if (taken == 0)
    throw Error(ErrorKind::checkpoint, path + ": no parameter fits this model",
                "keep the names and sizes of what the stages share");
  return text("starts from ", checkpoint, ": ", taken, " of ", run.store.all().size(), " parameters");
}

}  // namespace tapedeck
