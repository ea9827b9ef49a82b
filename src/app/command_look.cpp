// tapedeck look VIEW EXPERIMENT|tape.tdt: one step is recorded (or read from a file), a view of it is printed.
#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/look/views.h>
#include <tapedeck/tensor/machine.h>
#include <tapedeck/tensor/roofline.h>
#include <tapedeck/train/checkpoint.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

struct LookFlags {
  std::string from, other, save, output;
  StepToRecord step;
  LookOptions view;
};

Recording recording_of(const std::string& from, const LookFlags& flags) {
  return is_recording(from) ? load_recording(from) : record_step(from, flags.step);
}

int finish(const std::string& text, const LookFlags& flags) {
  if (flags.output.empty()) print(text);
  else write_file_atomically(flags.output, text);
  return 0;
}

int show_view(const LookView& view, LookFlags& flags) {
  flags.step.recorder.replay = view.replay;
  flags.step.recorder.shadow = view.shadow;
  flags.step.recorder.derivatives = view.derivatives;
  const Recording recording = recording_of(flags.from, flags);
  if (view.ceilings && !flags.view.structure) {
    const int team = threads();
    flags.view.flops_per_second = fma_peak(DType::f32, team).value_or(0);
    flags.view.bytes_per_second =
        std::max(triad_bandwidth(MemoryLevel::memory, team), triad_bandwidth(MemoryLevel::memory, team, true));
  }
  if (!flags.save.empty()) save_recording(flags.save, recording);
  return finish(view.show(recording, flags.view), flags);
}

int show_difference(LookFlags& flags) {
  const Recording a = recording_of(flags.from, flags);
  return finish(look_diff(a, recording_of(flags.other, flags)), flags);
}

void add_output_flags(Command& command, LookFlags& flags) {
  add_recording_flags(command, flags.step);
  command.text("--save", flags.save, "keeps the recording", "FILE")
      .text("-o,--output", flags.output, "writes the view there instead of printing it", "FILE");
}

}  // namespace

void add_look(CommandLine& line) {
  line.group("look", "record one training step and look inside");
  line.removed("look dot", "`look svg` draws the graph, and needs no Graphviz");
  for (const LookView& view : look_views()) {
    auto [command, flags] = add_command<LookFlags>(line, "look " + std::string(view.name), std::string(view.doc),
                                                   [&view](LookFlags& given) { return show_view(view, given); });
    command.required("from", flags.from, "experiment file, or a recording that --save kept");
    add_output_flags(command, flags);
    command.text("--op", flags.view.op, "only ops that match, * for any run of characters", "PATTERN")
        .text("--scope", flags.view.scope, "only places in the model that match, e.g. *layers.0*", "PATTERN")
        .choice("--phase", flags.view.phase, {"forward", "backward", "second", "third", "recompute", "update"}, "only this phase")
        .number("--top", flags.view.top, "only so many, the largest first", 0)
        .choice("--by", flags.view.by, {"time", "flops", "bytes", "saved"}, "what --top goes by")
        .flag("--structure", flags.view.structure,
              "only what shapes decide, the same on every machine: no times, no values (list, roof)");
    add_json(command, flags.view.json);
  }
  auto [command, flags] =
      add_command<LookFlags>(line, "look diff", "the first record in which two recordings differ", show_difference);
  command.required("a", flags.from, "experiment file or recording").required("b", flags.other, "the same");
  add_output_flags(command, flags);
}

}  // namespace tapedeck::app
