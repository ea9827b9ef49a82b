// What a run left behind: its files, byte by byte, and what an observer told apart from the clock. Next: tiny_run.h.
#pragma once
#include <cstdio>
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

/// Every bit of it.
inline std::string hexadecimal(double value) {
  char digits[32];
  return {digits, size_t(std::snprintf(digits, sizeof digits, "%a", value))};
}

/// Everything a listener was told that must not depend on the clock.
inline std::string told(const Listener& l) {
  std::string out;
  for (auto& r : l.steps) {
    out += text("step ", r.step, " ", r.total_steps, " ", r.epoch, " ", hexadecimal(r.loss), " ", hexadecimal(r.lr), " ",
                hexadecimal(r.grad_norm));
    for (auto& [name, value] : r.reports) out += text(" ", name, "=", hexadecimal(value));
    out += "\n";
  }
  for (auto& r : l.evaluations) {
    out += text("evaluation ", r.step, " ", r.split, " ", r.best);
    for (auto& [name, value] : r.values) out += text(" ", name, "=", hexadecimal(value));
    out += "\n";
  }
  return out;
}

}  // namespace tapedeck::testing
