// The seeds of one experiment in its folder, one training after the other. Next: run_recorder.h.
#pragma once
#include <string>

#include <tapedeck/run/run.h>

namespace tapedeck {

/// Trains every seed. earlier: the folder of the stage before, whose parameters are the start; or "".
RunResult run_seeds(Experiment& experiment, const std::string& folder, const std::string& earlier, const RunOptions& options);
/// What a resumed run was before, and what comes after it.
struct Resumed {
  Json before;            // the resolved.json that the folder holds
  bool followed = false;  // a later stage has started from its result
};
/// The same for seeds that are not done: those whose metrics.json is missing or older than their newest checkpoint, those that a
/// time limit stopped unless a later stage has followed, and all of them when the duration is no longer what it was.
RunResult resume_seeds(Experiment& experiment, const Resumed& resumed, const std::string& folder, const std::string& earlier,
                       const RunOptions& options);

}  // namespace tapedeck
