// The training loop: batches -> Step -> objective -> clip -> update, with evaluations, checkpoints, early stopping,
// signals and exact resume. It knows nothing of JSON files or terminals: an Observer hears what happens.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <tapedeck/data/dataset.h>
#include <tapedeck/nn/penalties.h>
#include <tapedeck/objectives/objective.h>
#include <tapedeck/train/metrics.h>
#include <tapedeck/train/optimizer.h>
#include <tapedeck/train/schedule.h>

namespace tapedeck {

/// Which mean of the weights is measured and kept instead of the weights themselves.
struct WeightAverage : Part {
  static constexpr const char* kind = "average";
  /// mean <- mean + share (weights - mean) after update `step`, from 1; a function of the step alone, so that runs resume.
  virtual double share(int64_t step, const StepCounts& counts) const = 0;
};

struct TrainingOptions : Part {
  Duration duration{3, Duration::Unit::epochs};
  int64_t batch_size = 32;                  // examples per update
  std::optional<int64_t> micro_batch_size;  // examples per forward pass; same update, less memory
  std::vector<std::string> recompute;       // segments whose values the backward sweep computes again
  Choice<Sampler> sampler{"shuffle"};
  bool drop_last = false;          // leave out the batch of an epoch that is not full
  std::vector<Penalty> penalties;  // on weights
  std::optional<double> clip_grad_norm;
  Choice<WeightAverage> average;
  Duration time_limit;  // of one session, in s, min, h; none: no limit
  void describe(Fields& f) override;
};
struct EvaluationOptions : Part {
  Duration every{1, Duration::Unit::epochs};
  bool at_start = false;
  std::vector<std::string> metrics;    // names of Registry<Metric>; default accuracy or spearman
  std::vector<Choice<Metric>> probes;  // metrics with options
  std::string best;                    // metric that picks the best checkpoint; default the first
  std::string direction;               // "max" | "min"; default from the metric
  Duration patience;                   // stop after so long without improvement; none: never
  double min_change = 0;
  int64_t batch_size = 64;
  void describe(Fields& f) override;
};
struct CheckpointOptions : Part {
  Duration every;  // none: at every evaluation
  struct Keep : Part {
    int64_t best = 1, last = 1;
    void describe(Fields& f) override;
  } keep;
  void describe(Fields& f) override;
};

struct StepRecord {
  int64_t step = 0, total_steps = 0;  // step: updates done so far
  int64_t turns = 1;                  // kinds of batches that come in turn
  double epoch = 0, loss = 0, lr = 0, grad_norm = 0;
  double seconds = 0, examples_per_second = 0;  // since train() began; of this update
  Numbers reports;                              // what the objective reported ("kl")
};
struct EvaluationRecord {
  int64_t step = 0;
  double epoch = 0, seconds = 0;         // since train() began
  std::string split;                     // "validation", "test"
  std::map<std::string, double> values;  // "loss", "accuracy", ...
  bool best = false;
  std::optional<double> previous_best;
};
struct Observer {
  virtual ~Observer() = default;
  virtual void begin(int64_t /*step*/) {}  // first: the step of the checkpoint that training goes on from, or -1 without one
  virtual void step(const StepRecord&) {}  // every update
  virtual void evaluation(const EvaluationRecord&) {}
  virtual void saving() {}  // a checkpoint is about to appear: what was told so far must outlive a power cut
  virtual void checkpoint(const std::string& /*path*/, int64_t /*step*/, bool /*best*/) {}
  virtual void note(const std::string& /*line*/) {}  // anything worth a line in the log
};

struct TrainSetup {
  Model* model = nullptr;
  ParamStore* store = nullptr;
  Objective* objective = nullptr;
  Optimizer* optimizer = nullptr;
  Schedule* schedule = nullptr;
  const Dataset* train = nullptr;
  const Dataset* validation = nullptr;  // may be empty
  const Dataset* test = nullptr;        // may be empty
  TrainingOptions* training = nullptr;
  EvaluationOptions* evaluation = nullptr;
  CheckpointOptions* checkpoints = nullptr;
  uint64_t seed = 0;
  std::string folder;       // receives checkpoints/, best.json, last.json; "" keeps nothing
  std::string config_hash;  // stored in state.json, checked on resume
  std::string vocabulary_hash;
  Observer* observer = nullptr;
  const std::atomic<int>* stop_signal = nullptr;                 // non-zero: finish the step, save, return
  std::vector<std::pair<std::string, std::string>> places = {};  // for a recording of a failing step: look/recording.h
};

struct TrainResult {
  std::string stop_reason;  // "duration", "patience", "time_limit", "signal"
  int signal = 0;
  int64_t steps = 0;
  double epochs = 0, seconds = 0;
  std::map<std::string, double> best, last, test;  // metrics; "step" included in best and last
  MemoryUse memory;                                // since train() began
};

/// Trains from the start, or from folder's last checkpoint when resume is set (bit-exact continuation).
/// Throws Error{non_finite} before a bad update, naming parameter and op; Error{checkpoint} when resume does not fit.
TrainResult train(const TrainSetup& setup, bool resume = false);

/// What one step needs: runs a forward, loss, backward and update on the longest batch and restores nothing; for `check`.
struct DryRun {
  int64_t parameters = 0;
  MemoryUse memory;
  double seconds_per_step = 0;
  int64_t steps = 0, steps_per_epoch = 0;
};
DryRun dry_run(const TrainSetup& setup);

/// Loads the values of a checkpoint folder into the store; Error{checkpoint} naming the first difference and listing all.
void load_parameters(const std::string& checkpoint_folder, ParamStore& store);
/// The same values beside the store, laid out like store.values().
Tensor load_values(const std::string& checkpoint_folder, const ParamStore& store);
/// The folder of the "best" or "last" checkpoint, by the newest state of the run; best.json and last.json say the same to other
/// programs. Error{checkpoint} when it keeps none. note: hears of newer ones that are damaged.
std::string find_checkpoint(const std::string& run_folder, const std::string& which,
                            const std::function<void(const std::string&)>& note = {});
bool has_checkpoint(const std::string& run_folder, const std::string& which);

}  // namespace tapedeck
