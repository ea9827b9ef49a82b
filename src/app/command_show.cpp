// tapedeck show FILE: every value in force after extends, variables and --set; with --origin also where it came from.
#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

void collect(const Json& json, const std::string& path, const Json& from, std::vector<std::vector<std::string>>& rows) {
  if (json.is(Json::Kind::object)) {
    for (const Json::Member& member : json.members)
      collect(member.value, path.empty() ? member.key : path + "." + member.key, from, rows);
    return;
  }
  const Json::Member* origin = from.find(path);
  rows.push_back({path + " = " + json.dump(-1), origin ? origin->value.string : "default"});
}

int show(const std::string& file, const std::vector<std::string>& sets, bool origin, bool json) {
  Diagnostics diagnostics;
  LoadedExperiment loaded = load_experiment(file, sets, diagnostics);
  ExperimentConfig config;
  if (diagnostics.empty() || !loaded.tree.members.empty()) bind_experiment(loaded.tree, config, diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  const Json resolved = resolved_tree(config);
  if (!origin) {
    print(resolved.dump() + "\n");
    return 0;
  }
  const Json from = origins(loaded.tree, resolved);
  std::vector<std::vector<std::string>> rows;
  collect(resolved, "", from, rows);
  print(json ? from.dump() + "\n" : align(rows));
  return 0;
}

}  // namespace

void add_show(CommandLine& line) {
  struct Flags { std::string file; std::vector<std::string> sets; bool origin = false, json = false; };
  auto flags = std::make_shared<Flags>();
  Command command = line.add("show", "print every value of an experiment that is in force",
                             [flags] { return show(flags->file, flags->sets, flags->origin, flags->json); });
  command.text("file", flags->file, "experiment file; without one, the built-in experiment", "FILE")
      .flag("--origin", flags->origin, "where each value came from: file:line, --set or default");
  add_sets(command, flags->sets);
  add_json(command, flags->json);
}

}  // namespace tapedeck::app
