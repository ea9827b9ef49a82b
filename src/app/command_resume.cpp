// tapedeck resume RUN: goes on where a run stopped, to the same bits as if it had not.
#include "src/app/commands.h"

namespace tapedeck::app {

void add_resume(CommandLine& line, const std::vector<std::string>& typed) {
  struct ResumeFlags : RunFlags {
    std::string folder;
  };
  auto [command, flags] =
      add_command<ResumeFlags>(line, "resume", "go on with a run that was stopped", [typed](const ResumeFlags& given) {
        const RunResult result = resume_run(given.folder, run_options(given, typed));
        if (result.nothing_left) print("nothing left to do\n");
        return report(result);
      });
  command.required("run", flags.folder, "folder of the run");
  add_run_flags(command, flags);
}

}  // namespace tapedeck::app
