// One step of an experiment under a recorder: the same parts, data, seed and order of examples as `run`, so the same bits.
// Next: src/look/recorder.cpp.
#include <tapedeck/run/record_step.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include <tapedeck/base/error.h>
#include <tapedeck/run/run.h>
#include <tapedeck/tensor/machine.h>
#include <tapedeck/train/checkpoint.h>

#include "src/config/locations.h"
#include "src/train/plan.h"
#include "src/train/step_runner.h"

namespace tapedeck {
namespace {

/// The experiment, its objective inside a gradient penalty where order 2 is asked for and it is not of second order already.
Experiment prepare_for(const std::string& path, const StepToRecord& options) {
  Experiment experiment = prepare(path, options.sets);
  if (options.order < 2 || experiment.first->config.objective->second_order()) return experiment;
  const Json::Member* objective = experiment.loaded.tree.find("objective");
  const std::string inner = objective ? objective->value.dump(-1) : "\"cross_entropy\"";
  std::vector<std::string> sets = options.sets;
  sets.push_back(R"(objective={"type":"gradient_penalty","loss":)" + inner + "}");
  return prepare(path, sets);
}

/// `step` updates, then one more; recorded when options are given. If one before it is not finite, `step` becomes that one.
Recording run_steps(RunState& run, int64_t& step, const RecorderOptions* options) {
  const TrainSetup setup = setup_of(run);
  StepRunner runner(setup);
  const Plan plan = make_plan(setup);
  ExampleOrder order(setup);
  StepRecord record;
  const auto finite = [&](int64_t i) {
    try {
      runner.run(order.batch(i, plan.counts), i, setup.schedule->factor(i, plan.counts), record);
    } catch (const Error& error) {  // no parameter was changed: the step can be computed again
      if (error.kind() != ErrorKind::non_finite) throw;
      return false;
    }
    return true;
  };
  for (int64_t i = 0; i < step; ++i)
    if (!finite(i)) step = i;
  std::optional<Recorder> recorder;
  if (options) {
    recorder.emplace(*options);
    name_parameters(*recorder, run.store);
  }
  finite(step);  // if it is not, what there is up to here is what one wants to see
  return recorder ? recorder->finish() : Recording{};
}

}  // namespace

Recording record_step(const std::string& path, const StepToRecord& options) {
  Experiment experiment = prepare_for(path, options);
  const uint64_t seed = experiment.seeds.front();
  int64_t first = 0, step = options.step;
  run_steps(*build(experiment, seed), first, nullptr);  // buffers and pages are warm afterwards
  Recording recording = run_steps(*build(experiment, seed), step, &options.recorder);
  recording.places = places_of_parts(experiment.loaded.tree);
  recording.about = {{"experiment", experiment.name},     {"step", std::to_string(step + 1)},
                     {"seed", std::to_string(seed)},      {"threads", std::to_string(threads())},
                     {"program", std::string(version())}, {"config_hash", experiment.hash}};
  return recording;
}

void save_recording(const std::string& path, const Recording& recording) { write_file_atomically(path, encode(recording)); }
Recording load_recording(const std::string& path) { return decode(read_file(path), path); }

bool is_recording(const std::string& path) {
  std::error_code problem;
  if (!std::filesystem::is_regular_file(path, problem)) return false;
  std::ifstream in(path, std::ios::binary);
  char first[8] = {};
  in.read(first, sizeof first);
  return std::string_view(first, size_t(in.gcount())) == "TAPEDECK";
}

}  // namespace tapedeck
