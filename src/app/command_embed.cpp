// tapedeck embed RUN TEXTS -o FILE: the vector of every text, for NumPy (.npy) or anything that reads .safetensors.
#include <fmt/core.h>

#include <tapedeck/base/error.h>
#include <tapedeck/train/checkpoint.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

struct EmbedFlags {
  std::string run, input, output, checkpoint = "best";
};

int embed(const EmbedFlags& flags) {
  const bool numpy = flags.output.ends_with(".npy");
  if (!numpy && !flags.output.ends_with(".safetensors"))
    throw Error(ErrorKind::usage, "--output names neither a .npy nor a .safetensors file", "write --output vectors.npy");
  const auto run = open_one_run(flags.run, flags.checkpoint);
  const Tensor vectors = embed_rows(*run, read_rows(flags.input));
  if (numpy) write_npy(flags.output, vectors);
  else write_safetensors(flags.output, {{"embeddings", vectors}});
  print(fmt::format("{} vectors of {} numbers in {}\n", vectors.shape()[0], vectors.shape()[1], shown_path(flags.output)));
  return 0;
}

}  // namespace

void add_embed(CommandLine& line) {
  auto [command, flags] = add_command<EmbedFlags>(line, "embed", "turn texts into the vectors that the model compares", embed);
  command.required("run", flags.run, "folder of the run, or of one of its seeds")
      .required("texts", flags.input, "file with a text (or a JSON object with \"text\") on each line; - reads them from stdin")
      .required("-o,--output", flags.output, "file for the vectors: .npy or .safetensors");
  add_checkpoint(command, flags.checkpoint);
  add_no_plugins(command);
}

}  // namespace tapedeck::app
