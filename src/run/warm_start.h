// The parameters of an earlier run as the start of this one.
#pragma once
#include <string>

#include <tapedeck/run/run.h>

namespace tapedeck {

/// Copies the parameters of an earlier run's best checkpoint (else its last) that this model has under the same name in the same
/// shape, and tells them from what is new and what is left behind. Error{checkpoint} when the vocabularies differ, when nothing
/// fits, or when part of the encoder would be left behind.
StartReport start_from(RunState& run, const std::string& seed_folder);

}  // namespace tapedeck
