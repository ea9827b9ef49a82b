// tapedeck run [FILE]: trains, evaluates, reports. Without a file: the built-in experiment on generated data. With a sweep: many
// runs.
#include <tapedeck/base/error.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

struct FileFlags : RunFlags {
  SweepFlags sweep;
};

int run(const FileFlags& given, const std::vector<std::string>& typed) {
  SweepFlags flags = given.sweep;
  flags.sets = given.options.sets, flags.output = given.options.output;
  const RunOptions options = run_options(given, typed);
  const bool one = !options.folder.empty();  // a run of a sweep is told its folder
  if (one && !flags.sweeps.empty()) throw Error(ErrorKind::usage, "--folder is for one run, --sweep for many", "use -o DIR");
  if (!one && asks_for_sweep(flags)) return sweep(flags, options);
  if (flags.jobs > 1) throw Error(ErrorKind::usage, "--jobs is for sweeps, but nothing is swept", "add --sweep KEY=V1,V2");
  return report(run_experiment(flags.file, options));
}

}  // namespace

void add_run(CommandLine& line, const std::vector<std::string>& typed) {
  auto [command, flags] = add_command<FileFlags>(line, "run", "train, evaluate and report an experiment, or a sweep of it",
                                                 [typed](const FileFlags& given) { return run(given, typed); });
  command.text("file", flags.sweep.file, "experiment file; without one, the built-in experiment", "FILE")
      .text("-o,--output", flags.options.output, "folder that receives the run (default: \"output\" of the file, or runs)", "DIR")
      .text("--folder", flags.options.folder, "the run's folder itself, which must not exist yet", "DIR");
  add_sweep_flags(command, flags.sweep);
  add_run_flags(command, flags);
}

}  // namespace tapedeck::app
