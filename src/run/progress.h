// What people see on stderr while a run goes on: one live line on a terminal, plain lines elsewhere, records for machines.
// Next: run_recorder.cpp, which feeds it.
#pragma once
#include <chrono>
#include <memory>
#include <string>

#include <tapedeck/run/run.h>

namespace tapedeck {

/// "step 1300/6315 20.6% epoch 0.62 loss 0.3124 lr 4.1e-05 412 ex/s eta 14:18": also what log.txt holds.
std::string plain_step(const StepRecord& record, double examples_per_second, double seconds_left);
/// "eval step 1500 validation/loss 0.3391 validation/accuracy 0.8578 (best, was 0.8544)"
std::string plain_evaluation(const EvaluationRecord& record);
/// "5:41", "2:05:41".
std::string duration_text(double seconds);

class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  static std::unique_ptr<Progress> make(ProgressMode mode);
  virtual ~Progress() = default;
  /// prefix: "seed 2/5" or "".
  virtual void begin(const std::string& prefix) = 0;
  virtual void step(const StepRecord& record, double examples_per_second, double seconds_left) = 0;
  virtual void evaluation(const EvaluationRecord& record) = 0;
  virtual void line(const std::string& text) = 0;      // a note
  virtual void record(const std::string& /*json*/) {}  // a line of metrics.jsonl
  virtual void end() {}
};

/// Decides when a plain line is due: 30 s and 5 % of the run since the last one.
class PlainRhythm {
 public:
  void restart() { last_ = Progress::Clock::now(), last_step_ = -1; }
  bool due(const StepRecord& record);

 private:
  Progress::Clock::time_point last_ = Progress::Clock::now();
  int64_t last_step_ = -1;
};

}  // namespace tapedeck
