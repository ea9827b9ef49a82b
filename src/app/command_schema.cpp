// tapedeck schema: the JSON Schema of experiment files, for editors. It is made from the same fields that read them.
#include "src/app/commands.h"

namespace tapedeck::app {

void add_schema(CommandLine& line) {
  struct SchemaFlags {
    bool json = true;
    std::vector<std::string> plugins;
  };  // it is JSON either way
  auto [command, flags] =
      add_command<SchemaFlags>(line, "schema", "print the JSON Schema of experiment files, for editors", [](SchemaFlags&) {
        ExperimentConfig root;
        return print(true, json_schema(root), "");
      });
  add_plugins(command, flags.plugins);
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
