// tapedeck predict RUN INPUT: one JSON object per row of a file in the format of the run's data, labels not needed, or per line
// that is typed or piped in.
#include <fmt/core.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>

#include <tapedeck/base/error.h>
#include <tapedeck/train/checkpoint.h>

#include "src/app/commands.h"

namespace tapedeck::app {

std::unique_ptr<LoadedRun> open_with_notes(const std::string& folder, const std::string& checkpoint) {
  auto run = open_run(folder, checkpoint);
  for (const std::string& note : run->notes) remark(note);
  run->note = remark;
  return run;
}

std::unique_ptr<LoadedRun> open_one_run(const std::string& folder, const std::string& checkpoint) {
  const std::vector<std::string> folders = seed_folders(folder);
  if (folders.size() > 1)
    throw Error(ErrorKind::usage, fmt::format("{} holds {} seeds; this needs one", folder, folders.size()),
                "name one: " + shown_path(folders[0]));
  return open_with_notes(folders[0], checkpoint);
}

Table read_rows(const std::string& input) {
  Table all{input == "-" ? "standard input" : input, {}};
  const auto keep = [&](const Table& some) { all.rows.insert(all.rows.end(), some.rows.begin(), some.rows.end()); };
  std::ifstream file;
  if (input != "-") file.open(input);
  if (input != "-" && (!file || std::filesystem::is_directory(input)))
    throw Error(ErrorKind::data, input + " cannot be read", "name a file with a text on each line, or - for standard input");
  for_rows(input == "-" ? std::cin : file, all.name, std::numeric_limits<int64_t>::max(), keep);
  if (all.rows.empty()) throw Error(ErrorKind::data, all.name + " has no texts", "write one on each line");
  return all;
}

namespace {

struct PredictFlags {
  std::string run, input, output, checkpoint = "best";
};

int predict(const PredictFlags& flags) {
  const auto run = open_one_run(flags.run, flags.checkpoint);
  if (flags.input == "-") run->note = nullptr;  // a line at a time is no data set
  std::string lines;
  const auto keep = [&](const std::string& line) { lines += line + "\n"; };
  const auto show = [&] {
    if (!flags.output.empty()) return;
    print(lines);
    lines.clear();
  };
  if (flags.input == "-") {
    std::ios::sync_with_stdio(false);  // so that the stream knows whether more has arrived
    for_rows(std::cin, "standard input", run->config.evaluation.batch_size, [&](const Table& rows) {
      predict_rows(*run, rows, keep);
      show();
    });
  } else {
    predict_file(*run, flags.input, keep);
    show();
  }
  if (!flags.output.empty()) write_file_atomically(flags.output, lines);
  return 0;
}

}  // namespace

void add_predict(CommandLine& line) {
  auto [command, flags] = add_command<PredictFlags>(line, "predict", "predict the rows of a file", predict);
  command.required("run", flags.run, "folder of the run, or of one of its seeds")
      .required("input", flags.input,
                "file in the format of the run's data; - reads a text, or a JSON object with \"text\", from each line of stdin")
      .text("-o,--output", flags.output, "file for the predictions (default: stdout)", "FILE");
  add_checkpoint(command, flags.checkpoint);
  add_no_plugins(command);
}

}  // namespace tapedeck::app
