// tapedeck report RUN: report.html in the folder of a run or a sweep, its curves as sparklines, its metrics as CSV.
#include <fmt/core.h>

#include <tapedeck/base/error.h>
#include <tapedeck/study/report.h>
#include <tapedeck/train/checkpoint.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

struct ReportFlags {
  std::vector<std::string> runs;
  std::string csv, output;
};

int write_reports(const ReportFlags& flags) {
  if (flags.runs.size() > 1 && !(flags.csv.empty() && flags.output.empty()))
    throw Error(ErrorKind::usage, "--csv and -o are for one run", "name one");
  for (const std::string& name : flags.runs) {
    const std::string folder = find_run(name);
    if (!flags.csv.empty()) {
      if (flags.csv == "-") {
        print(report_csv(folder));
        continue;
      }
      write_file_atomically(flags.csv, report_csv(folder));
    }
    std::string path = flags.output;
    if (path.empty()) path = write_report(folder);
    else write_file_atomically(path, report_html(folder));
    print(report_lines(folder) + fmt::format("report: {}\n", shown_path(path)));
  }
  return 0;
}

}  // namespace

void try_report(const std::string& folder) {
  try {
    write_report(folder);
  } catch (const Error& error) { remark(fmt::format("no report was written: {}", error.what())); }
}

void add_report(CommandLine& line) {
  auto [command, flags] =
      add_command<ReportFlags>(line, "report", "write report.html for a run or a sweep, show its curves", write_reports);
  command.several("run", flags.runs, "run or sweep folder, or name of an experiment in runs/")
      .text("-o,--output", flags.output, "another file for the page", "FILE")
      .text("--csv", flags.csv, "also the metrics as comma-separated values; -: to stdout, and nothing else", "FILE");
}

}  // namespace tapedeck::app
