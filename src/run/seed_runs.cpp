// From prepared seeds to their results: build, train, record; a seed that fails is a result as well when there are others.
// Next: run_recorder.cpp (what is written meanwhile), summary.cpp (what is written afterwards).
#include "src/run/seed_runs.h"

#include <algorithm>
#include <filesystem>

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

class SeedRuns {
 public:
  SeedRuns(Experiment& experiment, const std::string& folder, const std::string& earlier, const RunOptions& options)
      : experiment_(experiment), folder_(folder), earlier_(earlier), options_(options), lock_(folder_), log_(folder_) {
    const ExperimentConfig& config = experiment.first->config;
    const bool silent = options.progress == ProgressMode::automatic && !config.logging.writes("console");
    progress_ = Progress::make(silent ? ProgressMode::none : options.progress);
    start_line_ = start_line(config.runtime);
    tokenizer_ = config.tokenizer.name();
  }

  void go_on(const Json& before) {
    const Json& now = experiment_.resolved;
    if (now.dump() != before.dump()) write_file_atomically(folder_ + "/resolved.json", with_checksum(now));
    const Json *was = value_at(before, "training.duration"), *is = value_at(now, "training.duration");
    if (was && is && was->string == is->string) return log_.line("resumed");
    log_.line(text("resumed, training.duration is now ", is ? is->string : ""));
    std::error_code ignored;  // no seed counts as done any more
    for (uint64_t seed : experiment_.seeds) fs::remove(seed_folder(folder_, seed) + "/metrics.json", ignored);
  }

  RunResult run(bool resume) {
    RunResult result{.folder = folder_, .name = experiment_.name, .seeds = {}, .nothing_left = resume};
    progress_->begin("");
    announce(start_line_);
    log_.line(text("unknown tokens: ", unknown_text(*experiment_.data)));
    for (const std::string& note : data_notes(*experiment_.data, tokenizer_)) announce(note);
    for (size_t i = 0; i < experiment_.seeds.size(); ++i) {
      const uint64_t seed = experiment_.seeds[i];
      const RunRecorder::Where where{folder_, seed_folder(folder_, seed), seed, int(i) + 1, int(experiment_.seeds.size())};
      if (resume && fs::exists(where.seed_folder + "/metrics.json")) {
        result.seeds.push_back(read_seed_result(where.seed_folder, seed));
      } else {
        result.nothing_left = false;
        result.seeds.push_back(run_seed(where, resume));
      }
      if (options_.stop_signal && *options_.stop_signal) return interrupted(std::move(result));
    }
    return finished(std::move(result));
  }

 private:
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

  /// The failure of the only seed is thrown, that of one of several is its result.
  SeedResult run_seed(const RunRecorder::Where& where, bool resume) {
    make_folder(where.seed_folder);
    status_ = {.seed = where.seed};
    try {
      return train_seed(where, resume);
    } catch (const Error& error) {
      progress_->end();
      const int code = exit_code(error.kind());
      if (where.of > 1) {
        announce(text("seed ", where.seed, " failed: ", error.what()));
        return {
            .seed = where.seed, .folder = where.seed_folder, .stop_reason = "failed", .failure = error.what(), .exit_code = code};
      }
      log_.line(text("failed: ", error.what()));
      end("failed", "", error.what(), code);
      throw;
    }
  }

  SeedResult train_seed(const RunRecorder::Where& where, bool resume) {
    const int64_t resumed_at = resume ? checkpoint_step(where.seed_folder) : -1;
    const std::unique_ptr<RunState> run =
        build(experiment_, where.seed, resumed_at >= 0 ? Weights::in_checkpoint : Weights::needed);
    for (const StartReport& start : run->starts) tell(start);
    if (!earlier_.empty()) tell(start_from(*run, seed_folder(earlier_, where.seed)));
    write_vocabulary(where.seed_folder, *run->data);
    RunRecorder recorder(where, run->config.logging, log_, *progress_, options_, status_, resumed_at);
    TrainSetup setup = setup_of(*run);
    setup.folder = where.seed_folder;
    setup.config_hash = experiment_.hash;
    setup.observer = &recorder;
    setup.stop_signal = options_.stop_signal;
    const TrainResult trained = train(setup, resume);
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
    status_.resumable = state != "finished";
    write_status(folder_, status_);
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
    const SeedResult& last = result.seeds.back();
    status_.seed = last.seed, status_.step = std::max(status_.step, last.steps);
    end(failed ? "failed" : "finished", last.stop_reason, error, result.exit_code);
    log_.line(failed ? error : "done");
    return result;
  }

  Experiment& experiment_;
  const std::string folder_, earlier_;
  const RunOptions& options_;
  FolderLock lock_;
  Log log_;
  std::unique_ptr<Progress> progress_;
  std::string start_line_, tokenizer_;
  Status status_;  // of the seed that is trained, then of the run
};

}  // namespace

RunResult run_seeds(Experiment& experiment, const std::string& folder, const std::string& earlier, const RunOptions& options) {
  return SeedRuns(experiment, folder, earlier, options).run(false);
}

RunResult resume_seeds(Experiment& experiment, const Json& before, const std::string& folder, const std::string& earlier,
                       const RunOptions& options) {
  SeedRuns seeds(experiment, folder, earlier, options);
  seeds.go_on(before);
  return seeds.run(true);
}

}  // namespace tapedeck
