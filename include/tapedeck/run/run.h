// What one does with an experiment file or a run folder: run, resume, evaluate, predict, dry run. The command line is a
// thin layer over this. Next: docs/guide/run.md for the run folder.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/config/config.h>
#include <tapedeck/config/source.h>
#include <tapedeck/train/class_metrics.h>

namespace tapedeck {

std::string_view version();  // "0.1.0": of CMakeLists.txt, the one place that says it

/// The data of an experiment, read and encoded once for all seeds and stages that ask for the same.
struct ExperimentData {
  std::string asked;  // the options that decide them, as text
  Splits rows;
  Dataset train, validation, test;
  ModelInput input;
  Json tokenizer_state;
  std::string vocabulary_hash;
};

/// Everything of one seed: parts of its own, a model, parameters drawn from root_key(seed) / "init".
struct RunState {
  uint64_t seed = 0;
  ExperimentConfig config;
  std::shared_ptr<const ExperimentData> data;
  ParamStore store;
  std::unique_ptr<Model> model;
  std::vector<StartReport> starts;                          // what came of weights that the model brings along
  std::vector<std::pair<std::string, std::string>> places;  // of its parts in the experiment: look/recording.h
};

/// A checked experiment with its data: what everything else starts from.
struct Experiment {
  LoadedExperiment loaded;  // ${seed} still in place when there are several seeds
  std::string name, hash;
  Json resolved;  // every value in force
  std::vector<uint64_t> seeds;
  std::shared_ptr<const ExperimentData> data;
  std::unique_ptr<RunState> first;  // of the first seed, which the checks used, until build() hands it out
};
/// Loads, binds, reads the data and checks; throws Error{config} with every mistake at once, Error{data} for the data.
/// An empty path means the built-in experiment. Sets threads and GEMM backend. With stages all are checked, and the first
/// returned.
/// Weights: whether a model that starts from a folder needs its weights; a run that goes on has them in its checkpoint.
enum class Weights { needed, in_checkpoint };
Experiment prepare(const std::string& path, const std::vector<std::string>& sets, Weights weights = Weights::needed);

/// A file as a whole: the experiment, or one for each of its stages.
struct ExperimentFile {
  LoadedExperiment loaded;
  std::string name, hash;
  Json resolved;
  std::vector<Experiment> experiments;
};
ExperimentFile prepare_all(const std::string& path, const std::vector<std::string>& sets);

/// The run as the trainer sees it: parts, data, seed.
TrainSetup setup_of(RunState& run);
/// Threads, GEMM backend and precision of everything that follows.
void use_runtime(const RuntimeOptions& runtime);
/// All seeds share one split, so that their differences are differences of training.
Key data_key();
/// What one seed starts from. The first seed's was built and tried by prepare(): it is handed out once, with nothing left of the
/// trial.
std::unique_ptr<RunState> build(Experiment& experiment, uint64_t seed, Weights weights = Weights::needed);

enum class ProgressMode { automatic, live, plain, json, none };
struct RunOptions {
  std::vector<std::string> sets = {};
  std::string output = {};  // -o: folder that receives the run instead of "output" or runs/
  std::string folder = {};  // exactly this folder, which must be new, instead of one below output
  ProgressMode progress = ProgressMode::automatic;
  bool verbose = false;                        // also say when checkpoints are saved
  std::vector<std::string> command_line = {};  // for environment.json
  const std::atomic<int>* stop_signal = nullptr;
  std::function<void()> begun = {};  // called before anything is written: from here on a stop signal ends with a saved state
  std::function<void(int64_t step)> after_step = {};  // called after every update, for programs that embed a run
};

/// What became of one seed; failure is empty unless it failed.
struct SeedResult {
  uint64_t seed = 0;
  std::string folder = {}, stop_reason = {}, failure = {};
  int exit_code = 0;
  int64_t steps = 0;
  double seconds = 0;
  std::map<std::string, double> best = {}, last = {}, test = {};
  std::map<std::string, double> memory = {};  // bytes at the peak by purpose, their sum "peak", and "resident_peak"
};
std::map<std::string, double> memory_values(const MemoryUse& use);
struct RunResult {
  std::string folder, name;
  std::vector<SeedResult> seeds;
  bool nothing_left = false;  // resume found every seed finished
  int exit_code = 0;          // 0, 7 when some seeds failed, 128 + signal
};
/// The exit codes of errors are those of the errors thrown; a single seed's failure is thrown, those of several are collected.
RunResult run_experiment(const std::string& path, const RunOptions& options);
/// Goes on from the last checkpoint. Error{checkpoint} listing the differences if anything but the free options changed.
RunResult resume_run(const std::string& folder, const RunOptions& options);

/// n, mean, standard deviation (n - 1), extremes and the 95 % interval of the mean by Student's t.
struct Statistics {
  int64_t n = 0;
  double mean = 0, sd = 0, low = 0, high = 0, interval_low = 0, interval_high = 0;
};
Statistics statistics(const std::vector<double>& values);

/// A checkpoint of a run folder (or of its seed-N folder), ready to be used.
struct LoadedRun {
  std::string folder, checkpoint;  // the seed's folder; the checkpoint's
  std::vector<std::string> notes;  // what whoever uses it should be told: files without a checksum
  ExperimentConfig config;
  ModelInput input;
  std::shared_ptr<const Task> task;
  ParamStore store;
  std::unique_ptr<Model> model;
  std::function<void(const std::string&)> note = {};  // hears of rows that are left out or cut, and of unknown tokens
};
/// which: "best" or "last". Needs no training data. Error{checkpoint} if there is none.
std::unique_ptr<LoadedRun> open_run(const std::string& folder, const std::string& which);
/// Folders with checkpoints: the run itself, or its seeds.
std::vector<std::string> seed_folders(const std::string& run_folder);

/// Metrics of a split ("validation", "test") of the run's own data, or of a file in the same format. classes: receives the report
/// by class, under the name of the split or the path.
std::map<std::string, double> evaluate_split(LoadedRun& run, const std::string& split, ClassReports* classes = nullptr);
/// Both of them, as far as the data have them; the data are read once.
std::map<std::string, std::map<std::string, double>> evaluate_splits(LoadedRun& run, ClassReports* classes = nullptr);
std::map<std::string, double> evaluate_file(LoadedRun& run, const std::string& path, ClassReports* classes = nullptr);
/// One JSON object per row: text, what the task predicts, and the label where there is one. Error{usage} for a task that has no
/// answer per row.
void predict_file(LoadedRun& run, const std::string& path, const std::function<void(const std::string&)>& line);

/// One step on the longest batch, nothing kept.
struct Check {
  Experiment experiment;
  std::unique_ptr<RunState> run;
  DryRun dry_run;
};
Check check_experiment(const std::string& path, const std::vector<std::string>& sets);

}  // namespace tapedeck
