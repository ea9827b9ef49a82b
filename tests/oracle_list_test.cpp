// tests/oracles.txt lists the numbers every method has to reproduce; this test reads which of them the rows of the oracle tables
// name, and fails on a number without a row or a row without a number. Next: support/oracles.h.
#include <doctest/doctest.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "support/temp_folder.h"

using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

const fs::path tests = fs::path(TAPEDECK_SOURCE_DIR) / "tests";

std::set<std::string> listed() {
  std::set<std::string> items;
  std::istringstream lines(read_raw((tests / "oracles.txt").string()));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::string item = line.substr(0, line.find(' '));
    CHECK_MESSAGE(items.insert(item).second, item << " is listed twice");
  }
  return items;
}

/// How many rows of all tables name each item. A row ends with its tolerance and the items: ..., 1e-12, "5.2.1 12.8"}.
std::map<std::string, int> held(int& rows) {
  const std::regex row(R"re(,\s*"(\d+\.\d[\d. ]*)"\})re");
  std::map<std::string, int> count;
  for (const auto& entry : fs::directory_iterator(tests)) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string source = read_raw(entry.path().string());
    if (source.find("support/oracles.h") == source.npos) continue;
    for (auto it = std::sregex_iterator(source.begin(), source.end(), row); it != std::sregex_iterator(); ++it) {
      ++rows;
      std::istringstream items((*it)[1]);
      for (std::string item; items >> item;) ++count[item];
    }
  }
  return count;
}

}  // namespace

TEST_CASE("every number of the list has a row, and every row names a number of the list") {
  int rows = 0;
  const std::set<std::string> list = listed();
  const std::map<std::string, int> count = held(rows);
  for (const std::string& item : list) CHECK_MESSAGE(count.contains(item), "no row holds " << item);
  for (const auto& [item, n] : count)
    CHECK_MESSAGE(list.contains(item), "a row names " << item << ", which tests/oracles.txt does not list");
  std::cout << "oracles: " << list.size() << " numbers and identities held by " << rows << " rows\n";
  CHECK(rows >= 120);
}
