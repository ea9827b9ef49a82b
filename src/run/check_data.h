// The checks of an experiment that need its data. Next: check_trial.h.
#pragma once
#include <tapedeck/config/config.h>

namespace tapedeck {

/// What the data turned out to be.
struct DataFacts { const Dataset* train = nullptr; const Dataset* validation = nullptr; ModelInput input; };
/// The checks that need the data: metrics and loss against the task, class weights, sampler, sequence length.
void check_against_data(const Json& tree, const ExperimentConfig& config, const DataFacts& data, Diagnostics& diagnostics);

}  // namespace tapedeck
