// Training what is missing, several at once. A run is a process: what one of them does, crash or eat memory, ends with it.
// Next: jobs.cpp, sweep_files.cpp.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>

#include <unistd.h>

#include <tapedeck/base/error.h>
#include <tapedeck/tensor/machine.h>
#include <tapedeck/train/checkpoint.h>

#include "src/run/progress.h"
#include "src/run/run_folder.h"
#include "src/study/jobs.h"
#include "src/study/sweep_parts.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// The first message of a failed run, from what it printed.
std::string problem_in(const std::string& output, int exit_code) {
  std::string said;
  try {
    said = read_file(output);
  } catch (const Error&) {}
  const size_t at = said.rfind("error");
  std::string line = at == std::string::npos ? said.substr(0, 300) : said.substr(at, 600);
  while (!line.empty() && line.back() == '\n') line.pop_back();
  return line.empty() ? text("ended with ", exit_code) : line;
}

bool has_checkpoint(const std::string& folder) {
  std::error_code problem;
  for (fs::recursive_directory_iterator at(folder, problem), end; !problem && at != end; at.increment(problem))
    if (at->path().filename() == "last.json") return true;
  return false;
}

/// A run whose sweep was killed is still saving: it has half a minute.
void wait_for(const std::string& folder) {
  for (int tenths = 0;; ++tenths) try {
      const FolderLock lock(folder);
      return;
    } catch (const Error&) {
      if (tenths == 300) throw;
      usleep(100'000);
    }
}

class SweepRun {
 public:
  SweepRun(const SweepOptions& options, SweepPlan plan) : options_(options) {
    result_.plan = std::move(plan);
    make_folder(result_.plan.root + "/points");
    lock_ = std::make_unique<FolderLock>(result_.plan.root + "/points");
  }

  SweepResult run() {
    SweepPlan& plan = result_.plan;
    for (Trial& trial : plan.trials) {  // again, now that nobody else writes
      if (trial.state != "refused") look_for(trial);
      result_.found += trial.state == "finished";
    }
    count_ = plan.trials.size();
    for (size_t rung = 0; rung < plan.rungs.size(); ++rung) {
      if (rung > 0) add_rung(rung);
      write_sweep(plan);
      train();
      if (stopped()) break;
    }
    result_.rows = sweep_rows(plan);
    write_sweep(plan);
    const bool failed = std::any_of(plan.trials.begin(), plan.trials.end(),
                                    [](const Trial& t) { return t.state == "failed" || t.state == "refused"; });
    result_.exit_code = stopped() ? 128 + *options_.stop_signal : failed ? 7 : 0;
    return std::move(result_);
  }

 private:
  bool stopped() const { return options_.stop_signal && *options_.stop_signal; }

  /// The best points of the rung before go on.
  void add_rung(size_t rung) {
    SweepPlan& plan = result_.plan;
    std::vector<size_t> best;
    for (const SweepRow& row : sweep_rows(plan))
      if (row.rung + 1 == rung && row.goal.n > 0 && int64_t(best.size()) < plan.rungs[rung].points) best.push_back(row.point);
    std::vector<Trial> more = trials_of(plan, rung, best, options_.sets);
    for (const Trial& trial : more) result_.found += trial.state == "finished";
    count_ += more.size();
    options_.say(text("rung ", rung + 1, " of ", plan.rungs.size(), ": ", best.size(), " points go on"));
    plan.trials.insert(plan.trials.end(), more.begin(), more.end());
  }

  void train() {
    std::vector<Trial>& trials = result_.plan.trials;
    Jobs jobs;
    size_t next = 0;
    bool told = false;
    while (next < trials.size() || jobs.running() > 0) {
      while (!stopped() && next < trials.size() && int64_t(jobs.running()) < options_.jobs) {
        Trial& trial = trials[next++];
        if (trial.state == "missing") start(jobs, trial, next - 1);
      }
      if (stopped()) {
        if (!told) jobs.signal_all(*options_.stop_signal);
        told = true;
        next = trials.size();
      }
      jobs.poll([&](size_t number, int exit_code) { ended(trials[number], exit_code); });
    }
  }

  void start(Jobs& jobs, Trial& trial, size_t number) {
    if (fs::exists(trial.folder)) wait_for(trial.folder);
    look_for(trial);
    if (trial.state == "finished") return;
    const bool resume = has_checkpoint(trial.folder);
    std::vector<std::string> words = {options_.program, resume ? "resume" : "run"};
    if (resume) {
      words.push_back(trial.folder);
    } else {
      std::error_code ignored;
      fs::remove_all(trial.folder, ignored);
      if (!options_.file.empty()) words.push_back(options_.file);
      for (const std::string& set : trial.sets) words.insert(words.end(), {"--set", set});
      words.insert(words.end(), {"--folder", trial.folder});
    }
    words.push_back("-q");
    if (options_.jobs > 1)
      words.insert(words.end(), {"--set", text("runtime.threads=", std::max<int64_t>(1, usable_cores() / options_.jobs))});
    began_[&trial] = Clock::now();
    jobs.start(number, words, trial.folder + ".txt");
  }

  void ended(Trial& trial, int exit_code) {
    const std::string output = trial.folder + ".txt";
    look_for(trial);
    if (exit_code >= 128 && stopped()) return;  // it saved, and goes on next time
    if (exit_code != 0 || trial.state != "finished") trial.state = "failed", trial.problem = problem_in(output, exit_code);
    else ++result_.trained;
    settle_goal(result_.plan);
    std::error_code ignored;
    if (trial.state == "finished") fs::remove(output, ignored);
    const double seconds = std::chrono::duration<double>(Clock::now() - began_[&trial]).count();
    std::string line = text("[", ++done_, "/", count_ - result_.found, "] ", point_text(result_.plan.points[trial.point]),
                            " seed ", trial.seed, ": ");
    const auto values = trial.saved.values("best");
    if (trial.state == "failed") line += "failed: " + trial.problem.substr(0, trial.problem.find('\n'));
    else if (values.contains(result_.plan.goal)) line += result_.plan.goal + " " + text(values.at(result_.plan.goal));
    else line += "finished";
    options_.say(line + " (" + duration_text(seconds) + ")");
  }

  const SweepOptions& options_;
  SweepResult result_;
  std::unique_ptr<FolderLock> lock_;
  std::map<const Trial*, Clock::time_point> began_;
  size_t count_ = 0, done_ = 0;
};

}  // namespace

SweepResult run_sweep(const SweepOptions& options) { return SweepRun(options, plan_sweep(options)).run(); }

}  // namespace tapedeck
