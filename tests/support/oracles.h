// Published or hand-computed numbers as rows: what is computed, the number, and where it comes from. Each floor has its
// own tests/oracles_*_test.cpp, so that adding a number is adding a row there.
#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <iostream>
#include <string>
#include <vector>

namespace tapedeck::testing {

/// tolerance: absolute; half a unit of the last printed digit for rounded numbers. items: numbers of tests/oracles.txt that the
/// row holds, none for a number beyond that list.
struct Oracle {
  std::string name, source;  // source: method and paper, formula or worked example
  double value, expected, tolerance;
  std::string items = {};
};

inline void check_oracles(const char* table, const std::vector<Oracle>& rows) {
  for (const Oracle& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.source);
    CHECK_MESSAGE(std::abs(row.value - row.expected) <= row.tolerance,
                  row.value << " is not " << row.expected << " within " << row.tolerance);
  }
  std::cout << table << ": " << rows.size() << " oracles\n";
}

}  // namespace tapedeck::testing
