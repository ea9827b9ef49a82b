// An experiment bound for one run, with its address. Next: content_hash.cpp.
#pragma once
#include <map>
#include <string>
#include <vector>

#include <tapedeck/config/config.h>

namespace tapedeck {

using FileHashes = std::map<std::string, std::string>;  // of files seen before: a sweep reads its data once
struct AddressedRun {
  ExperimentConfig config;
  std::string hash, problem;  // problem: why it is no valid experiment
};
AddressedRun addressed(const std::string& file, const std::vector<std::string>& sets, FileHashes& known);

}  // namespace tapedeck
