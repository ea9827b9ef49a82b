// From prepared seeds to their results: build, train, record; a seed that fails is a result as well when there are others.
// Next: run_recorder.cpp (what is written meanwhile), summary.cpp (what is written afterwards).
#include "src/run/seed_runs.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/tensor/machine.h>
#include <tapedeck/train/checkpoint.h>

#include "src/config/locations.h"
#include "src/run/data_notes.h"
#include "src/run/predictions.h"
#include "src/run/run_recorder.h"
#include "src/run/summary.h"
#include "src/run/warm_start.h"
#include "src/train/checked_json.h"
#include "src/train/checkpoint_folder.h"
#include "src/train/evaluator.h"
#include "src/train/plan.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

std::string start_line(const RuntimeOptions& runtime) {
  const Machine m = machine();
  return text("threads ", threads(), " (cores ", m.cores, ", usable ", m.usable, "), ", m.instruction_set, " kernels, ", m.gemm,
              " products, ", m.blas, ", ", name_of(runtime.dtype), ", deterministic yes");
}

/// Memory that is given back when there is none left, so that the end can be told.
constexpr size_t reserve = size_t{1} << 18;

class SeedRuns {
 public:
  SeedRuns(Experiment& experiment, const std::string& folder, const std::string& earlier, const RunOptions& options)
      : experiment_(experiment),
        folder_(folder),
        earlier_(earlier),
        options_(options),
        lock_(folder_),
        log_(folder_, [this](const std::string& line) { progress_->line(line); }),
        best_metric_("validation/" + Evaluator(setup_of(*experiment.first)).best_metric()),
        keep_(experiment.first->config.checkpoints.keep),
        total_steps_(make_plan(setup_of(*experiment.first)).counts.total) {
    const ExperimentConfig& config = experiment.first->config;
    const bool silent = options.progress == ProgressMode::automatic && !config.logging.writes("console");
    progress_ = Progress::make(silent ? ProgressMode::none : options.progress);
    start_line_ = start_line(config.runtime);
    tokenizer_ = config.tokenizer.name();
  }

  /// Trains every seed, or those that are not done. However it ends, status.json says so.
  RunResult run(const Resumed* resumed) {
    try {
      if (resumed) go_on(*resumed);
      return train_all(resumed);
    } catch (...) {
      reserve_.reset();
      const Error error = as_error(std::current_exception());
      progress_->end();
      log_.line(text("failed: ", error.what()));
      end("failed", "", error.what(), exit_code(error.kind()));
      throw error;
    }
  }

 private:
  void go_on(const Resumed& resumed) {
    sweep_leftovers(folder_);
    const Json& now = experiment_.resolved;
    const Json *was = value_at(resumed.before, "training.duration"), *is = value_at(now, "training.duration");
    const bool same = was && is && was->string == is->string;
    log_.line(same ? "resumed" : text("resumed, training.duration is now ", is ? is->string : ""));
    if (!same)  // no seed counts as done any more
      for (uint64_t seed : experiment_.seeds) remove_all(seed_folder(folder_, seed) + "/metrics.json");
    if (now.dump() != resumed.before.dump()) write_file_atomically(folder_ + "/resolved.json", with_checksum(now));
  }

  RunResult train_all(const Resumed* resume) {
    RunResult result{.folder = folder_, .name = experiment_.name, .seeds = {}, .nothing_left = resume != nullptr};
    progress_->begin("");
    announce(start_line_);
    log_.line(text("unknown tokens: ", unknown_text(*experiment_.data)));
    for (const std::string& note : data_notes(*experiment_.data, tokenizer_)) announce(note);
    for (size_t i = 0; i < experiment_.seeds.size(); ++i) {
      const uint64_t seed = experiment_.seeds[i];
      const RunRecorder::Where where{folder_, seed_folder(folder_, seed), seed, int(i) + 1, int(experiment_.seeds.size())};
      std::optional<SeedResult> done;
      if (resume) done = done_before(where, *resume);
      if (!done) result.nothing_left = false;
      result.seeds.push_back(done ? std::move(*done) : run_seed(where, resume));
      if (options_.stop_signal && *options_.stop_signal) return interrupted(std::move(result));
    }
    return finished(std::move(result));
  }

  std::string seed_folder(const std::string& folder, uint64_t seed) const {
    return experiment_.seeds.size() == 1 ? folder : text(folder, "/seed-", seed);
  }

  void announce(const std::string& line) {
    log_.line(line);
    progress_->line(line);
  }

  /// The log has every name.
  void tell(const StartReport& start) {
    progress_->line("starts from " + start.summary());
    log_.line(text("starts from ", start.from, ": ", start.loaded.size(), " tensors loaded"));
    if (!start.fresh.empty()) log_.line("new: " + join(start.fresh));
    if (!start.unused.empty()) log_.line("unused: " + join(start.unused));
  }

  /// The result of a seed that needs nothing more, or nothing. Its folder is put in order like that of one that goes on.
  std::optional<SeedResult> done_before(const RunRecorder::Where& where, const Resumed& resumed) {
    for (const char* below : {"", "/predictions"}) sweep_leftovers(where.seed_folder + below);
    if (!fs::exists(where.seed_folder + "/metrics.json")) return {};
    std::optional<SeedResult> found;
    try {
      found = read_seed_result(where.seed_folder, where.seed);
    } catch (const Error& e) {
      if (e.kind() == ErrorKind::memory) throw;
      announce(text("metrics.json is written again: ", e.message()));
    }
    const std::optional<int64_t> newest = settle(where);
    const bool limited = found && found->stop_reason == "time_limit" && !resumed.followed;
    if (found && !limited && (!newest || *newest == found->steps)) return found;
    remove_all(where.seed_folder + "/metrics.json");
    return {};
  }

  /// The step of the newest whole checkpoint, whose folder is put in order; nothing where none is whole.
  std::optional<int64_t> settle(const RunRecorder::Where& where) {
    const Note note = [this](const std::string& line) { announce(line); };
    try {
      return CheckpointFolder(where.seed_folder, keep_, best_metric_, note).settle();
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::checkpoint) throw;
      announce(text("warning: ", e.message()));
      return {};
    }
  }

  /// The failure of the only seed is thrown, that of one of several is its result.
  SeedResult run_seed(const RunRecorder::Where& where, bool resume) {
    make_folder(where.seed_folder);
    status_ = {.seed = where.seed, .total_steps = total_steps_};
    if (where.of == 1) return train_seed(where, resume);
    try {
      return train_seed(where, resume);
    } catch (...) {
      const Error error = as_error(std::current_exception());
      progress_->end();
      announce(text("seed ", where.seed, " failed: ", error.what()));
      return {.seed = where.seed,
              .folder = where.seed_folder,
              .stop_reason = "failed",
              .failure = error.what(),
              .exit_code = exit_code(error.kind())};
    }
  }

  SeedResult train_seed(const RunRecorder::Where& where, bool resume) {
    const bool in_checkpoint = resume && has_checkpoint(where.seed_folder, "last");
    const std::unique_ptr<RunState> run =
        build(experiment_, where.seed, in_checkpoint ? Weights::in_checkpoint : Weights::needed);
    for (const StartReport& start : run->starts) tell(start);
    if (!earlier_.empty()) tell(start_from(*run, seed_folder(earlier_, where.seed)));
    write_vocabulary(where.seed_folder, *run->data);
    RunRecorder recorder(where, run->config.logging, log_, *progress_, options_, status_);
    TrainSetup setup = setup_of(*run);
    setup.folder = where.seed_folder;
    setup.config_hash = experiment_.hash;
    setup.observer = &recorder;
    setup.stop_signal = options_.stop_signal;
    const TrainResult trained = train(setup, resume);
    recorder.saving();
    progress_->end();
    if (!trained.signal) {
      const ClassReports classes = write_best_predictions(*run, where.seed_folder);
      for (const auto& [split, report] : classes)
        if (const std::string warning = report.warning(); !warning.empty()) announce(text(split, ": ", warning));
      write_metrics(where.seed_folder, trained, where.seed, classes,
                    data_json(*run->data));  // last: its presence means that the seed is done
    }
    return {.seed = where.seed,
            .folder = where.seed_folder,
            .stop_reason = trained.stop_reason,
            .steps = trained.steps,
            .seconds = trained.seconds,
            .best = trained.best,
            .last = trained.last,
            .test = trained.test,
            .memory = memory_values(trained.memory)};
  }

  void end(const std::string& state, const std::string& reason, const std::string& error, int code) {
    status_.state = state, status_.stop_reason = reason, status_.error = error, status_.exit_code = code;
    status_.resumable = state != "finished" || reason == "time_limit";
    if (const std::string problem = write_status(folder_, status_); !problem.empty()) progress_->line("warning: " + problem);
  }

  RunResult interrupted(RunResult result) {
    const int signal = *options_.stop_signal;
    result.exit_code = 128 + signal;
    end("interrupted", "signal", "", result.exit_code);
    announce(text("stopped by signal ", signal, " after step ", status_.step, "; go on with: tapedeck resume ", folder_));
    return result;
  }

  RunResult finished(RunResult result) {
    const auto failed =
        std::count_if(result.seeds.begin(), result.seeds.end(), [](const SeedResult& s) { return !s.failure.empty(); });
    const std::string error = failed ? text(failed, " of ", result.seeds.size(), " seeds failed") : "";
    if (failed) result.exit_code = 7;
    write_summary(folder_, result.seeds);
    const SeedResult* last = &result.seeds.back();
    for (const SeedResult& seed : result.seeds)
      if (seed.stop_reason == "time_limit") last = &seed;
    status_.total_steps = total_steps_;
    status_.seed = last->seed, status_.step = std::max(status_.step, last->steps);
    if (last->stop_reason == "time_limit")
      announce(
          text("training.time_limit ended this session after step ", last->steps, "; go on with: tapedeck resume ", folder_));
    end(failed ? "failed" : "finished", last->stop_reason, error, result.exit_code);
    log_.line(failed ? error : "done");
    return result;
  }

  Experiment& experiment_;
  const std::string folder_, earlier_;
  const RunOptions& options_;
  FolderLock lock_;
  Log log_;
  std::unique_ptr<Progress> progress_;
  const std::string best_metric_;
  const CheckpointOptions::Keep keep_;
  const int64_t total_steps_;
  std::string start_line_, tokenizer_;
  std::unique_ptr<char[]> reserve_ = std::make_unique<char[]>(reserve);
  Status status_;  // of the seed that is trained, then of the run
};

}  // namespace

RunResult run_seeds(Experiment& experiment, const std::string& folder, const std::string& earlier, const RunOptions& options) {
  return SeedRuns(experiment, folder, earlier, options).run(nullptr);
}

RunResult resume_seeds(Experiment& experiment, const Resumed& resumed, const std::string& folder, const std::string& earlier,
                       const RunOptions& options) {
  return SeedRuns(experiment, folder, earlier, options).run(&resumed);
}

}  // namespace tapedeck
