// Running an experiment: its folder, its stages one after the other, and going on with a folder that was left.
// Next: seed_runs.cpp.
#include <algorithm>
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/run/run.h>

#include "src/config/locations.h"
#include "src/run/run_folder.h"
#include "src/run/seed_runs.h"
#include "src/train/checked_json.h"
#include "src/train/files.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

RunResult resume_one(const std::string& folder, const std::string& earlier, const std::string& later, const RunOptions& options) {
  const Json before = read_checked_json(folder + "/resolved.json");
  Experiment experiment = prepare(folder + "/resolved.json", options.sets, Weights::in_checkpoint);
  const std::vector<std::string> changes = forbidden_changes(before, experiment.resolved);
  if (!changes.empty())
    throw Error(ErrorKind::checkpoint, "a run that goes on keeps its options, but these would change: " + join(changes, "; "),
                "only training.duration, training.time_limit, training.recompute, logging, notes and runtime.threads may change; "
                "start a new run for "
                "the rest");
  if (options.begun) options.begun();
  return resume_seeds(experiment, {before, !later.empty() && fs::exists(later + "/log.txt")}, folder, earlier, options);
}

/// What runs one stage: its number, its folder, the folder of the stage before.
using StageRun = std::function<RunResult(size_t, const std::string& folder, const std::string& earlier)>;

/// First to last; a stage that fails or is stopped ends the run.
RunResult run_stages(const std::string& folder, const std::vector<std::string>& folders, const StageRun& run) {
  RunResult result;
  bool nothing_left = true;
  for (size_t i = 0; i < folders.size() && result.exit_code == 0; ++i) {
    result = run(i, folders[i], i == 0 ? "" : folders[i - 1]);
    nothing_left &= result.nothing_left;
  }
  result.folder = folder;
  result.nothing_left = nothing_left;
  return result;
}

}  // namespace

RunResult run_experiment(const std::string& path, const RunOptions& options) {
  ExperimentFile file = prepare_all(path, options.sets);
  const Json* output = value_at(file.resolved, "output");
  const std::string root = !options.output.empty() ? options.output : output ? output->string : "runs";
  if (options.begun) options.begun();
  const std::string folder =
      options.folder.empty() ? make_run_folder(root, file.name, file.hash) : make_new_folder(options.folder);
  std::vector<std::string> inputs;
  for (const Experiment& experiment : file.experiments)
    for (std::string& input : input_files(experiment.first->config))
      if (std::find(inputs.begin(), inputs.end(), input) == inputs.end()) inputs.push_back(std::move(input));
  const std::vector<std::string> folders = stage_folders(folder, file.resolved);
  for (size_t i = 0; i < folders.size(); ++i) {
    const Experiment& stage = file.experiments[i];
    make_folder(folders[i]);
    write_inputs(folders[i], stage.loaded, stage.resolved, input_files(stage.first->config), options.command_line);
  }
  write_inputs(folder, file.loaded, file.resolved, inputs, options.command_line);
  if (options.output.empty() && options.folder.empty()) point_latest_at(folder);  // DIR/**/metrics.json shall name every run once
  if (folders.empty()) return run_seeds(file.experiments.front(), folder, "", options);
  return run_stages(folder, folders, [&](size_t i, const std::string& stage, const std::string& earlier) {
    use_runtime(file.experiments[i].first->config.runtime);
    return run_seeds(file.experiments[i], stage, earlier, options);
  });
}

RunResult resume_run(const std::string& given, const RunOptions& options) {
  std::string folder = fs::absolute(given).lexically_normal().string();
  if (folder.ends_with('/')) folder.pop_back();
  if (!fs::exists(folder + "/resolved.json"))
    throw Error(ErrorKind::checkpoint, text(given, " is not a run folder: it has no resolved.json"),
                "name the folder that `tapedeck run` printed");
  const std::string above = fs::path(folder).parent_path().string();
  const std::vector<std::string> siblings = stage_folders(above);  // a stage goes on as part of its run
  if (std::find(siblings.begin(), siblings.end(), folder) != siblings.end()) folder = above;
  const std::vector<std::string> folders = stage_folders(folder);
  if (folders.empty()) return resume_one(folder, "", "", options);
  {
    const FolderLock alone(folder);
    sweep_leftovers(folder);
  }
  return run_stages(folder, folders, [&](size_t i, const std::string& stage, const std::string& earlier) {
    return resume_one(stage, earlier, i + 1 < folders.size() ? folders[i + 1] : "", options);
  });
}

Check check_experiment(const std::string& path, const std::vector<std::string>& sets) {
  Check check;
  check.experiment = prepare(path, sets);
  check.run = build(check.experiment, check.experiment.seeds.front());
  check.dry_run = dry_run(setup_of(*check.run));
  return check;
}

std::string_view version() { return TAPEDECK_VERSION; }

}  // namespace tapedeck
