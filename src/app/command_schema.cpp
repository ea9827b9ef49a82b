// tapedeck schema: the JSON Schema of experiment files, for editors. It is made from the same fields that read them.
#include "src/app/commands.h"

namespace tapedeck::app {

void add_schema(CommandLine& line) {
  auto json = std::make_shared<bool>(true);       // it is JSON either way
  Command command = line.add("schema", "print the JSON Schema of experiment files, for editors", [json] {
    ExperimentConfig root;
    print(json_schema(root).dump() + "\n");
    return 0;
  });
  add_json(command, *json);
}

}  // namespace tapedeck::app
