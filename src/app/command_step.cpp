// tapedeck step EXPERIMENT|tape.tdt: a cursor over one recorded step; commands come from the terminal or a pipe, one a line.
// Next: src/look/cursor.cpp.
#include <unistd.h>
#include <iostream>

#include <tapedeck/look/cursor.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

struct StepFlags {
  std::string from;
  StepToRecord step;
};

Cursor cursor_over(const StepFlags& flags) {
  if (is_recording(flags.from)) return Cursor(load_recording(flags.from));
  const auto recompute = [from = flags.from, step = flags.step](RecordVisitor& visitor) {
    StepToRecord closer = step;
    closer.recorder.statistics = false;
    closer.recorder.visitor = &visitor;
    record_step(from, closer);
  };
  return Cursor(record_step(flags.from, flags.step), recompute);
}

int walk(const StepFlags& flags) {
  Cursor cursor = cursor_over(flags);
  const bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
  print(cursor.greeting());
  std::string line;
  while (!cursor.done()) {
    if (terminal) print(cursor.prompt());
    if (!std::getline(std::cin, line)) {
      if (terminal) print("\n");
      break;
    }
    print(cursor.answer(line));
  }
  return 0;
}

}  // namespace

void add_step(CommandLine& line) {
  auto [command, flags] = add_command<StepFlags>(line, "step", "walk through one recorded training step, record by record", walk);
  command.required("from", flags.from, "experiment file, or a recording that `look --save` kept");
  add_recording_flags(command, flags.step);
}

}  // namespace tapedeck::app
