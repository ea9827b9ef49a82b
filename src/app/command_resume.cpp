// tapedeck resume RUN: goes on where a run stopped, to the same bits as if it had not.
#include "src/app/commands.h"

namespace tapedeck::app {

void add_resume(CLI::App& app, Invocation& invocation) {
  struct Flags : RunFlags { std::string folder; };
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("resume", "go on with a run that was stopped");
  command->add_option("run", flags->folder, "folder of the run")->required();
  add_run_flags(*command, *flags);
  command->callback([flags, &invocation] {
    invocation.action = [flags, &invocation] {
      const RunResult result = resume_run(flags->folder, run_options(*flags, invocation));
      if (result.exit_code >= 128) return result.exit_code;
      print((result.nothing_left ? "nothing left to do\n" : "") + result_table(result, result.name));
      return result.exit_code;
    };
  });
}

}  // namespace tapedeck::app
