// tapedeck schema: the JSON Schema of experiment files, for editors. It is made from the same fields that read them.
#include "src/app/commands.h"

namespace tapedeck::app {

void add_schema(CommandLine& line) {
  struct Flags { bool json = true; std::vector<std::string> plugins; };    // it is JSON either way
  auto flags = std::make_shared<Flags>();
  Command command = line.add("schema", "print the JSON Schema of experiment files, for editors", [flags] {
    load(flags->plugins);
    ExperimentConfig root;
    print(json_schema(root).dump() + "\n");
    return 0;
  });
  add_plugins(command, flags->plugins);
  add_json(command, flags->json);
}

}  // namespace tapedeck::app
