// Planning: points times seeds, each with its address, and which of them are there. Next: sweep_run.cpp, which trains the rest.
#include <tapedeck/study/sweep.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

#include "src/config/locations.h"
#include "src/config/sha256.h"
#include "src/study/content_hash.h"
#include "src/study/sweep_parts.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

/// The section with what --sweep adds to it.
Json with_sweeps(const Json& tree, const std::vector<std::string>& sweeps) {
  const Json* given = value_at(tree, "sweep");
  Json section = given && !given->is(Json::Kind::null) ? *given : json_of_grid();
  Json over = Json::dict();
  if (const Json* listed = value_at(section, "over")) over = *listed;
  for (const std::string& sweep : sweeps) add_sweep(over, sweep);
  if (section.is(Json::Kind::object)) section.set("over", std::move(over));
  return section;
}

/// The part that a section describes, with every mistake in it.
Choice<SweepSpec> sweep_of(const Json& section) {
  struct Holder : Part {
    Choice<SweepSpec> sweep;
    void describe(Fields& f) override { f("sweep", sweep, "the sweep").required(); }
  } holder;
  Json tree = Json::dict();
  tree.set("sweep", section);
  Diagnostics diagnostics;
  read_fields(holder, tree, "", diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  return std::move(holder.sweep);
}

/// The share of a duration, in its own unit.
std::string shorter(const Duration& whole, double share) {
  Duration part = whole;
  part.amount *= share;
  const bool counted = part.unit == Duration::Unit::steps || part.unit == Duration::Unit::examples;
  if (counted) part.amount = std::max(1.0, std::round(part.amount));
  else part.amount = std::max(1e-4, std::round(part.amount * 1e4) / 1e4);
  return part.str();
}

/// Scores and their direction, from the experiment without any point.
void choose_goal(SweepPlan& plan, const ExperimentConfig& config, const std::string& given) {
  const EvaluationOptions& evaluation = config.evaluation;
  plan.goal = metric_name(!given.empty()                ? given
                          : !evaluation.best.empty()    ? evaluation.best
                          : !evaluation.metrics.empty() ? evaluation.metrics.front()
                                                        : "");
  const bool same = given.empty() || metric_name(given) == metric_name(evaluation.best);
  plan.goal_is_higher =
      same && !evaluation.direction.empty() ? evaluation.direction == "max" : plan.goal.empty() || higher_is_better(plan.goal);
}

}  // namespace

Json json_of_grid() {
  Json grid = Json::dict();
  grid.set("type", Json::of("grid"));
  return grid;
}

std::string point_text(const SweepPoint& point) {
  std::vector<std::string> words;
  for (const std::string& assignment : point) {
    const size_t equals = assignment.find('='), dot = assignment.rfind('.', equals);
    words.push_back(assignment.substr(dot == std::string::npos ? 0 : dot + 1));
  }
  return join(words, " ");
}

bool has_sweep(const std::string& file, const std::vector<std::string>& sets) {
  Diagnostics diagnostics;
  const Json tree = load_experiment(file, sets, diagnostics).tree;
  const Json* sweep = value_at(tree, "sweep");
  return sweep && !sweep->is(Json::Kind::null);
}

void look_for(Trial& trial) {
  const std::vector<SavedSeed> seeds = seeds_of_run(trial.folder);
  const bool finished = seeds.size() == 1 && seeds.front().finished();
  if (finished) trial.saved = seeds.front();
  if (trial.state != "refused") trial.state = finished ? "finished" : "missing";
}

void settle_goal(SweepPlan& plan) {
  if (!plan.goal.empty()) return;
  for (const Trial& trial : plan.trials)
    if (trial.state == "finished") {
      plan.goal = deciding_metric(resolved_of(trial.saved.run_folder), trial.saved.values("best"));
      plan.goal_is_higher = higher_is_better(plan.goal);
      return;
    }
}

std::vector<Trial> trials_of(const SweepPlan& plan, size_t rung, const std::vector<size_t>& points,
                             const std::vector<std::string>& sets) {
  FileHashes known;
  std::vector<Trial> trials;
  for (const size_t point : points)
    for (const uint64_t seed : plan.seeds) {
      Trial trial{.point = point,
                  .rung = rung,
                  .seed = seed,
                  .sets = sets,
                  .hash = {},
                  .folder = {},
                  .state = {},
                  .problem = {},
                  .saved = {}};
      trial.sets.insert(trial.sets.end(), plan.points[point].begin(), plan.points[point].end());
      trial.sets.push_back(text("seed=", seed));
      AddressedRun run = addressed(plan.file, trial.sets, known);
      if (run.problem.empty() && plan.rungs[rung].share < 1) {
        trial.sets.push_back("training.duration=" + shorter(run.config.training.duration, plan.rungs[rung].share));
        run = addressed(plan.file, trial.sets, known);
      }
      trial.hash = run.hash, trial.problem = run.problem;
      trial.folder = plan.root + "/points/" + trial.hash.substr(0, 16);
      if (!run.problem.empty()) trial.state = "refused", trial.folder.clear();
      else look_for(trial);
      trials.push_back(std::move(trial));
    }
  return trials;
}

SweepPlan plan_sweep(const SweepOptions& options) {
  Diagnostics diagnostics;
  LoadedExperiment loaded = load_experiment(options.file, options.sets, diagnostics);
  ExperimentConfig config;
  if (!diagnostics.empty() && loaded.tree.members.empty()) diagnostics.raise();
  const Json section = with_sweeps(loaded.tree, options.sweeps);
  std::erase_if(loaded.tree.members, [](const Json::Member& m) { return m.key == "sweep"; });
  bind_experiment(loaded.tree, config, diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  const Choice<SweepSpec> sweep = sweep_of(section);
  SweepPlan plan;
  plan.file = options.file, plan.name = config.name, plan.type = sweep.name(), plan.seeds = config.all_seeds();
  plan.points = sweep->points();
  plan.rungs = sweep->rungs(int64_t(plan.points.size()));
  for (const Json::Member& m : sweep->over.members) plan.keys.push_back(m.key);
  choose_goal(plan, config, sweep->goal);
  const std::string root = !options.output.empty() ? options.output : config.output ? config.output.path : "runs";
  plan.root = (fs::absolute(root) / plan.name).lexically_normal().string();
  std::vector<size_t> all(plan.points.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  plan.trials = trials_of(plan, 0, all, options.sets);
  std::string addresses = plan.type;
  for (const Trial& trial : plan.trials) addresses += trial.hash + "\n";
  settle_goal(plan);
  plan.folder = plan.root + "/sweep-" + sha256(addresses).substr(0, 8);
  return plan;
}

double estimated_seconds(const SweepPlan& plan) {
  std::vector<double> whole;  // of runs of the full duration
  double missing = 0;
  for (const Trial& trial : plan.trials) {
    if (trial.state == "finished") whole.push_back(trial.saved.seconds() / plan.rungs[trial.rung].share);
    missing += trial.state == "missing" ? plan.rungs[trial.rung].share : 0;
  }
  for (size_t r = 1; r < plan.rungs.size(); ++r)
    missing += double(plan.rungs[r].points) * double(plan.seeds.size()) * plan.rungs[r].share;
  if (missing == 0) return 0;
  if (whole.empty()) {
    const size_t step = std::max<size_t>(1, (plan.points.size() + 5) / 6);
    for (const Trial& trial : plan.trials) {
      if (trial.state != "missing" || trial.seed != plan.seeds.front() || trial.point % step) continue;
      const DryRun dry = check_experiment(plan.file, trial.sets).dry_run;
      whole.push_back(dry.seconds_per_step * double(dry.steps) / plan.rungs[0].share);
    }
  }
  if (whole.empty()) return 0;
  std::sort(whole.begin(), whole.end());
  return missing * whole[whole.size() / 2];
}

std::vector<SweepRow> sweep_rows(const SweepPlan& plan) {
  std::vector<SweepRow> rows;
  for (size_t point = 0; point < plan.points.size(); ++point) {
    SweepRow row{.point = point, .rung = 0, .goal = {}, .test = {}, .seconds = 0, .failed = 0};
    for (const Trial& trial : plan.trials)
      if (trial.point == point) row.rung = std::max(row.rung, trial.rung);
    std::vector<double> goal, test;
    for (const Trial& trial : plan.trials) {
      if (trial.point != point || trial.rung != row.rung) continue;
      row.failed += trial.state == "failed" || trial.state == "refused";
      if (trial.state != "finished") continue;
      row.seconds += trial.saved.seconds();
      const auto best = trial.saved.values("best"), tested = trial.saved.values("test");
      if (best.contains(plan.goal) && std::isfinite(best.at(plan.goal))) goal.push_back(best.at(plan.goal));
      if (tested.contains(plan.goal) && std::isfinite(tested.at(plan.goal))) test.push_back(tested.at(plan.goal));
    }
    row.goal = statistics(goal), row.test = statistics(test);
    rows.push_back(row);
  }
  std::stable_sort(rows.begin(), rows.end(), [&](const SweepRow& a, const SweepRow& b) {
    if (a.rung != b.rung) return a.rung > b.rung;
    if ((a.goal.n == 0) != (b.goal.n == 0)) return a.goal.n > b.goal.n;
    return plan.goal_is_higher ? a.goal.mean > b.goal.mean : a.goal.mean < b.goal.mean;
  });
  return rows;
}

}  // namespace tapedeck
