// checkpoints/step-000500/{model.safetensors, optimizer.safetensors, state.json, complete}: written aside, synced, renamed.
// `complete` lists size and CRC-32 of the others, so a flipped bit is found before anything is loaded. Next: trainer.cpp.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <tapedeck/train/optimizer.h>
#include <tapedeck/train/trainer.h>

#include "src/train/train_state.h"

namespace tapedeck {

/// What a run carries besides parameters and the optimizer's state: an objective's teacher, the mean of the weights.
using Carried = std::map<std::string, Tensor>;

class CheckpointFolder {
 public:
  CheckpointFolder(const std::string& run_folder, const CheckpointOptions::Keep& keep, std::string metric);

  /// Writes the checkpoint of state.step, points best.json and last.json at what they mean now, then removes what neither
  /// keep.best nor keep.last needs. Throws Error{non_finite} rather than keep values that are not numbers.
  std::string save(const TrainState& state, const ParamStore& store, const Optimizer& optimizer, const Carried& extra_state = {});
  /// Loads the newest checkpoint that is whole; older ones are tried, with a note, when it is not. Nothing when there is none
  /// at all; Error{checkpoint} when all are damaged or when the checkpoint belongs to another run (expected).
  std::optional<TrainState> resume(const TrainState& expected, ParamStore& store, Optimizer& optimizer,
                                   const std::function<void(const std::string&)>& note, const Carried& extra_state = {});
  std::string path_of(int64_t step) const;

 private:
  void point(const std::string& which, int64_t step, std::optional<double> value) const;
  void prune(const TrainState& state) const;
  std::vector<int64_t> steps() const;  // rising

  std::string folder_;
  CheckpointOptions::Keep keep_;
  std::string metric_;  // "validation/accuracy"
};

/// Throws Error{checkpoint} when a file is missing or differs from what `complete` says.
void verify_checkpoint(const std::string& folder);

}  // namespace tapedeck
