// The experiment files below a folder; what lies in its data folders is read by them. Next: ../configs_test.cpp.
#pragma once
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace tapedeck::testing {

inline std::vector<std::string> experiments_in(const std::filesystem::path& folder) {
  std::vector<std::string> files;
  for (auto at = std::filesystem::recursive_directory_iterator(folder); at != std::filesystem::recursive_directory_iterator();
       ++at)
    if (at->path().filename() == "data") at.disable_recursion_pending();
    else if (at->path().extension() == ".json") files.push_back(at->path().string());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace tapedeck::testing
