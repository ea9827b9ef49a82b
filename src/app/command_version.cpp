// tapedeck version.
#include "src/app/commands.h"

namespace tapedeck::app {

void add_version(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("version", "print the version");
  auto json = std::make_shared<bool>(false);
  add_json(*command, *json);
  command->callback([&invocation, json] {
    invocation.action = [json] {
      const std::string number(version());
      print(*json ? "{\"tapedeck\": \"" + number + "\"}\n" : "tapedeck " + number + "\n");
      return 0;
    };
  });
}

}  // namespace tapedeck::app
