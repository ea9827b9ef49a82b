// tapedeck predict RUN INPUT: one JSON object per row of a file in the format of the run's data; labels are not needed.
#include <fmt/core.h>

#include <tapedeck/base/error.h>
#include <tapedeck/train/checkpoint.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

struct PredictFlags {
  std::string run, input, output, checkpoint = "best";
};

int predict(const PredictFlags& flags) {
  const std::vector<std::string> folders = seed_folders(flags.run);
  if (folders.size() > 1)
    throw Error(ErrorKind::usage, fmt::format("{} holds {} seeds; predictions come from one", flags.run, folders.size()),
                "name one: " + shown_path(folders[0]));
  const auto run = open_run(folders[0], flags.checkpoint);
  std::string lines;
  predict_file(*run, flags.input, [&](const std::string& line) { lines += line + "\n"; });
  if (flags.output.empty()) print(lines);
  else write_file_atomically(flags.output, lines);
  return 0;
}

}  // namespace

void add_predict(CommandLine& line) {
  auto [command, flags] = add_command<PredictFlags>(line, "predict", "predict the rows of a file", predict);
  command.required("run", flags.run, "folder of the run, or of one of its seeds")
      .required("input", flags.input, "file in the format of the run's data")
      .text("-o,--output", flags.output, "file for the predictions (default: stdout)", "FILE");
  add_checkpoint(command, flags.checkpoint);
}

}  // namespace tapedeck::app
