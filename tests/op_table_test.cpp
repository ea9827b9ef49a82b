// Walks the op table and runs the eleven checks for each op x case x dtype; prints what ran, what was skipped and why, and
// the worst gradchecks. TAPEDECK_OP=name runs one op. The checks themselves are tested in op_checks_test.cpp.
#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>

#include "support/count_allocations.h"
#include "support/op_checks.h"

namespace tapedeck::testing {
namespace {

enum class Dtypes { both, f32, f64 };
struct Check { int number; std::string name; Dtypes dtypes; Findings (*run)(const Row&); };

const Check checks[] = {
    {1, "infer", Dtypes::both, check_infer},
    {2, "f32_f64", Dtypes::f32, check_f32_f64},
    {3, "reference", Dtypes::both, check_reference},
    {4, "backward", Dtypes::both, check_backward},
    {5, "gradcheck", Dtypes::f64, check_gradcheck},
    {6, "gradcheck2", Dtypes::f64, check_gradcheck2},
    {7, "threads", Dtypes::both, check_threads},
    {8, "instruction_sets", Dtypes::both, check_instruction_sets},
    {9, "saves", Dtypes::both, check_saves},
    {11, "allocations", Dtypes::both, [](const Row& row) { return check_allocations(row, allocations); }},
};

struct Tally {
  int ops = 0, rows = 0, run = 0, misuses = 0;
  std::map<std::string, int> does_not_apply;      // "reference: a primitive has no reference" -> rows
  std::vector<std::string> skipped;
  struct Worst { double relative = 0; std::string label = "none"; };
  Worst first, second;
};

void keep_worst(Tally::Worst& worst, const Findings& found, const std::string& label) {
  if (found.worst.relative > worst.relative) worst = {found.worst.relative, label};
}

void run_check(const Check& check, const Row& row, Tally& tally) {
  if (check.dtypes == Dtypes::f32 && row.dtype != DType::f32) return;
  if (check.dtypes == Dtypes::f64 && row.dtype != DType::f64) return;
  for (const auto& [name, why] : row.row->skip)
    if (name == check.name) {
      tally.skipped.push_back(text(row.label(), ", ", name, ": ", why));
      if (why.empty()) FAIL_CHECK(row.label() << ": check " << name << " is skipped without a written reason");
      return;
    }
  Findings found;
  try {
    found = check.run(row);
  } catch (const std::exception& e) {
    found.failures.push_back(text("raised: ", e.what()));
  }
  if (!found.does_not_apply.empty()) ++tally.does_not_apply[text(check.name, ": ", found.does_not_apply)];
  else ++tally.run;
  if (check.name == "gradcheck") keep_worst(tally.first, found, row.label());
  if (check.name == "gradcheck2") keep_worst(tally.second, found, row.label());
  for (size_t i = 0; i < found.failures.size() && i < 4; ++i)
    FAIL_CHECK(row.label() << ": check (" << check.number << ") " << check.name << ": " << found.failures[i]);
}

void run_entry(const OpEntry& entry, Tally& tally) {
  ++tally.ops;
  const std::vector<OpCase> f32 = entry.cases(DType::f32), f64 = entry.cases(DType::f64);
  CHECK_MESSAGE(!f32.empty(), entry.name << " has no cases");
  REQUIRE_MESSAGE(f32.size() == f64.size(), entry.name << " has different cases in f32 and f64");
  for (size_t i = 0; i < f32.size(); ++i)
    for (DType dtype : {DType::f32, DType::f64}) {
      const Row row{entry.name, dtype, dtype == DType::f32 ? &f32[i] : &f64[i], dtype == DType::f32 ? &f64[i] : &f32[i]};
      ++tally.rows;
      for (const Check& check : checks) run_check(check, row, tally);
      for (const auto& skip : row.row->skip) {
        const bool known = std::ranges::any_of(checks, [&](const Check& c) { return c.name == skip.first; });
        CHECK_MESSAGE(known, row.label() << " skips a check that does not exist: " << skip.first);
      }
    }
  if (!entry.misuses) return;
  for (const OpMisuse& misuse : entry.misuses()) {
    ++tally.misuses;
    for (const std::string& failure : check_misuse(entry.name, misuse).failures)
      FAIL_CHECK(entry.name << ": check (10) misuses: " << misuse.name << ": " << failure);
  }
}

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
  kernels::set_threads(1);                        // tiny rows would mostly wait for other threads; (7) sets its own
  Tally tally;
  std::set<std::string> names;
  for (const OpEntry& entry : op_table()) {
    CHECK_MESSAGE(names.insert(entry.name).second, entry.name << " is in the table twice");
    CHECK_MESSAGE(!entry.doc.empty(), entry.name << " has no equation");
    if (!only || entry.name == only) run_entry(entry, tally);
  }
  print(tally);
  CHECK(tally.ops > 0);
  for (const auto& of_op : save_uses)
    for (const auto& use : of_op.second)
      CHECK_MESSAGE(use.second.noticed,
                    of_op.first << ": saves() lists " << use.first << ", but poisoning it changes nothing in any row");
  // Rows that only the tape itself makes: their rules are tested with the sweeps.
  const std::set<std::string, std::less<>> of_the_tape{"leaf", "alias", "accumulate"};
  for (const std::string& op : recorded_ops)
    CHECK_MESSAGE((names.contains(op) || of_the_tape.contains(op)), op << " was recorded on a tape but is not in the table");
}

}  // namespace
}  // namespace tapedeck::testing
