// The command line: one file per command, each adds itself to the parser and says what to do when it was chosen.
// Next: main.cpp.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <tapedeck/experiment/experiment.h>
#include <tapedeck/experiment/schema.h>

namespace tapedeck::app {

/// What parsing leaves behind: the chosen command as a function that returns the exit code.
struct Invocation {
  std::vector<std::string> command_line;
  std::function<int()> action;
};

void add_run(CLI::App& app, Invocation& invocation);
void add_resume(CLI::App& app, Invocation& invocation);
void add_check(CLI::App& app, Invocation& invocation);
void add_show(CLI::App& app, Invocation& invocation);
void add_eval(CLI::App& app, Invocation& invocation);
void add_predict(CLI::App& app, Invocation& invocation);
void add_list(CLI::App& app, Invocation& invocation);
void add_explain(CLI::App& app, Invocation& invocation);
void add_schema(CLI::App& app, Invocation& invocation);
void add_doctor(CLI::App& app, Invocation& invocation);
void add_version(CLI::App& app, Invocation& invocation);

/// Options that several commands share.
void add_sets(CLI::App& command, std::vector<std::string>& sets);
void add_json(CLI::App& command, bool& json);
void add_checkpoint(CLI::App& command, std::string& which);
struct RunFlags {
  RunOptions options;
  std::string progress = "auto";
  bool quiet = false, verbose = false;
};
void add_run_flags(CLI::App& command, RunFlags& flags);
/// The flags as options, with the signal handlers installed: SIGINT and SIGTERM finish the step and save.
RunOptions run_options(const RunFlags& flags, const Invocation& invocation);

/// stdout, all of it; Error{data} when it cannot be written (a closed pipe is no error).
void print(const std::string& text);
/// The final table of run and resume.
std::string result_table(const RunResult& result, const std::string& name);
/// Columns aligned: the first to the left, the others to the right.
std::string align(const std::vector<std::vector<std::string>>& rows);
/// A path as short as it can be said from here.
std::string shown_path(const std::string& path);
std::string figure(double value);                  // "0.9712", "-" for what is not a number
Json values_json(const std::map<std::string, double>& values);

/// Everything that explain, list and schema speak about.
std::vector<PartDoc> all_parts();

}  // namespace tapedeck::app
