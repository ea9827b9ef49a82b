// Which checkpoints of a run are whole and which of them is the newest: the one place that says where a run stands. Pointers,
// prunes, records and predictions are functions of its state.json. Next: checkpoint_folder.h.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/train/train_state.h"

namespace tapedeck {

/// A line for the log and the screen.
using Note = std::function<void(const std::string&)>;

std::string checkpoints_folder(const std::string& run_folder);          // RUN/checkpoints
std::string step_name(int64_t step);                                    // "step-000500"
std::optional<int64_t> step_of(std::string_view name);                  // nothing for any other name
std::vector<int64_t> checkpoint_steps(const std::string& checkpoints);  // step folders there, rising

/// What `complete` must say: size and CRC-32 of every other file of a step folder.
std::string checkpoint_manifest(const std::string& step_folder);
/// Throws Error{checkpoint} when a file is missing or differs from what `complete` says.
void verify_checkpoint(const std::string& step_folder);

/// The state of the newest checkpoint that is whole; damaged ones are passed over with a note. Nothing when there is none at
/// all; Error{checkpoint} when all are damaged, or when a whole one holds what no run writes.
std::optional<TrainState> newest_checkpoint(const std::string& run_folder, const Note& note);

}  // namespace tapedeck
