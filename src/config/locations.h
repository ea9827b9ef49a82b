// Where in the experiment something was said: turns dotted paths, values and words of a message into locations.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tapedeck/config/config.h>
#include <tapedeck/config/source.h>

namespace tapedeck {

/// The value at a dotted path ("optimizer.groups.0.match"), or null.
const Json* value_at(const Json& tree, std::string_view path);
/// Scopes of the model's parts, "objective" and "optimizer", each with where the experiment asks for it: {"encoder", "trec.json:7 model.encoder"}.
std::vector<std::pair<std::string, std::string>> places_of_parts(const Json& tree);
/// The first string below `path` that equals `text`; otherwise locate(tree, path).
Location locate_text(const Json& tree, std::string_view path, std::string_view text);
/// The innermost option below `path` whose name stands as a word in `message`; otherwise locate(tree, path).
Location locate_mentioned(const Json& tree, std::string_view path, std::string_view message);
/// "accuracy" of "validation/accuracy": a metric may be addressed with the split that decides.
std::string metric_name(const std::string& address);
/// Whether the part of the tree binds to the option without a diagnostic.
template <class Option>
bool binds(const Json& tree, const std::string& section, Option option) {
  struct Only final : Part {
    std::string name;
    Option value;
    void describe(Fields& f) override { f(name, value, ""); }
  };
  const Json::Member* member = tree.find(section);
  if (!member) return true;
  Only only;
  only.name = section;
  only.value = std::move(option);
  Json alone = Json::dict();
  alone.set(section, member->value);
  Diagnostics diagnostics;
  read_fields(only, alone, "", diagnostics);
  return diagnostics.empty();
}

}  // namespace tapedeck
