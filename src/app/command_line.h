// The parser behind a small face, so that one file pays for CLI11 and every command reads like its help text.
// Next: commands.h.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tapedeck::app {

/// A command while it is being described. `names` is "file" for a positional argument, "-o,--output" for an option.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}
  Command& text(const std::string& names, std::string& value, const std::string& doc, const std::string& placeholder = "TEXT");
  Command& required(const std::string& name, std::string& value, const std::string& doc);
  Command& several(const std::string& name, std::vector<std::string>& values, const std::string& doc);  // one or more
  Command& any(const std::string& name, std::vector<std::string>& values, const std::string& doc);      // none or more
  Command& choice(const std::string& names, std::string& value, std::vector<std::string> allowed, const std::string& doc);
  Command& flag(const std::string& names, bool& value, const std::string& doc);
  /// A number of at least `least`; its present value is the default.
  Command& number(const std::string& name, int64_t& value, const std::string& doc, int64_t least);
  Command& number(const std::string& name, double& value, const std::string& doc, double least);
  /// May be given several times, one value each.
  Command& list(const std::string& names, std::vector<std::string>& values, const std::string& doc,
                const std::string& placeholder);
  /// The two options cannot be given together.
  Command& exclusive(const std::string& one, const std::string& other);

 private:
  CLI::App* app_;
};

class CommandLine {
 public:
  CommandLine(const std::string& doc, const std::string& version, const std::string& footer);
  ~CommandLine();
  /// action: what the command does; returns the exit code.
  Command add(const std::string& name, const std::string& doc, std::function<int()> action);
  /// A command that only holds others; they are added as "group name".
  void group(const std::string& name, const std::string& doc);
  /// A member of a group that is no more: whoever types it is told what to type instead.
  void removed(const std::string& name, const std::string& hint) { removed_[name] = hint; }
  /// Parses and runs. words: the arguments without the program. Error{usage} with a suggestion.
  int run(const std::vector<std::string>& words);

 private:
  void check_command_name(const std::vector<std::string>& words) const;
  void check_member_name(const std::vector<std::string>& words) const;
  std::unique_ptr<CLI::App> app_;
  std::function<int()> chosen_;
  std::map<std::string, std::string> removed_;
};

}  // namespace tapedeck::app
