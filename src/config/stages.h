// "stages": overrides of one experiment that run one after the other, each from the parameters of the one before.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/config/source.h>

namespace tapedeck {

/// One stage: its name, and the experiment with its overrides merged in, called NAME-STAGE.
struct Stage {
  std::string name;
  LoadedExperiment loaded;
};
/// Empty for an experiment without stages.
std::vector<Stage> stages_of(const LoadedExperiment& loaded);
/// What a list of stages must be: diagnostics name what is wrong with it.
void check_stages(const Json& stages, Diagnostics& diagnostics);

}  // namespace tapedeck
