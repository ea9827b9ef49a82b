// A run as a folder that transformers or sentence-transformers loads. Next: model_card.h.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/run/run.h>

namespace tapedeck {

/// as: "hf" (model and head), "encoder", "sentence-transformers"; "": what suits the model. Returns the files it wrote.
/// Error{usage} for a model that such a folder cannot hold, with what it could be instead, and for a folder that is not empty.
std::vector<std::string> export_run(LoadedRun& run, const std::string& folder, const std::string& as);

}  // namespace tapedeck
