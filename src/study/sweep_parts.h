// What planning and running a sweep share. Next: sweep.cpp.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/study/sweep.h>

namespace tapedeck {

Json json_of_grid();  // { "type": "grid" }
/// The runs of some points in a rung; sets: the user's own.
std::vector<Trial> trials_of(const SweepPlan& plan, size_t rung, const std::vector<size_t>& points,
                             const std::vector<std::string>& sets);
/// Reads what is in its folder: "finished" or "missing".
void look_for(Trial& trial);
/// Where neither the sweep nor the experiment names a goal: what decides in the first finished run.
void settle_goal(SweepPlan& plan);
/// sweep.json, results.csv and a folder per point with a link to each of its runs.
void write_sweep(const SweepPlan& plan);

}  // namespace tapedeck
