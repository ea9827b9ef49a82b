// Building the model of a run, and the checks of an experiment that need its data. Next: try_run.h.
#pragma once
#include <functional>
#include <set>
#include <string>

#include <tapedeck/run/run.h>

namespace tapedeck {

/// Calls body, which throws Error{config} for an option that does not suit the model; path: the option, "freeze.0".
using Attempt = std::function<void(const std::string& path, const std::function<void()>& body)>;
/// Makes the model of the run, without values, and does to its parameters what options say by patterns.
void build_model(
    RunState& run, const Attempt& attempt = [](const std::string&, const std::function<void()>& body) { body(); });

/// Builds the model too, and checks all of this against the data: metrics and loss, class weights, sampler, sites. unread:
/// sections that are not what the file says.
void check_data(const Json& tree, RunState& run, const std::set<std::string>& unread, Diagnostics& diagnostics);

}  // namespace tapedeck
