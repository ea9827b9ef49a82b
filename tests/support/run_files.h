// What a run left behind: its files, byte by byte, and what an observer told apart from the clock. Next: tiny_run.h.
#pragma once
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "tests/support/tiny_run.h"

namespace tapedeck::testing {

/// Every file below a folder and what it holds.
inline std::map<std::string, std::string> contents(const std::string& folder) {
  std::map<std::string, std::string> all;
  for (auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) all[std::filesystem::relative(entry.path(), folder).string()] = read_raw(entry.path().string());
  return all;
}

inline std::set<std::string> names(const std::string& folder) {
  std::set<std::string> all;
  for (auto& entry : std::filesystem::directory_iterator(folder)) all.insert(entry.path().filename().string());
  return all;
}

/// Everything a listener notify that must not depend on the clock.
inline std::string notify(const Listener& l) {
  std::string out;
  for (auto& r : l.steps) {
    out += text("step ", r.step, " ", r.total_steps, " ", r.epoch, std::hexfloat, " ", r.loss, " ", r.lr, " ", r.grad_norm,
                std::defaultfloat);
    for (auto& [name, value] : r.reports) out += text(" ", name, "=", std::hexfloat, value);
    out += "\n";
  }
  for (auto& r : l.evaluations) {
    out += text("evaluation ", r.step, " ", r.split, " ", r.best);
    for (auto& [name, value] : r.values) out += text(" ", name, "=", std::hexfloat, value);
    out += "\n";
  }
  return out;
}

}  // namespace tapedeck::testing
