// What the reports share. Next: report.cpp.
#pragma once
#include <string>
#include <vector>

#include "src/study/chart.h"

namespace tapedeck {

/// number: of the next figure, counted on.
std::string chart_section(const std::vector<Chart>& charts, int& number);
/// Every option with where it came from.
std::string config_section(const std::string& run_folder);
std::string report_of_sweep(const std::string& folder);

}  // namespace tapedeck
