// The check that uses the parts instead of looking at them.
#pragma once
#include <tapedeck/run/run.h>

namespace tapedeck {

/// Adds a diagnostic for everything that planning or a first step would refuse. Draw the parameters again afterwards.
void try_run(const Json& tree, RunState& run, Diagnostics& diagnostics);

}  // namespace tapedeck
