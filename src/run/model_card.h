// README.md of an exported model.
#pragma once
#include <string>

#include <tapedeck/run/run.h>

namespace tapedeck {

/// What it is, what it learnt from, how well it does, how it was made and what that took: all of it from the run's own files.
std::string model_card(const LoadedRun& run, const Json& resolved, const std::string& class_name, const std::string& as,
                       bool empty_pooler);

}  // namespace tapedeck
