// tapedeck run [FILE]: trains, evaluates, reports. Without a file: the built-in experiment on generated data.
#include "src/app/commands.h"

namespace tapedeck::app {

void add_run(CLI::App& app, Invocation& invocation) {
  struct Flags : RunFlags { std::string file; };
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("run", "train, evaluate and report an experiment");
  command->add_option("file", flags->file, "experiment file; without one, the built-in experiment");
  command->add_option("-o,--output", flags->options.output, "folder that receives the run (default: \"output\" of the file, or runs)")->type_name("DIR");
  add_run_flags(*command, *flags);
  command->callback([flags, &invocation] {
    invocation.action = [flags, &invocation] {
      const RunResult result = run_experiment(flags->file, run_options(*flags, invocation));
      if (result.exit_code < 128) print(result_table(result, result.name));
      return result.exit_code;
    };
  });
}

}  // namespace tapedeck::app
