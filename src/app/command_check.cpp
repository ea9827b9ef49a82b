// tapedeck check FILE: everything that `run` would report, and a dry run of one step: parameters, memory, time.
#include <fmt/core.h>

#include "src/app/commands.h"
#include "src/run/data_notes.h"

namespace tapedeck::app {
namespace {

std::string time_text(double seconds) {
  if (seconds < 90) return fmt::format("{:.1f} s", seconds);
  return seconds < 5400 ? fmt::format("{:.0f} min", seconds / 60) : fmt::format("{:.1f} h", seconds / 3600);
}

Json check_json(const Check& check, double seconds_left) {
  const ExperimentData& data = *check.experiment.data;
  const DryRun& r = check.dry_run;
  Json memory = Json::dict();
  for (const auto& [name, bytes] : memory_values(r.memory)) memory.set(name, Json::of(int64_t(bytes)));
  return json_object({{"name", check.experiment.name},
                      {"config_hash", check.experiment.hash},
                      {"train_examples", data.train.size()},
                      {"validation_examples", data.validation.size()},
                      {"test_examples", data.test.size()},
                      {"outputs", data.input.outputs},
                      {"vocabulary", data.input.vocabulary},
                      {"data", data_json(data)},
                      {"parameters", r.parameters},
                      {"peak_bytes", total(r.memory.peak)},
                      {"memory", std::move(memory)},
                      {"seconds_per_step", r.seconds_per_step},
                      {"steps", r.steps},
                      {"steps_per_epoch", r.steps_per_epoch},
                      {"seeds", check.experiment.seeds.size()},
                      {"estimated_seconds", seconds_left}});
}

/// Paths and shapes, for patterns in freeze and optimizer.groups.
std::string parameter_table(const ParamStore& store) {
  TableRows rows;
  for (const Parameter& p : store.all()) rows.push_back({p.path, p.shape.str(), p.trainable ? "" : "frozen"});
  return table(rows, "lr");
}

struct CheckFlags {
  std::string file;
  std::vector<std::string> sets;
  bool json = false, parameters = false;
};

int check(const CheckFlags& flags) {
  const Check check = check_experiment(flags.file, flags.sets);
  if (flags.parameters) {
    print(parameter_table(check.run->store));
    return 0;
  }
  const Experiment& experiment = check.experiment;
  const ExperimentData& data = *experiment.data;
  const DryRun& r = check.dry_run;
  const auto seeds = double(experiment.seeds.size());
  std::string starts;
  for (const StartReport& start : check.run->starts) starts += "\nstarts from " + start.from + ":\n" + start.table();
  const double seconds = r.seconds_per_step * double(r.steps) * seeds;
  TableRows rows{
      {"experiment", fmt::format("{} is good", experiment.name)},
      {"data", fmt::format("{} train, {} validation, {} test; {}", data.train.size(), data.validation.size(), data.test.size(),
                           task_of(data.train).summary(data.train))},
      {"vocabulary", fmt::format("{} tokens; unknown: {}", data.input.vocabulary, unknown_text(data))},
      {"parameters", fmt::format("{}", r.parameters)},
      {"memory", memory_text(memory_values(r.memory)) + " at the longest batch"},
      {"time per step", fmt::format("{:.1f} ms at the longest batch", 1000 * r.seconds_per_step)},
      {"steps", fmt::format("{} ({} per epoch), {:.0f} seed{}", r.steps, r.steps_per_epoch, seeds, seeds == 1 ? "" : "s")},
      {"time", fmt::format("at most about {} plus evaluations", time_text(seconds))}};
  std::string shown = table(rows, "lr");
  for (const std::string& note : data_notes(data, check.run->config.tokenizer.name())) shown += "note: " + note + "\n";
  return print(flags.json, check_json(check, seconds), shown + starts);
}

}  // namespace

void add_check(CommandLine& line) {
  auto [command, flags] =
      add_command<CheckFlags>(line, "check", "check an experiment and rehearse one step: parameters, memory, time", check);
  command.text("file", flags.file, "experiment file; without one, the built-in experiment", "FILE");
  add_sets(command, flags.sets);
  command.flag("--parameters", flags.parameters, "list the parameters instead: path and shape");
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
