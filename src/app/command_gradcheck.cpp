// tapedeck gradcheck NAME: the eleven checks of the op table for an op, whoever wrote it; derivatives against differences for
// a loss or a head. Next: gradcheck_part.cpp.
#include <algorithm>

#include <tapedeck/ops/check.h>

#include "src/app/gradcheck_part.h"

namespace tapedeck::app {
namespace {

Json to_json(const PartCheck& part) {
  Json out = Json::dict();
  out.set("part", Json::of(part.title));
  out.set("sound", Json::of(part.sound()));
  out.set("worst_first_derivative", Json::of(part.first.relative));
  out.set("worst_second_derivative", Json::of(part.second.relative));
  return out;
}

Json to_json(const OpReport& report) {
  Json out = Json::dict();
  out.set("op", Json::of(report.op));
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

}  // namespace

void add_gradcheck(CommandLine& line) {
  struct Flags { std::string op; bool json = false; std::vector<std::string> plugins; };
  auto flags = std::make_shared<Flags>();
  Command command = line.add("gradcheck", "hold an op to its promises, or the derivatives of a loss or head to differences", [flags] {
    load(flags->plugins);
    const bool is_op = std::ranges::find(op_table(), flags->op, &OpEntry::name) != op_table().end();
    if (const std::optional<PartCheck> part = is_op ? std::nullopt : check_part(flags->op)) {
      print(flags->json ? to_json(*part).dump() + "\n" : part->str());
      return part->sound() ? 0 : 1;
    }
    const OpReport report = check_op(find_op(flags->op));
    print(flags->json ? to_json(report).dump() + "\n" : report.str());
    return report.sound() ? 0 : 1;
  });
  command.required("name", flags->op, "softmax, attention, cross_entropy, mlp, your own, ...");
  add_plugins(command, flags->plugins);
  add_json(command, flags->json);
}

}  // namespace tapedeck::app
