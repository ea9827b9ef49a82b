// The commands: one file each, which describes itself to the command line and says what to do when it was chosen.
// Next: main.cpp.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <tapedeck/base/json_build.h>
#include <tapedeck/base/table.h>
#include <tapedeck/config/schema.h>
#include <tapedeck/run/record_step.h>
#include <tapedeck/run/run.h>
#include <tapedeck/run/texts.h>
#include <tapedeck/tape/op_table.h>

#include "src/app/command_line.h"

namespace tapedeck::app {

/// Carries out --no-plugins where it was given.
void obey_no_plugins();
/// Error{usage} for a plugin that cannot be loaded.
void load(const std::vector<std::string>& plugins);

/// A command with its options, which live as long as the command line. action: what it does with them; plugins are loaded before.
template <class Flags>
struct NewCommand {
  Command command;
  Flags& flags;
};
template <class Flags>
NewCommand<Flags> add_command(CommandLine& line, const std::string& name, const std::string& doc,
                              std::type_identity_t<std::function<int(Flags&)>> action) {
  auto flags = std::make_shared<Flags>();
  return {line.add(name, doc,
                   [flags, action = std::move(action)] {
                     obey_no_plugins();
                     if constexpr (requires { flags->plugins; }) load(flags->plugins);
                     return action(*flags);
                   }),
          *flags};
}

void add_run(CommandLine& line, const std::vector<std::string>& typed);
void add_resume(CommandLine& line, const std::vector<std::string>& typed);
void add_check(CommandLine& line);
void add_show(CommandLine& line);
void add_eval(CommandLine& line);
void add_predict(CommandLine& line);
void add_embed(CommandLine& line);
void add_similar(CommandLine& line);
void add_import(CommandLine& line);
void add_export(CommandLine& line);
void add_list(CommandLine& line);
void add_explain(CommandLine& line);
void add_look(CommandLine& line);
void add_step(CommandLine& line);
void add_schema(CommandLine& line);
void add_gradcheck(CommandLine& line);
void add_new(CommandLine& line);
void add_doctor(CommandLine& line);
void add_bench(CommandLine& line);
void add_version(CommandLine& line);
void add_compare(CommandLine& line);
void add_ls(CommandLine& line);
void add_plan(CommandLine& line);
void add_report(CommandLine& line);

/// Options that several commands share.
void add_sets(Command& command, std::vector<std::string>& sets);
void add_json(Command& command, bool& json);
void add_plugins(Command& command, std::vector<std::string>& paths);
void add_checkpoint(Command& command, std::string& which);
/// --no-plugins, for commands that read an experiment or a run folder.
void add_no_plugins(Command& command);
void add_recording_flags(Command& command, StepToRecord& step);
struct RunFlags {
  RunOptions options;
  std::string progress = "auto";
  bool quiet = false, verbose = false;
};
void add_run_flags(Command& command, RunFlags& flags);
/// The flags as options, with the signal handlers installed: what asks a process to end finishes the step and saves. typed: the
/// whole command line, for environment.json.
RunOptions run_options(const RunFlags& flags, const std::vector<std::string>& typed);

/// A run whose remarks, about files and later about rows, go to stderr.
std::unique_ptr<LoadedRun> open_with_notes(const std::string& folder, const std::string& checkpoint);
/// The same for a run with a single seed, or one of its seeds; Error{usage} naming the first of several.
std::unique_ptr<LoadedRun> open_one_run(const std::string& folder, const std::string& checkpoint);
/// The lines of a file or, for "-", of stdin as rows: see text_row.
Table read_rows(const std::string& input);

/// Options of run and plan that make one experiment many.
struct SweepFlags {
  std::string file, output;
  std::vector<std::string> sets, sweeps;
  int64_t jobs = 1;
};
void add_sweep_flags(Command& command, SweepFlags& flags);
/// Whether there is a sweep, on the command line or in the file.
bool asks_for_sweep(const SweepFlags& flags);
/// Trains what is missing and prints the table. Returns the exit code.
int sweep(const SweepFlags& flags, const RunOptions& options);

/// stdout, all of it, as far as it is printable; Error{data} when it cannot be written (a closed pipe is no error).
void print(const std::string& text);
/// The text on stderr, as it is or after "error: " or "note: ".
void say(const std::string& text);
void complain(const std::string& text);
void remark(const std::string& text);
/// The answer of a command, for people or for machines. Returns 0, the exit code.
int print(bool as_json, const Json& json, const std::string& text);
/// The end of run and resume: the final table, unless a signal came, and what failed. Returns the exit code.
int report(const RunResult& result);
/// report.html in the folder of a run or a sweep; what prevents it is a note.
void try_report(const std::string& folder);
/// A path as short as it can be said from here.
std::string shown_path(const std::string& path);
/// "312.0 MiB at the peak (parameters 42.5, ...), resident 350 MiB" from SeedResult::memory.
std::string memory_text(const std::map<std::string, double>& bytes);
std::string figure(double value);  // "0.9712", "-" for what is not a number
Json values_json(const std::map<std::string, double>& values);

/// What an op is: equation, what it keeps and why, cost, its reference and its backward as rows, its cases and checks.
std::string explain_op(const OpEntry& op);
/// A part at work: its rows forward and back, their cost, what is kept, what it is checked on. Empty for kinds without
/// derivatives. sets: options in place of its defaults. data: receives the same for machines, every record as in `look list
/// --json`.
std::string explain_example(const std::string& kind, const std::string& name, const std::vector<std::string>& sets, Json* data);
/// Everything that explain, list and schema speak about.
std::vector<PartDoc> all_parts();

}  // namespace tapedeck::app
