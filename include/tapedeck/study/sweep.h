// Many runs of one experiment: which there are, which are done, running the rest. A run is found again by what it depends on, so
// a sweep that was killed, or is asked for again with more values, trains only what is missing. Next: src/study/sweep.cpp.
#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include <tapedeck/config/sweep.h>
#include <tapedeck/run/run.h>
#include <tapedeck/study/runs.h>

namespace tapedeck {

struct SweepOptions {
  std::string file;                                 // "": the built-in experiment
  std::vector<std::string> sets = {}, sweeps = {};  // sweeps: "optimizer.lr=1e-4,3e-4", added to the file's
  std::string output = {};                          // instead of "output" or runs/
  int64_t jobs = 1;                                 // runs at once; they share the cores
  std::string program = {};                         // tapedeck itself: every run is a process of its own
  const std::atomic<int>* stop_signal = nullptr;
  std::function<void(const std::string&)> say = [](const std::string&) {};  // a line of progress
};

/// One run of one seed.
struct Trial {
  size_t point = 0, rung = 0;
  uint64_t seed = 0;
  std::vector<std::string> sets;  // what makes it this run, for `tapedeck run FILE --set ...`
  std::string hash, folder;       // 64 hex digits; ROOT/NAME/points/ their first 16
  std::string state;              // "missing", "finished", "failed", "refused": the point is no valid experiment
  std::string problem;
  SavedSeed saved;  // once it is finished
};

struct SweepPlan {
  std::string name, type, goal, file;
  bool goal_is_higher = true;
  std::string root, folder;       // ROOT/NAME; ROOT/NAME/sweep-HASH: sweep.json, results.csv, report.html, a folder per point
  std::vector<std::string> keys;  // what varies
  std::vector<SweepPoint> points;
  std::vector<uint64_t> seeds;
  std::vector<SweepRung> rungs;
  std::vector<Trial> trials;  // of the first rung; run_sweep adds those of the others
};
bool has_sweep(const std::string& file, const std::vector<std::string>& sets);
/// Everything that will run, and what of it is done. Error{config} for the experiment itself; a point that is wrong is "refused".
SweepPlan plan_sweep(const SweepOptions& options);
/// Seconds for what is missing, runs one after the other: the median of finished runs where there are some, else a rehearsal of
/// up to six points at their longest batch, evaluations aside.
double estimated_seconds(const SweepPlan& plan);

/// What is asked of a run, without what cannot change its result (name, notes, threads, logging, output), the content of every
/// file that it reads, and the version of the program.
std::string content_hash(const std::string& file, const std::vector<std::string>& sets);

/// A point over its seeds.
struct SweepRow {
  size_t point = 0, rung = 0;
  Statistics goal, test;  // on validation (best checkpoint), on test; n = 0: none
  double seconds = 0;
  int64_t failed = 0;
};
struct SweepResult {
  SweepPlan plan;
  std::vector<SweepRow> rows;  // of the last rung that a point took part in; the best first
  int exit_code = 0;           // 7: some runs failed; 128 + signal
  size_t trained = 0, found = 0;
};
SweepResult run_sweep(const SweepOptions& options);
/// The rows of a plan whose trials are what they are now.
std::vector<SweepRow> sweep_rows(const SweepPlan& plan);

/// "lr=0.001 alpha=4": the values of a point under the ends of their paths.
std::string point_text(const SweepPoint& point);

}  // namespace tapedeck
