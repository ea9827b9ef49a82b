// tapedeck show FILE: every value in force after extends, variables and --set; with --origin also where it came from.
#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

void collect(const Json& json, const std::string& path, const Json& from, TableRows& rows) {
  if (json.is(Json::Kind::object)) {
    for (const Json::Member& member : json.members)
      collect(member.value, path.empty() ? member.key : path + "." + member.key, from, rows);
    return;
  }
  const Json::Member* origin = from.find(path);
  rows.push_back({path + " = " + json.dump(-1), origin ? origin->value.string : "default"});
}

struct ShowFlags {
  std::string file;
  std::vector<std::string> sets;
  bool origin = false, json = false;
};

int show(const ShowFlags& flags) {
  Diagnostics diagnostics;
  LoadedExperiment loaded = load_experiment(flags.file, flags.sets, diagnostics);
  ExperimentConfig config;
  if (diagnostics.empty() || !loaded.tree.members.empty()) bind_experiment(loaded.tree, config, diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  const Json resolved = resolved_tree(config, loaded.tree);
  if (!flags.origin) return print(true, resolved, "");
  const Json from = origins(loaded.tree, resolved);
  TableRows rows;
  collect(resolved, "", from, rows);
  return print(flags.json, from, table(rows, "lr"));
}

}  // namespace

void add_show(CommandLine& line) {
  auto [command, flags] = add_command<ShowFlags>(line, "show", "print every value of an experiment that is in force", show);
  command.text("file", flags.file, "experiment file; without one, the built-in experiment", "FILE")
      .flag("--origin", flags.origin, "where each value came from: file:line, --set or default");
  add_sets(command, flags.sets);
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
