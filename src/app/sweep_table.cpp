// A sweep from the command line: its flags, its lines while it runs, and the table at its end. Next: command_plan.cpp.
#include "src/app/sweep_table.h"

#include <unistd.h>

#include <ctime>

#include <fmt/core.h>

#include <tapedeck/base/error.h>

namespace tapedeck::app {
namespace {

std::string program_path() {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  if (length <= 0 || size_t(length) == sizeof path)
    throw Error(ErrorKind::internal, "cannot find the path of this program in /proc/self/exe");
  return {path, size_t(length)};
}

std::string statistics_text(const Statistics& s) {
  if (s.n == 0) return "-";
  return s.n > 1 ? fmt::format("{:.4f} ± {:.4f}", s.mean, s.sd) : figure(s.mean);
}

std::string now() {
  const std::time_t time = std::time(nullptr);
  std::tm parts{};
  localtime_r(&time, &parts);
  char buffer[16];
  return {buffer, std::strftime(buffer, sizeof buffer, "%H:%M:%S", &parts)};
}

}  // namespace

std::string time_text(double seconds) {
  if (seconds < 90) return fmt::format("{:.1f} s", seconds);
  return seconds < 5400 ? fmt::format("{:.0f} min", seconds / 60) : fmt::format("{:.1f} h", seconds / 3600);
}

void add_sweep_flags(Command& command, SweepFlags& flags) {
  command.list("--sweep", flags.sweeps, "one run for each value and seed, e.g. --sweep optimizer.lr=1e-4,3e-4; may be repeated",
               "KEY=V1,V2");
  command.number("--jobs", flags.jobs, "runs of a sweep at the same time; they share the cores", 1);
}

bool asks_for_sweep(const SweepFlags& flags) { return !flags.sweeps.empty() || has_sweep(flags.file, flags.sets); }

SweepOptions sweep_options(const SweepFlags& flags) {
  SweepOptions options{.file = flags.file};
  options.sets = flags.sets, options.sweeps = flags.sweeps, options.output = flags.output, options.jobs = flags.jobs;
  options.program = program_path();
  return options;
}

std::string sweep_table(const SweepResult& result) {
  const SweepPlan& plan = result.plan;
  const bool rungs = plan.rungs.size() > 1;
  TableRows rows = {{"", "n", "best " + plan.goal, "test " + plan.goal, "s a run"}};
  if (rungs) rows[0].emplace_back("duration");
  for (const SweepRow& row : result.rows) {
    rows.push_back({point_text(plan.points[row.point]), fmt::format("{}", row.goal.n), statistics_text(row.goal),
                    statistics_text(row.test), row.goal.n ? fmt::format("{:.1f}", row.seconds / double(row.goal.n)) : "-"});
    if (rungs) rows.back().push_back(fmt::format("{:.0f} %", 100 * plan.rungs[row.rung].share));
  }
  size_t failed = 0;
  std::string problems;
  for (const Trial& trial : plan.trials)
    if (trial.state == "failed" || trial.state == "refused") {
      problems +=
          fmt::format("{} seed {} {}: {}\n", point_text(plan.points[trial.point]), trial.seed, trial.state, trial.problem);
      ++failed;
    }
  std::string out = fmt::format("{}  {} points x {} seed{}, mean ± sd over seeds, the best on validation first\n", plan.name,
                                plan.points.size(), plan.seeds.size(), plan.seeds.size() == 1 ? "" : "s") +
                    table(rows, "lr") + problems;
  out += fmt::format("{} trained, {} were there, {} failed\n", result.trained, result.found, failed);
  if (!result.rows.empty() && result.rows.front().goal.n) {
    std::string sets;
    for (const std::string& set : plan.points[result.rows.front().point]) sets += " --set '" + set + "'";
    out += "best:" + sets + "\n";
  }
  return out + fmt::format("sweep directory: {}\n", shown_path(plan.folder));
}

int sweep(const SweepFlags& flags, const RunOptions& run) {
  SweepOptions options = sweep_options(flags);
  options.stop_signal = run.stop_signal;
  if (run.progress != ProgressMode::none) options.say = [](const std::string& line) { say(fmt::format("{} {}", now(), line)); };
  const SweepResult result = run_sweep(options);
  if (result.exit_code >= 128) {
    say("stopped; the same command goes on");
    return result.exit_code;
  }
  try_report(result.plan.folder);
  print(sweep_table(result));
  if (result.exit_code) complain("some runs failed; the same command tries them again");
  return result.exit_code;
}

}  // namespace tapedeck::app
