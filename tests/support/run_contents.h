// What of a run folder must not depend on threads or interruptions: checkpoints as bytes, figures without their timings.
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "temp_folder.h"

namespace tapedeck::testing {

/// metrics.json without "timings", "memory" and the checksum over them.
inline nlohmann::json figures(const std::string& folder) {
  nlohmann::json json = nlohmann::json::parse(read_raw(folder + "/metrics.json"));
  json.erase("timings"), json.erase("memory"), json.erase("crc32");
  return json;
}

/// metrics.jsonl without times and rates.
inline std::string records(const std::string& folder) {
  std::istringstream lines(read_raw(folder + "/metrics.jsonl"));
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    nlohmann::json json = nlohmann::json::parse(line);
    json.erase("t"), json.erase("examples_per_s");
    all += json.dump() + "\n";
  }
  return all;
}

/// Every file of the newest checkpoint, byte for byte.
inline std::map<std::string, std::string> last_checkpoint(const std::string& folder) {
  const auto pointer = nlohmann::json::parse(read_raw(folder + "/checkpoints/last.json"));
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/checkpoints/" + pointer["path"].get<std::string>()))
    files[entry.path().filename().string()] = read_raw(entry.path().string());
  return files;
}

}  // namespace tapedeck::testing
