// Stages are whole experiments: a merged tree each, so that everything that works on an experiment works on a stage.
// Next: src/run/run.cpp, which runs them.
#include "src/config/stages.h"

#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

#include "src/config/source_parts.h"

namespace tapedeck {
namespace {

void check_name(const Json& stage, std::set<std::string>& seen, Diagnostics& diagnostics) {
  constexpr const char* allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  const Json::Member* name = stage.find("name");
  if (!name || !name->value.is(Json::Kind::string) || name->value.string.empty() ||
      name->value.string.find_first_not_of(allowed) != std::string::npos)
    diagnostics.add(
        {"TD0307", "a stage needs \"name\": letters, digits, dash and underscore", name ? name->where : stage.where, "", ""});
  else if (!seen.insert(name->value.string).second)
    diagnostics.add(
        {"TD0322", "two stages are called " + in_quotes(name->value.string), name->value.where, "every name once", ""});
}

}  // namespace

void check_stages(const Json& stages, Diagnostics& diagnostics) {
  if (!stages.is(Json::Kind::array) || stages.items.empty() || stages.items.size() > 100)
    return diagnostics.add({"TD0303", "stages must be a list of 1 to 100 groups of overrides", stages.where,
                            "[{ \"name\": \"first\", ... }, { \"name\": \"second\", ... }]", ""});
  std::set<std::string> names;
  for (const Json& stage : stages.items) {
    if (!stage.is(Json::Kind::object)) {
      diagnostics.add({"TD0303", "a stage is a group of overrides", stage.where, "{ \"name\": \"first\", ... }", ""});
      continue;
    }
    check_name(stage, names, diagnostics);
    for (const char* whole : {"seed", "seeds", "output", "stages", "extends", "vars", "format"})
      if (const Json::Member* member = stage.find(whole))
        diagnostics.add({"TD0301", text("a stage has no ", in_quotes(whole)), member->where, "write it beside \"stages\"", ""});
  }
}

std::vector<Stage> stages_of(const LoadedExperiment& loaded) {
  std::vector<Stage> all;
  const Json::Member* member = loaded.tree.find("stages");
  if (!member) return all;
  Json base = loaded.tree;
  erase(base, "stages");
  const std::string name = base.find("name")->value.string;
  for (const Json& overrides : member->value.items) {
    const std::string stage = overrides.find("name")->value.string;
    Json over = overrides;
    over.find("name")->value.string = name + "-" + stage;
    all.push_back({stage, {merge(base, over), loaded.sources, loaded.main_text}});
  }
  return all;
}

}  // namespace tapedeck
