// tapedeck list [KIND]: every registered part and op, by kind.
#include <fmt/core.h>

#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/base/error_codes.h>
#include <tapedeck/base/words.h>
#include <tapedeck/tape/op_table.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

struct Entry {
  std::string kind, name, doc;
};

std::vector<Entry> entries() {
  std::vector<Entry> all;
  for (const PartDoc& part : all_parts()) all.push_back({part.kind, part.name, part.doc});
  for (const OpEntry& op : op_table()) all.push_back({"op", op.name, op.doc});
  for (const ErrorCode& code : error_codes()) all.push_back({"code", std::string(code.code), std::string(code.title)});
  std::stable_sort(all.begin(), all.end(),
                   [](const Entry& a, const Entry& b) { return std::tie(a.kind, a.name) < std::tie(b.kind, b.name); });
  return all;
}

/// "ops" and "objectives" name the kinds as well.
std::string kind_of(const std::string& word, const std::vector<Entry>& all) {
  std::vector<std::string> kinds;
  for (const Entry& entry : all)
    if (kinds.empty() || kinds.back() != entry.kind) kinds.push_back(entry.kind);
  for (const std::string& kind : kinds)
    if (word == kind || word == kind + "s") return kind;
  throw Error(ErrorKind::usage, "there is no kind " + in_quotes(word), suggest(word, kinds) + " kinds: " + join(kinds));
}

struct ListFlags {
  std::string kind;
  bool json = false;
  std::vector<std::string> plugins;
};

int list(const ListFlags& flags) {
  const std::vector<Entry> all = entries();
  const std::string kind = flags.kind.empty() ? "" : kind_of(flags.kind, all);
  Json listed = Json::list();
  std::string text, last;
  for (const Entry& entry : all) {
    if (!kind.empty() && entry.kind != kind) continue;
    if (kind.empty() && entry.kind == "code" && !flags.json) continue;  // a page of their own: list codes
    listed.items.push_back(json_object({{"kind", entry.kind}, {"name", entry.name}, {"doc", entry.doc}}));
    if (entry.kind != last) text += fmt::format("{}{}\n", last.empty() ? "" : "\n", last = entry.kind);
    text += fmt::format("  {:<20} {}\n", entry.name, entry.doc);
  }
  return print(flags.json, listed, text);
}

}  // namespace

std::vector<PartDoc> all_parts() {
  ExperimentConfig root;
  const Choice<Metric> metric;
  return part_docs(root, {&metric});
}

void add_list(CommandLine& line) {
  auto [command, flags] = add_command<ListFlags>(line, "list", "list the parts there are, by kind", list);
  command.text("kind", flags.kind, "objective, model, op, code, ... (default: all parts and ops)", "KIND");
  add_plugins(command, flags.plugins);
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
