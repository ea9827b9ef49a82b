// tapedeck eval RUN: the metrics of a checkpoint, on the run's own splits or on a file in the same format.
#include <fmt/core.h>

#include <filesystem>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

struct EvalFlags {
  std::string run, data, checkpoint = "best", split;
  bool json = false;
};

/// Metrics by split of one seed.
std::map<std::string, std::map<std::string, double>> measure(const std::string& folder, const EvalFlags& flags,
                                                             ClassReports& classes) {
  const auto run = open_with_notes(folder, flags.checkpoint);
  if (!flags.data.empty()) return {{shown_path(flags.data), evaluate_file(*run, flags.data, &classes)}};
  if (!flags.split.empty()) return {{flags.split, evaluate_split(*run, flags.split, &classes)}};
  return evaluate_splits(*run, &classes);
}

std::string class_tables(const ClassReports& classes) {
  std::string out;
  for (const auto& [split, report] : classes) {
    out += fmt::format("\nclasses of {}\n", shown_path(split)) + report.text();
    if (const std::string warning = report.warning(); !warning.empty()) out += "warning: " + warning + "\n";
  }
  return out;
}

int evaluate(const EvalFlags& flags) {
  Json all = Json::list();
  std::string text;
  for (const std::string& folder : seed_folders(flags.run)) {
    ClassReports classes;
    const auto splits = measure(folder, flags, classes);
    Json json = json_object({{"folder", folder}, {"checkpoint", flags.checkpoint}});
    TableRows rows = {{""}};
    for (const auto& [split, values] : splits) {
      json.set(split, values_json(values));
      if (rows.size() == 1)
        for (const auto& [name, value] : values) rows[0].push_back(name);
      rows.push_back({split});
      for (const auto& [name, value] : values) rows.back().push_back(figure(value));
    }
    if (!classes.empty()) {
      Json reports = Json::dict();
      for (const auto& [split, report] : classes) reports.set(shown_path(split), report.json());
      json.set("classes", std::move(reports));
    }
    all.items.push_back(std::move(json));
    text += fmt::format("{} ({})\n", shown_path(folder), flags.checkpoint) + table(rows, "lr") + class_tables(classes);
  }
  return print(flags.json, all, text);
}

}  // namespace

void add_eval(CommandLine& line) {
  auto [command, flags] = add_command<EvalFlags>(line, "eval", "measure a checkpoint of a run", evaluate);
  command.required("run", flags.run, "folder of the run, or of one of its seeds")
      .text("--data", flags.data, "a file in the format of the run's data", "FILE")
      .choice("--split", flags.split, {"train", "validation", "test"}, "one split (default: validation and test)")
      .exclusive("--data", "--split");
  add_checkpoint(command, flags.checkpoint);
  add_no_plugins(command);
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
