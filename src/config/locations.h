// Where in the experiment something was said: turns dotted paths, values and words of a message into locations.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tapedeck/config/config.h>
#include <tapedeck/config/source.h>

namespace tapedeck {

/// The value at a dotted path ("optimizer.groups.0.match"), or null.
const Json* value_at(const Json& tree, std::string_view path);
/// Scopes of the model's parts, "objective" and "optimizer", each with where the experiment asks for it: {"encoder", "trec.json:7
/// model.encoder"}.
std::vector<std::pair<std::string, std::string>> places_of_parts(const Json& tree);
/// The innermost option below `path` whose name stands as a word in `message`, or else a value that it quotes; otherwise
/// locate(tree, path).
Location locate_mentioned(const Json& tree, std::string_view path, std::string_view message);
/// What a part refuses by throwing Error{config} becomes a diagnostic at the option below `path` that the message names; false
/// then.
bool attempt(const Json& tree, std::string_view path, const char* code, Diagnostics& diagnostics,
             const std::function<void()>& body);
/// "accuracy" of "validation/accuracy": a metric may be addressed with the split that decides.
std::string metric_name(const std::string& address);

}  // namespace tapedeck
