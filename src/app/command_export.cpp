// tapedeck export RUN -o FOLDER: the model of a run as transformers or sentence-transformers loads it.
#include <fmt/core.h>

#include <tapedeck/base/error.h>

#include "src/app/commands.h"
#include "src/run/export_run.h"

namespace tapedeck::app {
namespace {

struct ExportFlags {
  std::string run, output, as = "auto", checkpoint = "best";
};

int export_folder(const ExportFlags& flags) {
  const std::vector<std::string> folders = seed_folders(flags.run);
  if (folders.size() > 1)
    throw Error(ErrorKind::usage, fmt::format("{} holds {} seeds; one is exported", flags.run, folders.size()),
                "name one: " + shown_path(folders[0]));
  if (flags.output.empty()) throw Error(ErrorKind::usage, "export needs a folder to write to", "tapedeck export RUN -o FOLDER");
  const auto run = open_run(folders[0], flags.checkpoint);
  std::string text;
  for (const std::string& file : export_run(*run, flags.output, flags.as == "auto" ? "" : flags.as)) text += file + "\n";
  print(text);
  return 0;
}

}  // namespace

void add_export(CommandLine& line) {
  auto [command, flags] = add_command<ExportFlags>(
      line, "export", "write a run's model as a folder for transformers or sentence-transformers", export_folder);
  command.required("run", flags.run, "folder of the run, or of one of its seeds")
      .text("-o,--output", flags.output, "new folder for the files", "FOLDER")
      .choice("--as", flags.as, {"auto", "hf", "encoder", "sentence-transformers"},
              "hf: encoder and head; encoder: without its head; auto: sentence-transformers for a model of sentences, else hf");
  add_checkpoint(command, flags.checkpoint);
}

}  // namespace tapedeck::app
