// tapedeck plan FILE: the runs of a sweep, what of them is done, and how long the rest will take. Nothing is trained.
#include <fmt/core.h>

#include <tapedeck/study/sweep.h>

#include "src/app/commands.h"
#include "src/app/sweep_table.h"

namespace tapedeck::app {
namespace {

struct PlanFlags : SweepFlags {
  bool json = false;
};

Json plan_json(const SweepPlan& plan, double seconds) {
  return json_object({{"name", plan.name},
                      {"type", plan.type},
                      {"goal", plan.goal},
                      {"folder", plan.folder},
                      {"seeds", json_list(plan.seeds)},
                      {"estimated_seconds", seconds},
                      {"runs", json_list(plan.trials, [&](const Trial& t) {
                         Json json = json_object({{"point", json_list(plan.points[t.point])},
                                                  {"seed", t.seed},
                                                  {"hash", t.hash},
                                                  {"folder", t.folder},
                                                  {"state", t.state}});
                         if (!t.problem.empty()) json.set("problem", Json::of(t.problem));
                         return json;
                       })}});
}

std::string plan_text(const SweepPlan& plan, double seconds) {
  size_t missing = 0, finished = 0, refused = 0;
  std::vector<std::string> states(plan.points.size());
  std::string problems;
  for (const Trial& trial : plan.trials) {
    missing += trial.state == "missing", finished += trial.state == "finished", refused += trial.state == "refused";
    std::string& state = states[trial.point];
    state += (state.empty() ? "" : ", ") + fmt::format("seed {} {}", trial.seed, trial.state);
    if (trial.state == "refused" && trial.seed == plan.seeds.front())
      problems += fmt::format("\n{} cannot run:\n{}\n", point_text(plan.points[trial.point]), trial.problem);
  }
  TableRows rows;
  constexpr size_t most = 40;
  for (size_t i = 0; i < std::min(most, states.size()); ++i) rows.push_back({point_text(plan.points[i]), states[i]});
  std::string out = table(rows, "l");
  if (states.size() > most) out += fmt::format("and {} more points\n", states.size() - most);
  for (size_t r = 1; r < plan.rungs.size(); ++r)
    out += fmt::format("then the best {} for {:.3g} of the duration\n", plan.rungs[r].points, plan.rungs[r].share);
  out += problems;
  return out + fmt::format("{} runs: {} finished, {} to train{}; {}\n", plan.trials.size(), finished, missing,
                           refused ? fmt::format(", {} refused", refused) : "",
                           missing ? "about " + time_text(seconds) + " one after another, at most" : "nothing left to do");
}

int plan(const PlanFlags& flags) {
  const SweepPlan plan = plan_sweep(sweep_options(flags));
  const double seconds = estimated_seconds(plan);
  return print(flags.json, plan_json(plan, seconds), plan_text(plan, seconds));
}

}  // namespace

void add_plan(CommandLine& line) {
  auto [command, flags] = add_command<PlanFlags>(line, "plan", "what a sweep would run, and how long it would take", plan);
  command.text("file", flags.file, "experiment file; without one, the built-in experiment", "FILE")
      .text("-o,--output", flags.output, "folder that receives runs (default: \"output\" of the file, or runs)", "DIR");
  add_sets(command, flags.sets);
  add_sweep_flags(command, flags);
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
