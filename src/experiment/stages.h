// "stages": overrides of one experiment that run one after the other, each from the parameters of the one before.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/experiment/experiment.h>

namespace tapedeck {

/// One stage: its name, and the experiment with its overrides merged in, called NAME-STAGE.
struct Stage { std::string name; LoadedExperiment loaded; };
/// Empty for an experiment without stages.
std::vector<Stage> stages_of(const LoadedExperiment& loaded);
/// What a list of stages must be: diagnostics name what is wrong with it.
void check_stages(const Json& stages, Diagnostics& diagnostics);
/// RUN/stage-NAME.
std::string stage_folder(const std::string& run_folder, const std::string& stage);
/// The stages of a run folder, in order; empty when it has none.
std::vector<std::string> stage_folders(const std::string& run_folder);

/// Copies the parameters of an earlier run's best checkpoint (else its last) that this model has under the same name in the same
/// shape; says how many. Error{checkpoint} when the vocabularies differ or nothing fits.
std::string start_from(RunState& run, const std::string& seed_folder);

}  // namespace tapedeck
