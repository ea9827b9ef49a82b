// tapedeck gradcheck NAME...: the eleven checks of the op table for an op, the derivatives of any other part against differences,
// whoever wrote it. A name that several kinds have stands for all of them; "loss.mse" for one. Next: ops/check.h, check/check_part.h.
#include <fmt/core.h>

#include <algorithm>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/check/check_part.h>
#include <tapedeck/ops/check.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

Json to_json(const PartReport& report) {
  Json out = Json::dict(), checks = Json::list();
  out.set("kind", Json::of(report.kind));
  out.set("name", Json::of(report.name));
  out.set("sound", Json::of(report.sound()));
  for (const PartCheck& check : report.checks) {
    Json one = Json::dict();
    one.set("row", Json::of(check.row));
    one.set("promise", Json::of(check.promise));
    one.set("gap", Json::of(check.gap.relative));
    one.set("limit", Json::of(check.limit));
    one.set("sound", Json::of(check.sound()));
    checks.items.push_back(std::move(one));
  }
  out.set("checks", std::move(checks));
  if (!report.note.empty()) out.set("note", Json::of(report.note));
  if (!report.exempt.empty()) out.set("exempt", Json::of(report.exempt));
  return out;
}

Json to_json(const OpReport& report) {
  Json out = Json::dict();
  out.set("kind", Json::of("op"));
  out.set("name", Json::of(report.op));
  out.set("sound", Json::of(report.sound()));
  out.set("rows", Json::of(int64_t{report.rows}));
  Json checks = Json::list(), failures = Json::list();
  for (const CheckCount& check : report.checks) {
    Json one = Json::dict();
    one.set("number", Json::of(int64_t{check.number}));
    one.set("name", Json::of(check.name));
    one.set("promise", Json::of(check.promise));
    one.set("ran", Json::of(int64_t{check.ran}));
    checks.items.push_back(std::move(one));
  }
  for (const std::string& failure : report.failures) failures.items.push_back(Json::of(failure));
  out.set("checks", std::move(checks));
  out.set("worst_first_derivative", Json::of(report.first.relative));
  out.set("worst_second_derivative", Json::of(report.second.relative));
  out.set("failures", std::move(failures));
  return out;
}

/// A part or op as `list` has it.
struct Named { std::string kind, name; };

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

struct Tally {
  Json reports = Json::list();
  std::string text;
  bool sound = true;
  template <class Report>
  void add(const Report& report) {
    reports.items.push_back(to_json(report));
    text += report.str();
    sound = sound && report.sound();
  }
};

int gradcheck(const std::vector<std::string>& words, const std::vector<std::string>& sets, bool json) {
  std::vector<Named> all;
  for (const std::string& word : words) for (Named& one : named(word)) all.push_back(std::move(one));
  if (!sets.empty() && std::ranges::find(all, "op", &Named::kind) != all.end())
    throw Error(ErrorKind::usage, "--set gives options, and an op has none", "name the kind of the part that is meant: loss.mse");
  Tally tally;
  for (const Named& one : all) {
    if (one.kind == "op") tally.add(check_op(find_op(one.name)));
    else tally.add(check_part(one.kind, one.name, sets));
  }
  if (json) {
    Json out = Json::dict();
    out.set("sound", Json::of(tally.sound));
    out.set("reports", std::move(tally.reports));
    print(out.dump() + "\n");
  } else {
    print(tally.text);
  }
  return tally.sound ? 0 : 1;
}

}  // namespace

void add_gradcheck(CommandLine& line) {
  struct Flags { std::vector<std::string> names; bool json = false; std::vector<std::string> plugins, sets; };
  auto flags = std::make_shared<Flags>();
  Command command = line.add("gradcheck", "hold an op to its promises, the derivatives of any other part to differences", [flags] {
    load(flags->plugins);
    return gradcheck(flags->names, flags->sets, flags->json);
  });
  command.several("name", flags->names, "softmax, cross_entropy, r_drop, head.linear, your own, ...");
  command.list("--set", flags->sets, "an option of the part: --set alpha=2; may be repeated", "OPTION=VALUE");
  add_plugins(command, flags->plugins);
  add_json(command, flags->json);
}

}  // namespace tapedeck::app
