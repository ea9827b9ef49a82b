// tapedeck step EXPERIMENT|tape.tdt: a cursor over one recorded step; commands come from the terminal or a pipe, one a line.
// Next: src/look/cursor.cpp.
#include <iostream>
#include <unistd.h>

#include <tapedeck/look/cursor.h>
#include <tapedeck/run/record_step.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

struct StepFlags {
  std::string from;
  StepToRecord step;
  int64_t order = 1;
};

Cursor cursor_over(const StepFlags& flags) {
  if (is_recording(flags.from)) return Cursor(load_recording(flags.from));
  const auto again = [from = flags.from, step = flags.step](RecordVisitor& visitor) {
    StepToRecord closer = step;
    closer.recorder.statistics = false;
    closer.recorder.visitor = &visitor;
    record_step(from, closer);
  };
  return Cursor(record_step(flags.from, flags.step), again);
}

int walk(StepFlags& flags) {
  flags.step.order = int(flags.order);
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
  auto flags = std::make_shared<StepFlags>();
  Command command = line.add("step", "walk through one recorded training step, record by record", [flags] { return walk(*flags); });
  command.required("from", flags->from, "experiment file, or a recording that `look --save` kept");
  add_sets(command, flags->step.sets);
  command.number("--step", flags->step.step, "that many updates come first", 0)
      .number("--order", flags->order, "2: adds a gradient penalty, so that the backward pass is differentiated", 1)
      .flag("--atoms", flags->step.recorder.atoms, "ops with a reference are replaced by its smaller ops");
}

}  // namespace tapedeck::app
