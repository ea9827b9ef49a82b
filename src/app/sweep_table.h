// What run and plan share about sweeps. Next: sweep_table.cpp.
#pragma once
#include <string>

#include <tapedeck/study/sweep.h>

#include "src/app/commands.h"

namespace tapedeck::app {

SweepOptions sweep_options(const SweepFlags& flags);
std::string sweep_table(const SweepResult& result);
std::string time_text(double seconds);  // "12.0 s", "3 min", "1.5 h"

}  // namespace tapedeck::app
