// tapedeck check FILE: everything that `run` would report, and one rehearsed step: parameters, memory, time.
#include <fmt/core.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

std::string time_text(double seconds) {
  if (seconds < 90) return fmt::format("{:.1f} s", seconds);
  return seconds < 5400 ? fmt::format("{:.0f} min", seconds / 60) : fmt::format("{:.1f} h", seconds / 3600);
}

Json to_json(const Check& check, double seconds_left) {
  const ExperimentData& data = *check.experiment.data;
  const DryRun& r = check.dry_run;
  Json json = Json::dict();
  json.set("name", Json::of(check.experiment.config.name));
  json.set("config_hash", Json::of(check.experiment.hash));
  json.set("train_examples", Json::of(data.train.size()));
  json.set("validation_examples", Json::of(data.validation.size()));
  json.set("test_examples", Json::of(data.test.size()));
  json.set("outputs", Json::of(data.input.outputs));
  json.set("vocabulary", Json::of(data.input.vocabulary));
  json.set("parameters", Json::of(r.parameters));
  json.set("peak_bytes", Json::of(int64_t(total(r.memory.peak))));
  Json memory = Json::dict();
  for (const auto& [name, bytes] : memory_values(r.memory)) memory.set(name, Json::of(int64_t(bytes)));
  json.set("memory", std::move(memory));
  json.set("seconds_per_step", Json::of(r.seconds_per_step));
  json.set("steps", Json::of(r.steps));
  json.set("steps_per_epoch", Json::of(r.steps_per_epoch));
  json.set("seeds", Json::of(int64_t(check.experiment.config.all_seeds().size())));
  json.set("estimated_seconds", Json::of(seconds_left));
  return json;
}

/// Paths and shapes, for patterns in freeze and optimizer.groups.
std::string parameter_table(const Experiment& experiment) {
  const auto run = build(experiment, experiment.config.all_seeds().front());
  std::vector<std::vector<std::string>> rows;
  for (const Parameter& p : run->store.all()) rows.push_back({p.path, p.shape.str(), p.trainable ? "" : "frozen"});
  return align(rows);
}

int check(const std::string& file, const std::vector<std::string>& sets, bool json, bool parameters) {
  const Check check = check_experiment(file, sets);
  if (parameters) {
    print(parameter_table(check.experiment));
    return 0;
  }
  const Experiment& experiment = check.experiment;
  const ExperimentData& data = *experiment.data;
  const DryRun& r = check.dry_run;
  const auto seeds = double(experiment.config.all_seeds().size());
  const double seconds = r.seconds_per_step * double(r.steps) * seeds;
  if (json) {
    print(to_json(check, seconds).dump() + "\n");
    return 0;
  }
  print(
      align({{"experiment", fmt::format("{} is good", experiment.config.name)},
             {"data", fmt::format("{} train, {} validation, {} test; {}", data.train.size(), data.validation.size(),
                                  data.test.size(), task_of(data.train).summary(data.train))},
             {"vocabulary", fmt::format("{} tokens", data.input.vocabulary)},
             {"parameters", fmt::format("{}", r.parameters)},
             {"memory", memory_text(memory_values(r.memory)) + " at the longest batch"},
             {"time per step", fmt::format("{:.1f} ms at the longest batch", 1000 * r.seconds_per_step)},
             {"steps", fmt::format("{} ({} per epoch), {:.0f} seed{}", r.steps, r.steps_per_epoch, seeds, seeds == 1 ? "" : "s")},
             {"time", fmt::format("at most about {} plus evaluations", time_text(seconds))}}));
  return 0;
}

}  // namespace

void add_check(CommandLine& line) {
  struct Flags { std::string file; std::vector<std::string> sets; bool json = false, parameters = false; };
  auto flags = std::make_shared<Flags>();
  Command command = line.add("check", "check an experiment and dry_run one step: parameters, memory, time",
                             [flags] { return check(flags->file, flags->sets, flags->json, flags->parameters); });
  command.text("file", flags->file, "experiment file; without one, the built-in experiment", "FILE");
  add_sets(command, flags->sets);
  command.flag("--parameters", flags->parameters, "list the parameters instead: path and shape");
  add_json(command, flags->json);
}

}  // namespace tapedeck::app
