// CLI11 behind Command and CommandLine; what it refuses becomes a usage error with the nearest name.
#include "src/app/command_line.h"

#include <CLI/CLI.hpp>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

namespace tapedeck::app {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(command->get_name());
  return names;
}

/// The first option among the words that the command does not have, with the nearest one that it has.
std::string option_hint(const CLI::App& command, const std::vector<std::string>& words) {
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  for (const std::string& word : words) {
    const std::string name = word.substr(0, word.find('='));
    if (!name.starts_with("--") || std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string near = suggest(name, known);
    return near.empty() ? "options: " + join(known) + "; " : near + " ";
  }
  return "";
}

Error usage_error(const CLI::ParseError& problem, const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* command = &app;
  std::string name;
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    name += command->get_name() + " ";
  }
  const std::string what = problem.what();
  return Error(ErrorKind::usage, what.substr(0, what.find('\n')),
               option_hint(*command, words) + "see `tapedeck " + name + "--help`");
}

}  // namespace

Command& Command::text(const std::string& names, std::string& value, const std::string& doc, const std::string& placeholder) {
  return app_->add_option(names, value, doc)->type_name(placeholder), *this;
}
Command& Command::required(const std::string& name, std::string& value, const std::string& doc) {
  return app_->add_option(name, value, doc)->required(), *this;
}
Command& Command::several(const std::string& name, std::vector<std::string>& values, const std::string& doc) {
  return app_->add_option(name, values, doc)->required(), *this;
}
Command& Command::any(const std::string& name, std::vector<std::string>& values, const std::string& doc) {
  return app_->add_option(name, values, doc), *this;
}
Command& Command::choice(const std::string& names, std::string& value, std::vector<std::string> allowed, const std::string& doc) {
  return app_->add_option(names, value, doc)->check(CLI::IsMember(std::move(allowed)))->capture_default_str(), *this;
}
Command& Command::flag(const std::string& names, bool& value, const std::string& doc) {
  return app_->add_flag(names, value, doc), *this;
}
Command& Command::number(const std::string& name, int64_t& value, const std::string& doc, int64_t least) {
  return app_->add_option(name, value, doc)->check(CLI::Range(least, std::numeric_limits<int64_t>::max()))->capture_default_str(),
         *this;
}
Command& Command::number(const std::string& name, double& value, const std::string& doc, double least) {
  return app_->add_option(name, value, doc)->check(CLI::Range(least, std::numeric_limits<double>::max()))->capture_default_str(),
         *this;
}
Command& Command::list(const std::string& names, std::vector<std::string>& values, const std::string& doc,
                       const std::string& placeholder) {
  return app_->add_option(names, values, doc)->type_name(placeholder)->allow_extra_args(false), *this;
}
Command& Command::exclusive(const std::string& one, const std::string& other) {
  return app_->get_option(one)->excludes(app_->get_option(other)), *this;
}

CommandLine::CommandLine(const std::string& doc, const std::string& version, const std::string& footer)
    : app_(std::make_unique<CLI::App>(doc, "tapedeck")) {
  app_->require_subcommand(0, 1);
  app_->set_version_flag("--version", version);
  app_->footer(footer);
}
CommandLine::~CommandLine() = default;

Command CommandLine::add(const std::string& name, const std::string& doc, std::function<int()> action) {
  const size_t space = name.find(' ');
  CLI::App* parent = space == name.npos ? app_.get() : app_->get_subcommand(name.substr(0, space));
  CLI::App* command = parent->add_subcommand(name.substr(space + 1), doc);  // npos + 1 is 0
  command->callback([this, action = std::move(action)] { chosen_ = action; });
  return Command(*command);
}

void CommandLine::group(const std::string& name, const std::string& doc) {
  app_->add_subcommand(name, doc)->require_subcommand(1);
}

void CommandLine::check_command_name(const std::vector<std::string>& words) const {
  const std::vector<std::string> names = command_names(*app_);
  if (words.empty()) throw Error(ErrorKind::usage, "no command given", "commands: " + join(names));
  const std::string& word = words.front();
  if (word.starts_with("-")) return;
  if (std::find(names.begin(), names.end(), word) != names.end()) return check_member_name(words);
  const std::string near = suggest(word, names);
  const std::string file = word.ends_with(".json") ? "; to run an experiment file: tapedeck run " + word : "";
  throw Error(ErrorKind::usage, "there is no command " + in_quotes(word),
              (near.empty() ? "commands: " + join(names) : near) + file);
}

/// Of a command that only holds others.
void CommandLine::check_member_name(const std::vector<std::string>& words) const {
  const std::vector<std::string> names = command_names(*app_->get_subcommand(words.front()));
  if (names.empty() || (words.size() > 1 && words[1].starts_with("-"))) return;
  if (words.size() == 1) throw Error(ErrorKind::usage, words[0] + " what?", "one of " + join(names));
  if (std::find(names.begin(), names.end(), words[1]) != names.end()) return;
  if (const auto gone = removed_.find(words[0] + " " + words[1]); gone != removed_.end())
    throw Error(ErrorKind::usage, "there is no " + gone->first + " any more", gone->second);
  const std::string near = suggest(words[1], names);
  throw Error(ErrorKind::usage, "there is no " + words[0] + " " + in_quotes(words[1]),
              near.empty() ? "one of " + join(names) : near);
}

int CommandLine::run(const std::vector<std::string>& words) {
  check_command_name(words);
  try {
    app_->parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::Success& success) {  // --help, --version
    return app_->exit(success);
  } catch (const CLI::ParseError& problem) { throw usage_error(problem, *app_, words); }
  if (!chosen_) throw Error(ErrorKind::usage, "no command given", "commands: " + join(command_names(*app_)));
  return chosen_();
}

}  // namespace tapedeck::app
