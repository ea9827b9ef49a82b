// The door: parse the command line, do what it says, turn every failure into a message and its exit code
// (docs/guide/errors.md). Next: commands.h.
#include <csignal>
#include <cstdio>
#include <new>

#include <fmt/core.h>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(command->get_name());
  return names;
}

std::string first_sentence_of(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

/// The first option on the command line that `command` does not have, with the nearest one that it has.
std::string option_hint(const CLI::App& app, const std::vector<std::string>& words) {
  const auto chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  for (const std::string& word : words) {
    const std::string name = word.substr(0, word.find('='));
    if (!name.starts_with("--") || std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string near = suggest(name, known);
    return near.empty() ? "options: " + join(known) : near;
  }
  return "";
}

Error usage_error(const CLI::ParseError& problem, const CLI::App& app, const std::vector<std::string>& words) {
  const auto chosen = app.get_subcommands();
  const std::string help = chosen.empty() ? "see `tapedeck --help`" : fmt::format("see `tapedeck {} --help`", chosen.front()->get_name());
  const std::string hint = option_hint(app, words);
  return Error(ErrorKind::usage, first_sentence_of(problem), hint.empty() ? help : hint + "  " + help);
}

void check_command_name(const CLI::App& app, const std::vector<std::string>& words) {
  const std::vector<std::string> names = command_names(app);
  if (words.empty()) throw Error(ErrorKind::usage, "no command given", "commands: " + join(names));
  const std::string& word = words.front();
  if (word.starts_with("-") || std::find(names.begin(), names.end(), word) != names.end()) return;
  const std::string near = suggest(word, names);
  const std::string file = word.ends_with(".json") ? "; to run an experiment file: tapedeck run " + word : "";
  throw Error(ErrorKind::usage, "there is no command " + in_quotes(word), (near.empty() ? "commands: " + join(names) : near) + file);
}

int run(const std::vector<std::string>& command_line) {
  Invocation invocation{command_line, {}};
  CLI::App app("tapedeck: experiments with small transformers on the CPU, from a JSON file", "tapedeck");
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", "tapedeck " + std::string(version()));
  app.footer("Start with: tapedeck run configs/quickstart.json, or just: tapedeck run");
  for (auto add : {add_run, add_resume, add_check, add_show, add_eval, add_predict, add_list, add_explain, add_schema, add_doctor, add_version})
    add(app, invocation);
  const std::vector<std::string> words(command_line.begin() + 1, command_line.end());
  check_command_name(app, words);
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::Success& success) {         // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& problem) {
    throw usage_error(problem, app, words);
  }
  if (!invocation.action) throw Error(ErrorKind::usage, "no command given", "commands: " + join(command_names(app)));
  return invocation.action();
}

int report(const Error& error) {
  const int code = exit_code(error.kind());
  const std::string what = error.what();
  if (what.starts_with("error ")) fmt::print(stderr, "{}\n", what);          // complaints come with their places
  else if (code == 1) fmt::print(stderr, "error: {}\nThis is a mistake in tapedeck; please report it with the experiment file.\n", what);
  else fmt::print(stderr, "error: {}\n", what);
  return code;
}

}  // namespace
}  // namespace tapedeck::app

int main(int argc, char** argv) {
  using namespace tapedeck;
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return app::run({argv, argv + argc});
  } catch (const Error& error) {
    return app::report(error);
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: out of memory: use a smaller batch (training.micro_batch_size), shorter texts (tokenizer.max_length) or a smaller model\n");
    return 4;
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\nThis is a mistake in tapedeck; please report it with the experiment file.\n", error.what());
    return 1;
  }
}
