// What the source*.cpp files share and nobody else needs.
// Next: source.cpp.
#pragma once
#include <string_view>

#include <tapedeck/base/json.h>

namespace tapedeck {

/// Removes every entry with this key.
void erase(Json& object, std::string_view key);
/// "format" must be 1 if it is there.
void check_format(const Json& tree, Diagnostics& diagnostics);
/// Replaces ${...} in all strings and removes "vars". ${seed} stays when there are several seeds.
void substitute_variables(Json& tree, Diagnostics& diagnostics);
/// "linear" as { "type": "linear" }, keeping its place.
Json expand_shorthand(const Json& name);

}  // namespace tapedeck
