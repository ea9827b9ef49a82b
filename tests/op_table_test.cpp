// Walks the op table and runs the eleven checks for each op x case x dtype; prints what ran, what was skipped and why, and
// the worst gradchecks. TAPEDECK_OP=name runs one op. The checks themselves are tested in op_checks_test.cpp.
#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>

#include <tapedeck/check/check_op.h>

#include "src/check/op_rows.h"
#include "support/count_allocations.h"

namespace tapedeck::testing {
namespace {

struct Tally {
  int ops = 0, rows = 0, run = 0, misuses = 0;
  std::map<std::string, int> does_not_apply;  // "reference: a primitive has no reference" -> rows
  std::vector<std::string> skipped;
  OpReport::Worst first, second;

  void add(const OpReport& report) {
    ++ops;
    rows += report.rows;
    misuses += report.misuses;
    for (const CheckCount& check : report.checks) {
      if (check.name != "misuses") run += check.ran;
      for (const auto& [why, count] : check.does_not_apply) does_not_apply[text(check.name, ": ", why)] += count;
    }
    skipped.insert(skipped.end(), report.skipped.begin(), report.skipped.end());
    if (report.first.relative > first.relative) first = report.first;
    if (report.second.relative > second.relative) second = report.second;
  }
};

void print(const Tally& tally) {
  std::cout << "op table: " << tally.ops << " ops, " << tally.rows << " rows (case x dtype), " << tally.run << " checks and "
            << tally.misuses << " misuses run\n  worst gradcheck " << tally.first.relative << " (" << tally.first.label
            << ", limit 1e-8)\n  worst gradcheck of the gradient " << tally.second.relative << " (" << tally.second.label
            << ", limit 1e-7)\n";
  for (const auto& [what, rows] : tally.does_not_apply) std::cout << "  does not apply to " << rows << " rows: " << what << "\n";
  for (const std::string& skip : tally.skipped) std::cout << "  skipped: " << skip << "\n";
  std::cout << std::flush;
}

TEST_CASE("every op keeps the promises of the op table") {
  const char* only = std::getenv("TAPEDECK_OP");
  Tally tally;
  std::set<std::string> names;
  for (const OpEntry& entry : op_table()) {
    CHECK_MESSAGE(names.insert(entry.name).second, entry.name << " is in the table twice");
    CHECK_MESSAGE(!entry.doc.empty(), entry.name << " has no equation");
    if (only && entry.name != only) continue;
    const OpReport report = check_op(entry, [] { return int64_t(allocations); });
    for (const std::string& failure : report.failures) FAIL_CHECK(failure);
    tally.add(report);
  }
  print(tally);
  CHECK(tally.ops > 0);
  // Rows that only the tape itself makes: their rules are tested with the sweeps.
  const std::set<std::string, std::less<>> of_the_tape{"leaf", "alias", "accumulate"};
  for (const std::string& op : recorded_ops)
    CHECK_MESSAGE((names.contains(op) || of_the_tape.contains(op)), op << " was recorded on a tape but is not in the table");
}

}  // namespace
}  // namespace tapedeck::testing
