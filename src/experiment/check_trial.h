// The check that uses the parts instead of looking at them.
#pragma once
#include <tapedeck/experiment/experiment.h>

namespace tapedeck {

/// Adds a complaint for everything that planning or a first step would refuse. Leaves gradients behind in the trainee.
void try_run(const Json& tree, Trainee& trainee, Complaints& complaints);

}  // namespace tapedeck
