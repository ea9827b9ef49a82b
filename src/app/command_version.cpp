// tapedeck version.
#include "src/app/commands.h"

namespace tapedeck::app {

void add_version(CommandLine& line) {
  auto json = std::make_shared<bool>(false);
  Command command = line.add("version", "print the version", [json] {
    const std::string number(version());
    print(*json ? "{\"tapedeck\": \"" + number + "\"}\n" : "tapedeck " + number + "\n");
    return 0;
  });
  add_json(command, *json);
}

}  // namespace tapedeck::app
