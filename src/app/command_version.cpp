// tapedeck version.
#include "src/app/commands.h"

namespace tapedeck::app {

void add_version(CommandLine& line) {
  struct VersionFlags {
    bool json = false;
  };
  auto [command, flags] = add_command<VersionFlags>(line, "version", "print the version", [](VersionFlags& given) {
    return print(given.json, json_object({{"tapedeck", version()}}), "tapedeck " + std::string(version()) + "\n");
  });
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
