// tapedeck explain TOPIC: a part, an option, a section, an op or the code of a complaint.
#include <tapedeck/base/error.h>
#include <tapedeck/tape/op_table.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

std::string explain_topic(const std::string& topic) {
  std::string op_text;
  for (const OpEntry& op : op_table())
    if (op.name == topic || "op." + op.name == topic) op_text = explain_op(op);
  try {
    const std::string part_text = explain(all_parts(), topic);
    return op_text.empty() ? part_text : part_text + "\n" + op_text;
  } catch (const Error& error) {
    if (op_text.empty() || error.kind() != ErrorKind::usage) throw;
    return op_text;
  }
}

int run(const std::string& topic, bool json) {
  const std::string text = explain_topic(topic);
  if (!json) {
    print(text);
    return 0;
  }
  Json out = Json::dict();
  out.set("topic", Json::of(topic));
  out.set("text", Json::of(text));
  print(out.dump() + "\n");
  return 0;
}

}  // namespace

void add_explain(CommandLine& line) {
  struct Flags { std::string topic; bool json = false; std::vector<std::string> plugins; };
  auto flags = std::make_shared<Flags>();
  Command command = line.add("explain", "explain a part, an option, an op or the code of an error",
                             [flags] {
    load(flags->plugins);
    return run(flags->topic, flags->json);
  });
  command.required("topic", flags->topic, "r_drop, training.batch_size, objective, TD0301, ...");
  add_plugins(command, flags->plugins);
  add_json(command, flags->json);
}

}  // namespace tapedeck::app
