// checkpoints/step-000500/{model.safetensors, optimizer.safetensors, state.json, complete}: written aside, synced, renamed.
// `complete` lists size and CRC-32 of the others, so a flipped bit is found before anything is loaded. Next: newest_checkpoint.h.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <tapedeck/train/optimizer.h>
#include <tapedeck/train/trainer.h>

#include "src/train/newest_checkpoint.h"

namespace tapedeck {

/// What a run carries besides parameters and the optimizer's state: an objective's teacher, the mean of the weights.
using Carried = std::map<std::string, Tensor>;

class CheckpointFolder {
 public:
  /// note: hears of damaged checkpoints and of what could not be removed.
  CheckpointFolder(const std::string& run_folder, const CheckpointOptions::Keep& keep, std::string metric, Note note = {});

  /// Writes the checkpoint of state.step, then settles. Throws Error{non_finite} rather than keep values that are not numbers.
  std::string save(const TrainState& state, const ParamStore& store, const Optimizer& optimizer, const Carried& extra_state = {});
  /// Loads the newest checkpoint that is whole and settles; older ones are tried, with a note, when it is not. Nothing when there
  /// is none at all; Error{checkpoint} when all are damaged or when the checkpoint belongs to another run (expected).
  std::optional<TrainState> resume(const TrainState& expected, ParamStore& store, Optimizer& optimizer,
                                   const Carried& extra_state = {});
  /// Makes everything in the folder what it must be after this state: best.json and last.json, no leftovers of a killed process,
  /// no step folder that neither keep.best nor keep.last needs. After a crash at any point of a save this finishes it.
  void settle(const TrainState& state) const;
  /// The same for the newest whole checkpoint, whose step it returns.
  std::optional<int64_t> settle() const;
  std::string path_of(int64_t step) const;

 private:
  void point(const std::string& which, int64_t step, std::optional<double> value) const;
  void prune(const TrainState& state) const;
  void prune_newer(int64_t than) const;
  void remove_step(int64_t step) const;
  void tidy(const std::function<void()>& removal) const;

  std::string run_folder_, folder_;
  CheckpointOptions::Keep keep_;
  std::string metric_;  // "validation/accuracy"
  Note note_;
};

}  // namespace tapedeck
