// tapedeck gradcheck NAME: the eleven checks of the op table for one op, whoever wrote it.
#include <tapedeck/ops/check.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

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
  Command command = line.add("gradcheck", "hold an op to its promises: kernels, derivatives, threads, what it keeps", [flags] {
    load(flags->plugins);
    const OpReport report = check_op(find_op(flags->op));
    print(flags->json ? to_json(report).dump() + "\n" : report.str());
    return report.sound() ? 0 : 1;
  });
  command.required("op", flags->op, "softmax, attention, your own, ... (list op names them)");
  add_plugins(command, flags->plugins);
  add_json(command, flags->json);
}

}  // namespace tapedeck::app
