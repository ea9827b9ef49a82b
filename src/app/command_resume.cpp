// tapedeck resume RUN: goes on where a run stopped, to the same bits as if it had not.
#include "src/app/commands.h"

namespace tapedeck::app {

void add_resume(CommandLine& line, const std::vector<std::string>& typed) {
  struct Flags : RunFlags { std::string folder; };
  auto flags = std::make_shared<Flags>();
  Command command = line.add("resume", "go on with a run that was stopped", [flags, typed] {
    const RunResult result = resume_run(flags->folder, run_options(*flags, typed));
    if (result.nothing_left) print("nothing left to do\n");
    return report(result);
  });
  command.required("run", flags->folder, "folder of the run");
  add_run_flags(command, *flags);
}

}  // namespace tapedeck::app
