// tapedeck schema: the JSON Schema of experiment files, for editors. It is made from the same fields that read them.
#include "src/app/commands.h"

namespace tapedeck::app {

void add_schema(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("schema", "print the JSON Schema of experiment files, for editors");
  auto json = std::make_shared<bool>(false);
  add_json(*command, *json);                      // it is JSON either way
  command->callback([&invocation, json] {
    invocation.action = [] {
      ExperimentConfig root;
      print(json_schema(root).dump() + "\n");
      return 0;
    };
  });
}

}  // namespace tapedeck::app
