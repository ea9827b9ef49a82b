// tapedeck run [FILE]: trains, evaluates, reports. Without a file: the built-in experiment on generated data.
#include "src/app/commands.h"

namespace tapedeck::app {

void add_run(CommandLine& line, const std::vector<std::string>& typed) {
  struct Flags : RunFlags { std::string file; };
  auto flags = std::make_shared<Flags>();
  Command command = line.add("run", "train, evaluate and report an experiment", [flags, typed] {
    const RunResult result = run_experiment(flags->file, run_options(*flags, typed));
    return report(result);
  });
  command.text("file", flags->file, "experiment file; without one, the built-in experiment", "FILE")
      .text("-o,--output", flags->options.output, "folder that receives the run (default: \"output\" of the file, or runs)",
            "DIR");
  add_run_flags(command, *flags);
}

}  // namespace tapedeck::app
