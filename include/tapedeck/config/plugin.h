// Parts and ops from a shared library: "plugins": ["build/libmine.so"] in an experiment, --plugin on the command line.
// Next: plugin_tag.h, docs/guide/extend.md.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/base/json.h>

namespace tapedeck {

/// Loads the library, whose parts and ops are then registered like built-in ones; a second time does nothing. Throws
/// Error{config} for what is missing, not a library, cut short, not a plugin, built for another tapedeck, or registers a
/// name that is taken. A plugin is code: it may do whatever the program may.
void load_plugin(const std::string& path);
/// Loads what the section "plugins" of an experiment lists; what goes wrong becomes diagnostics with their places.
void load_plugins(const Json& tree, Diagnostics& diagnostics);
/// From now on every plugin of an experiment is a diagnostic instead: for files and run folders of people one does not know.
void refuse_plugins();
/// The libraries that were loaded, as they were named.
const std::vector<std::string>& loaded_plugins();

/// "0.1.0 headers 0123456789abcdef layout 0123456789abcdef": what a plugin must have been built for.
std::string_view plugin_tag();

}  // namespace tapedeck
