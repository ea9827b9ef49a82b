// Running an experiment: one folder, one training per seed, a summary over them; and going on with a folder that was left.
// Next: run_recorder.cpp (what is written meanwhile), summary.cpp (what is written afterwards).
#include <algorithm>
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/run/run.h>
#include <tapedeck/tensor/machine.h>
#include <tapedeck/train/checkpoint.h>

#include "src/config/locations.h"
#include "src/run/predictions.h"
#include "src/run/run_folder.h"
#include "src/run/run_recorder.h"
#include "src/run/summary.h"
#include "src/run/warm_start.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

std::string start_line(const RuntimeOptions& runtime) {
  const Machine m = machine();
  return text("threads ", threads(), " (cores ", m.cores, ", usable ", m.usable, "), ", m.instruction_set, " kernels, ", m.gemm,
              " products, ", m.blas, ", ", name_of(runtime.dtype), ", deterministic yes");
}

int64_t checkpoint_step(const std::string& seed_folder) {
  const std::string path = seed_folder + "/checkpoints/last.json";
  if (!fs::exists(path)) return -1;
  const Json json = read_json_file(path);
  const Json::Member* member = json.find("path");
  const std::string name = member ? member->value.string : "";
  const size_t dash = name.rfind('-');
  return dash == std::string::npos ? -1 : std::atoll(name.c_str() + dash + 1);
}

/// A run in progress: what the seeds share.
class SeedRuns {
 public:
  /// earlier: the folder of the stage before, or nothing.
  SeedRuns(const Experiment& experiment, std::string folder, const RunOptions& options, std::string earlier = "")
      : experiment_(experiment), folder_(std::move(folder)), earlier_(std::move(earlier)), options_(options), lock_(folder_), log_(folder_) {
    ProgressMode mode = options.progress;
    if (!experiment.config.logging.writes("console") && mode == ProgressMode::automatic) mode = ProgressMode::none;
    progress_ = Progress::make(mode);
  }

  Log& log() { return log_; }
  /// No seed counts as done any more.
  void reopen() {
    std::error_code ignored;
    for (uint64_t seed : experiment_.config.all_seeds()) fs::remove(seed_folder(seed) + "/metrics.json", ignored);
  }

  /// resume: seeds that are done (those with metrics.json) are left alone.
  RunResult run(bool resume) {
    RunResult result;
    result.folder = folder_;
    result.name = experiment_.config.name;
    result.nothing_left = resume;
    const std::vector<uint64_t> seeds = experiment_.config.all_seeds();
    progress_->begin("");
    announce(start_line(experiment_.config.runtime));
    for (size_t i = 0; i < seeds.size(); ++i) {
      const std::string folder = seed_folder(seeds[i]);
      if (resume && fs::exists(folder + "/metrics.json")) {
        result.seeds.push_back(read_seed_result(folder, seeds[i]));
        continue;
      }
      result.nothing_left = false;
      result.seeds.push_back(run_seed(seeds[i], {folder_, folder, seeds[i], int(i) + 1, int(seeds.size())}, resume));
      if (options_.stop_signal && *options_.stop_signal) return interrupted(std::move(result));
    }
    return finished(std::move(result));
  }

 private:
  std::string seed_folder(uint64_t seed) const { return seed_folder(folder_, seed); }
  std::string seed_folder(const std::string& folder, uint64_t seed) const {
    return experiment_.config.all_seeds().size() == 1 ? folder : text(folder, "/seed-", seed);
  }

  void announce(const std::string& line) {
    log_.line(line);
    progress_->line(line);
  }

  SeedResult run_seed(uint64_t seed, const RunRecorder::Where& place, bool resume) {
    make_folder(place.seed_folder);
    try {
      return train_seed(seed, place, resume);
    } catch (const Error& error) {
      progress_->end();
      if (place.of == 1) {
        log_.line(text("failed: ", error.what()));
        fail(seed, error);
        throw;
      }
      announce(text("seed ", seed, " failed: ", error.what()));
      return {.seed = seed,
              .folder = place.seed_folder,
              .stop_reason = "failed",
              .failure = error.what(),
              .exit_code = exit_code(error.kind())};
    }
  }

  SeedResult train_seed(uint64_t seed, const RunRecorder::Where& place, bool resume) {
    const std::unique_ptr<RunState> run = build(experiment_, seed);
    ExperimentConfig& config = run->config;
    if (!earlier_.empty()) announce(start_from(*run, seed_folder(earlier_, seed)));
    write_vocabulary(place.seed_folder, *run->data);
    RunRecorder recorder(place, config.logging, log_, *progress_, options_, resume ? checkpoint_step(place.seed_folder) : -1);
    TrainSetup setup = setup_of(*run);
    setup.seed = seed;
    setup.folder = place.seed_folder;
    setup.config_hash = experiment_.hash;
    setup.observer = &recorder;
    setup.stop_signal = options_.stop_signal;
    TrainResult trained;
    try {
      trained = train(setup, resume);
    } catch (const Error&) {
      steps_done_ = recorder.steps_done();
      throw;
    }
    progress_->end();
    steps_done_ = trained.steps;
    total_steps_ = recorder.total_steps();
    SeedResult result{.seed = seed,
                      .folder = place.seed_folder,
                      .stop_reason = trained.stop_reason,
                      .steps = trained.steps,
                      .seconds = trained.seconds,
                      .best = trained.best,
                      .last = trained.last,
                      .test = trained.test,
                      .memory = memory_values(trained.memory)};
    if (trained.signal) return result;
    write_best_predictions(*run, place.seed_folder);
    write_metrics(place.seed_folder, trained, seed);                 // last: its presence means that the seed is done
    return result;
  }

  Status status(const std::string& state, const std::string& reason, const RunResult& result) const {
    return {.state = state,
            .stop_reason = reason,
            .seed = result.seeds.empty() ? 0 : result.seeds.back().seed,
            .step = steps_done_,
            .total_steps = total_steps_,
            .exit_code = result.exit_code,
            .resumable = state != "finished"};
  }

  void fail(uint64_t seed, const Error& error) {
    write_status(folder_, {.state = "failed",
                           .error = error.what(),
                           .seed = seed,
                           .step = steps_done_,
                           .exit_code = exit_code(error.kind()),
                           .resumable = true});
  }

  RunResult interrupted(RunResult result) {
    const int signal = *options_.stop_signal;
    result.exit_code = 128 + signal;
    write_status(folder_, status("interrupted", "signal", result));
    announce(text("stopped by signal ", signal, " after step ", steps_done_, "; go on with: tapedeck resume ", folder_));
    return result;
  }

  RunResult finished(RunResult result) {
    const auto failed =
        std::count_if(result.seeds.begin(), result.seeds.end(), [](const SeedResult& s) { return !s.failure.empty(); });
    if (failed) result.exit_code = 7;
    write_summary(folder_, result.seeds);
    steps_done_ = std::max(steps_done_, result.seeds.back().steps);
    Status done = status(failed ? "failed" : "finished", result.seeds.back().stop_reason, result);
    if (failed) done.error = text(failed, " of ", result.seeds.size(), " seeds failed");
    write_status(folder_, done);
    log_.line(failed ? done.error : "done");
    return result;
  }

  const Experiment& experiment_;
  const std::string folder_, earlier_;
  const RunOptions& options_;
  FolderLock lock_;
  Log log_;
  std::unique_ptr<Progress> progress_;
  int64_t steps_done_ = 0, total_steps_ = 0;
};

}  // namespace

TrainSetup setup_of(RunState& run) {
  ExperimentConfig& config = run.config;
  TrainSetup setup;
  setup.model = run.model.get();
  setup.store = &run.store;
  setup.objective = config.objective.get();
  setup.optimizer = config.optimizer.get();
  setup.schedule = config.schedule.get();
  setup.train = &run.data->train;
  setup.validation = &run.data->validation;
  setup.test = &run.data->test;
  setup.training = &config.training;
  setup.evaluation = &config.evaluation;
  setup.checkpoints = &config.checkpoints;
  setup.vocabulary_hash = run.data->vocabulary_hash;
  setup.places = run.places;
  return setup;
}

namespace {

RunResult resume_one(const std::string& folder, const RunOptions& options, const std::string& earlier) {
  const std::string resolved_path = folder + "/resolved.json";
  Experiment experiment = prepare(resolved_path, options.sets);
  const Json before = read_json_file(resolved_path), after = resolved_tree(experiment.config);
  const std::vector<std::string> changes = forbidden_changes(before, after);
  if (!changes.empty())
    throw Error(ErrorKind::checkpoint, "a run that goes on keeps its options, but these would change: " + join(changes, "; "),
                "only training.duration, training.time_limit, training.recompute, logging, notes and runtime.threads may change; start a new run for "
                "the rest");
  SeedRuns session(experiment, folder, options, earlier);
  if (after.dump() != before.dump()) write_file_atomically(resolved_path, after.dump() + "\n");
  const Json* duration = value_at(before, "training.duration");
  const std::string now = experiment.config.training.duration.str();
  const bool other_length = !duration || duration->string != now;
  session.log().line(other_length ? "resumed, training.duration is now " + now : "resumed");
  if (other_length) session.reopen();
  return session.run(true);
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
  std::vector<Experiment> experiments = prepare_all(path, options.sets);
  Diagnostics none;
  LoadedExperiment whole = load_experiment(path, options.sets, none);
  ExperimentConfig config;
  bind_experiment(whole.tree, config, none);
  const std::string root = !options.output.empty() ? options.output : config.output ? config.output.path : "runs";
  const std::string folder = make_run_folder(root, config.name, config_hash(resolved_tree(config)));
  write_inputs(folder, whole, config, options.command_line);
  if (options.output.empty()) point_latest_at(folder);            // DIR/**/metrics.json shall name every run once
  const std::vector<std::string> folders = stage_folders(folder);
  if (folders.empty()) return SeedRuns(experiments.front(), folder, options).run(false);
  for (size_t i = 0; i < folders.size(); ++i) {
    make_folder(folders[i]);
    write_inputs(folders[i], experiments[i].loaded, experiments[i].config, options.command_line);
  }
  return run_stages(folder, folders, [&](size_t i, const std::string& stage, const std::string& earlier) {
    use_runtime(experiments[i].config.runtime);
    return SeedRuns(experiments[i], stage, options, earlier).run(false);
  });
}

RunResult resume_run(const std::string& given, const RunOptions& options) {
  std::string folder = fs::absolute(given).lexically_normal().string();
  if (folder.ends_with('/')) folder.pop_back();
  if (!fs::exists(folder + "/resolved.json"))
    throw Error(ErrorKind::checkpoint, text(given, " is not a run folder: it has no resolved.json"),
                "name the folder that `tapedeck run` printed");
  const std::string above = fs::path(folder).parent_path().string();
  const std::vector<std::string> siblings = stage_folders(above);   // a stage goes on as part of its run
  if (std::find(siblings.begin(), siblings.end(), folder) != siblings.end()) folder = above;
  const std::vector<std::string> folders = stage_folders(folder);
  if (folders.empty()) return resume_one(folder, options, "");
  return run_stages(folder, folders, [&](size_t, const std::string& stage, const std::string& earlier) { return resume_one(stage, options, earlier); });
}

Check check_experiment(const std::string& path, const std::vector<std::string>& sets) {
  Check check{prepare(path, sets), {}};
  const auto run = build(check.experiment, check.experiment.config.all_seeds().front());
  TrainSetup setup = setup_of(*run);
  setup.seed = check.experiment.config.all_seeds().front();
  check.dry_run = dry_run(setup);
  return check;
}

std::string_view version() { return TAPEDECK_VERSION; }

}  // namespace tapedeck
