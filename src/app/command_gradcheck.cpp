// tapedeck gradcheck NAME...: the eleven checks of the op table for an op, the derivatives of any other part against differences,
// whoever wrote it. A name that several kinds have stands for all of them; "loss.mse" for one. Next: check/check_op.h,
// check/check_part.h.
#include <fmt/core.h>

#include <algorithm>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/check/check_op.h>
#include <tapedeck/check/check_part.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

Json report_json(const PartReport& report) {
  Json out = json_object({{"kind", report.kind},
                          {"name", report.name},
                          {"sound", report.sound()},
                          {"checks", json_list(report.checks, [](const PartCheck& check) {
                             return json_object({{"row", check.row},
                                                 {"promise", check.promise},
                                                 {"gap", check.gap.relative},
                                                 {"limit", check.limit},
                                                 {"sound", check.sound()}});
                           })}});
  if (!report.note.empty()) out.set("note", Json::of(report.note));
  if (!report.exempt.empty()) out.set("exempt", Json::of(report.exempt));
  return out;
}

Json report_json(const OpReport& report) {
  const auto count = [](const CheckCount& check) {
    return json_object({{"number", check.number}, {"name", check.name}, {"promise", check.promise}, {"ran", check.ran}});
  };
  return json_object({{"kind", "op"},
                      {"name", report.op},
                      {"sound", report.sound()},
                      {"rows", report.rows},
                      {"checks", json_list(report.checks, count)},
                      {"worst_first_derivative", report.first.relative},
                      {"worst_second_derivative", report.second.relative},
                      {"failures", json_list(report.failures)}});
}

/// A part or op as `list` has it.
struct Named {
  std::string kind, name;
};

/// Everything with derivatives that the word names. Error{usage} when there is nothing.
std::vector<Named> named(const std::string& word) {
  std::vector<Named> found;
  std::set<std::string> names, without;
  const auto look_at = [&](const std::string& kind, const std::string& name, bool derivatives) {
    const bool meant = word == name || word == kind + "." + name;
    if (derivatives) names.insert(name);
    if (meant && derivatives) found.push_back({kind, name});
    else if (meant && kind != "section") without.insert(kind);
  };
  for (const OpEntry& op : op_table()) look_at("op", op.name, true);
  for (const PartDoc& part : all_parts()) look_at(part.kind, part.name, can_be_checked(part.kind));
  if (!found.empty()) return found;
  if (!without.empty())
    throw Error(ErrorKind::usage, in_quotes(word) + " is of the kind " + *without.begin() + ", which has no derivatives",
                "gradcheck takes ops, losses, heads, encoders, models, objectives, adversaries and embedding losses");
  throw Error(ErrorKind::usage, "there is nothing called " + in_quotes(word), suggest(word, {names.begin(), names.end()}));
}

struct GradcheckFlags {
  std::vector<std::string> names;
  bool json = false;
  std::vector<std::string> plugins, sets;
};

int gradcheck_command(const GradcheckFlags& flags) {
  std::vector<Named> all;
  for (const std::string& word : flags.names)
    for (Named& one : named(word)) all.push_back(std::move(one));
  if (!flags.sets.empty() && std::ranges::find(all, "op", &Named::kind) != all.end())
    throw Error(ErrorKind::usage, "--set gives options, and an op has none", "name the kind of the part that is meant: loss.mse");
  Json reports = Json::list();
  std::string text;
  bool sound = true;
  const auto add = [&](const auto& report) {
    reports.items.push_back(report_json(report));
    text += report.str();
    sound = sound && report.sound();
  };
  for (const Named& one : all) {
    if (one.kind == "op") add(check_op(find_op(one.name)));
    else add(check_part(one.kind, one.name, flags.sets));
  }
  print(flags.json, json_object({{"sound", sound}, {"reports", std::move(reports)}}), text);
  return sound ? 0 : 1;
}

}  // namespace

void add_gradcheck(CommandLine& line) {
  auto [command, flags] = add_command<GradcheckFlags>(
      line, "gradcheck", "hold an op to its promises, the derivatives of any other part to differences", gradcheck_command);
  command.several("name", flags.names, "softmax, cross_entropy, r_drop, head.linear, your own, ...");
  command.list("--set", flags.sets, "an option of the part: --set alpha=2; may be repeated", "OPTION=VALUE");
  add_plugins(command, flags.plugins);
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
