// The seeds of one experiment in its folder, one training after the other. Next: run_recorder.h.
#pragma once
#include <string>

#include <tapedeck/run/run.h>

namespace tapedeck {

/// Trains every seed. earlier: the folder of the stage before, whose parameters are the start; or "".
RunResult run_seeds(Experiment& experiment, const std::string& folder, const std::string& earlier, const RunOptions& options);
/// The same for seeds that are not done (those without metrics.json); all of them when the duration is no longer what it was in
/// `before`, the resolved.json that the folder holds.
RunResult resume_seeds(Experiment& experiment, const Json& before, const std::string& folder, const std::string& earlier,
                       const RunOptions& options);

}  // namespace tapedeck
