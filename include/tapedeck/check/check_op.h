// The eleven checks of the op table for any op: built in, from models/custom, from a plugin, in a program of your own.
// `tapedeck gradcheck NAME` prints a report. Next: src/check/op_checks.h, the checks themselves.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/tape/op_table.h>

namespace tapedeck {

/// What one check did over the rows (case x dtype) of an op.
struct CheckCount {
  int number = 0;
  std::string name, promise;  // "gradcheck", "first derivatives agree with differences, in f64"
  int ran = 0;
  std::map<std::string, int> does_not_apply;  // why -> rows
};

struct OpReport {
  struct Worst {
    double relative = 0;
    std::string label = "none";
  };
  std::string op;
  int rows = 0, misuses = 0;
  std::vector<CheckCount> checks;     // by number
  std::vector<std::string> skipped;   // row, check and the reason that its case states
  std::vector<std::string> failures;  // row, check and what was found
  Worst first, second;                // largest gaps of the two gradchecks
  bool sound() const { return failures.empty(); }
  std::string str() const;  // for the terminal
};

/// Runs every check on every case of the op. allocations: calls of operator new so far; without it check 11 sees the buffers
/// that are taken from the system only.
OpReport check_op(const OpEntry& op, int64_t (*allocations)() = nullptr);
/// Error{usage} with the nearest name if there is no such op.
const OpEntry& find_op(std::string_view name);

}  // namespace tapedeck
