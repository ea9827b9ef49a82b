// The observer of one seed's training: metrics.jsonl, log.txt, status.json and the progress people see.
// Next: seed_runs.cpp.
#pragma once
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "src/run/progress.h"
#include "src/run/run_folder.h"
#include "src/train/files.h"

namespace tapedeck {

/// log.txt: plain text, a line per event, shared by all seeds of a run. A line that cannot be written does not end the run:
/// `complain` hears of it once, and the next line tries again.
class Log {
 public:
  Log(const std::string& run_folder, std::function<void(const std::string&)> complain)
      : path_(run_folder + "/log.txt"), complain_(std::move(complain)) {}
  void line(const std::string& words);

 private:
  std::string path_;
  std::function<void(const std::string&)> complain_;
  std::optional<File> file_;
  bool failing_ = false;
};

class RunRecorder final : public Observer {
 public:
  struct Where {
    std::string run_folder, seed_folder;
    uint64_t seed = 0;
    int number = 1, of = 1;
  };

  /// status: keeps what a watcher sees.
  RunRecorder(Where where, const LoggingOptions& logging, Log& log, Progress& progress, const RunOptions& options,
              Status& status);

  /// Cuts off the records after the step that training goes on from: they will be written again.
  void begin(int64_t step) override;
  void step(const StepRecord& record) override;
  void evaluation(const EvaluationRecord& record) override;
  /// Brings the records to the disk.
  void saving() override;
  void checkpoint(const std::string& path, int64_t step, bool best) override;
  void note(const std::string& line) override;

 private:
  void write_step(const StepRecord& record);
  void write(const Json& record);
  bool due(const StepRecord& record);
  void beat(bool now);

  Where where_;
  const LoggingOptions& logging_;
  Log& log_;
  Progress& progress_;
  const RunOptions& options_;
  std::string path_, prefix_;
  std::optional<File> records_;
  std::set<std::pair<int64_t, std::string>> written_;  // (step, split) kept from before a resume
  PlainRhythm rhythm_;
  Status& status_;
  Progress::Clock::time_point beat_{};
  bool status_failing_ = false;
  double rate_ = 0;  // examples per second, smoothed
  double first_seconds_ = 0;
  int64_t first_step_ = -1;
};

}  // namespace tapedeck
