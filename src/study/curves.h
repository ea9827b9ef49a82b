// What metrics.jsonl of several seeds draws: a group of lines for each split and key. Next: curves.cpp.
#pragma once
#include <map>
#include <string>
#include <vector>

#include <tapedeck/study/runs.h>

#include "src/study/chart.h"

namespace tapedeck {

/// "train loss", "validation accuracy", "train lr" -> a line for each seed.
using Curves = std::map<std::string, std::vector<Points>>;
Curves curves_of(const std::vector<SavedSeed>& seeds);
/// Which curves make the charts of a report, in order: losses together, then metrics, rate, gradient, what objectives report.
/// sides: a name and curves for each side, one for a run, two for a comparison.
std::vector<Chart> charts_of(const std::vector<std::pair<std::string, Curves>>& sides);

}  // namespace tapedeck
