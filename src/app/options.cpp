// Options that commands share, and the signals of a run.
#include <unistd.h>
#include <atomic>
#include <csignal>
#include <ctime>

#include <tapedeck/base/error.h>
#include <tapedeck/config/plugin.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

std::atomic<int> stop_signal{0};
std::atomic<long> first_signal_at{0};
std::atomic<bool> begun{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<long>::is_always_lock_free, "a signal handler may not wait");
static_assert(std::atomic<bool>::is_always_lock_free);

/// What a terminal, a batch system or a limit sends before it ends a process. A signal that was ignored stays so (nohup).
constexpr int stop_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};

/// The first signal asks to finish the step and save, and ends at once while there is nothing to save yet; one more after a
/// moment means now. (A terminal and a wrapper may send the same one twice at once.)
void on_signal(int signal) {
  if (!begun) {
    constexpr std::string_view said = "stopped by a signal before the run had begun\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, said.data(), said.size());
    _exit(128 + signal);
  }
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (stop_signal.exchange(signal) == 0) first_signal_at = now.tv_sec;
  else if (now.tv_sec - first_signal_at >= 2) _exit(128 + signal);
}

bool no_plugins = false;

}  // namespace

void obey_no_plugins() {
  if (no_plugins) refuse_plugins();
}
void add_no_plugins(Command& command) {
  command.flag("--no-plugins", no_plugins, "refuses the plugins that the experiment names: they are code, and run at once");
}

void add_sets(Command& command, std::vector<std::string>& sets) {
  command.list("--set", sets, "overrides a value of the file, e.g. --set optimizer.lr=1e-4; may be repeated", "KEY=VALUE");
  add_no_plugins(command);
}

void add_plugins(Command& command, std::vector<std::string>& paths) {
  command.list("--plugin", paths, "a shared library with further parts and ops; may be repeated", "FILE");
}

void load(const std::vector<std::string>& plugins) {
  for (const std::string& path : plugins) try {
      load_plugin(path);
    } catch (const Error& e) { throw Error(ErrorKind::usage, e.message(), e.hint()); }
}

void add_json(Command& command, bool& json) { command.flag("--json", json, "machine-readable output"); }

void add_checkpoint(Command& command, std::string& which) {
  command.choice("--checkpoint", which, {"best", "last"}, "which checkpoint");
}

void add_recording_flags(Command& command, StepToRecord& step) {
  add_sets(command, step.sets);
  command.number("--step", step.step, "that many updates come first", 0)
      .number("--order", step.order, "2: adds a gradient penalty, so that the backward pass is differentiated", 1)
      .flag("--atoms", step.recorder.atoms, "ops with a reference are replaced by its smaller ops");
}

void add_run_flags(Command& command, RunFlags& flags) {
  add_sets(command, flags.options.sets);
  command.choice("--progress", flags.progress, {"auto", "live", "plain", "json", "none"}, "how progress is shown on stderr")
      .flag("-q,--quiet", flags.quiet, "no progress, only the final table")
      .flag("-v,--verbose", flags.verbose, "also say when checkpoints are saved");
}

RunOptions run_options(const RunFlags& flags, const std::vector<std::string>& typed) {
  static const std::map<std::string, ProgressMode> modes = {{"auto", ProgressMode::automatic},
                                                            {"live", ProgressMode::live},
                                                            {"plain", ProgressMode::plain},
                                                            {"json", ProgressMode::json},
                                                            {"none", ProgressMode::none}};
  RunOptions options = flags.options;
  options.progress = flags.quiet ? ProgressMode::none : modes.at(flags.progress);
  options.verbose = flags.verbose;
  options.command_line = typed;
  options.stop_signal = &stop_signal;
  options.begun = [] { begun = true; };
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (int signal : stop_signals) {
    struct sigaction before {};
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
  return options;
}

}  // namespace tapedeck::app
