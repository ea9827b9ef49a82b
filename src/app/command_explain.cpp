// tapedeck explain TOPIC: a part, an option, a section, an op or the code of a diagnostic.
#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/tape/op_table.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

/// Every part and op of this name, each with an example; else what the topic names otherwise.
std::string explain_topic(const std::string& topic, const std::vector<std::string>& sets, Json& examples) {
  std::string out;
  const std::vector<PartDoc> docs = all_parts();
  const auto add = [&](const std::string& words) { out += (out.empty() ? "" : "\n") + words; };
  for (const PartDoc& part : docs) {
    if (part.name != topic && part.kind + "." + part.name != topic) continue;
    Json example;
    add(explain_part(part) + explain_example(part.kind, part.name, sets, &example));
    if (example.is(Json::Kind::object)) examples.items.push_back(std::move(example));
  }
  for (const OpEntry& op : op_table())
    if (op.name == topic || "op." + op.name == topic) add(explain_op(op));
  return out.empty() ? explain(docs, topic) : out;
}

struct ExplainFlags {
  std::string topic;
  bool json = false;
  std::vector<std::string> plugins, sets;
};

int explain_command(const ExplainFlags& flags) {
  Json examples = Json::list();
  const std::string text = explain_topic(flags.topic, flags.sets, examples);
  if (!flags.sets.empty() && examples.items.empty())
    throw Error(ErrorKind::usage, "--set gives options to an example, and " + in_quotes(flags.topic) + " has none",
                "leave it out");
  return print(flags.json, json_object({{"topic", flags.topic}, {"text", text}, {"examples", std::move(examples)}}), text);
}

}  // namespace

void add_explain(CommandLine& line) {
  auto [command, flags] =
      add_command<ExplainFlags>(line, "explain", "explain a part, an option, an op or the code of an error", explain_command);
  command.required("topic", flags.topic, "r_drop, training.batch_size, objective, TD0301, ...");
  command.list("--set", flags.sets, "an option of the part, for its example: --set alpha=2; may be repeated", "OPTION=VALUE");
  add_plugins(command, flags.plugins);
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
