// tapedeck run [FILE]: trains, evaluates, reports. Without a file: the built-in experiment on generated data.
#include "src/app/commands.h"

namespace tapedeck::app {

void add_run(CommandLine& line, const std::vector<std::string>& typed) {
  struct FileFlags : RunFlags {
    std::string file;
  };
  auto [command, flags] = add_command<FileFlags>(
      line, "run", "train, evaluate and report an experiment",
      [typed](const FileFlags& given) { return report(run_experiment(given.file, run_options(given, typed))); });
  command.text("file", flags.file, "experiment file; without one, the built-in experiment", "FILE")
      .text("-o,--output", flags.options.output, "folder that receives the run (default: \"output\" of the file, or runs)",
            "DIR");
  add_run_flags(command, flags);
}

}  // namespace tapedeck::app
