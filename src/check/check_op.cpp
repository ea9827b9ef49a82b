// Walks the rows of one op through the checks of op_checks.h and keeps count. Why here: a user's op is held to the promises
// of a built-in one, by the same code. Next: tests/op_table_test.cpp, which does it for all of them.
#include <tapedeck/check/check_op.h>

#include <algorithm>

#include <tapedeck/base/words.h>

#include "op_checks.h"

namespace tapedeck {
namespace {

using testing::Findings;
using testing::OpRow;

enum class Dtypes { both, f32, f64 };

struct Allocations {
  int64_t (*count)();
  operator int64_t() const { return count ? count() : 0; }
};

struct Check {
  int number;
  const char* name;
  const char* promise;
  Dtypes dtypes;
  Findings (*run)(const OpRow& row, const Allocations& allocations);
};

template <Findings (*check)(const OpRow&)>
Findings plain(const OpRow& row, const Allocations&) {
  return check(row);
}

const Check checks[] = {
    {1, "infer", "forward makes the shapes and dtypes that infer promises, at a cost that is a number", Dtypes::both,
     plain<testing::check_infer>},
    {2, "f32_f64", "f32 agrees with f64, outputs and gradients", Dtypes::f32, plain<testing::check_f32_f64>},
    {3, "reference", "the forward kernel equals the reference", Dtypes::both, plain<testing::check_reference>},
    {4, "backward", "the backward kernel equals the rule; accumulating adds", Dtypes::both, plain<testing::check_backward>},
    {5, "gradcheck", "first derivatives agree with differences, in f64", Dtypes::f64, plain<testing::check_gradcheck>},
    {6, "gradcheck2", "second derivatives agree with differences, in f64", Dtypes::f64, plain<testing::check_gradcheck2>},
    {7, "threads", "equal bits with 1, 2, 3 and 7 threads", Dtypes::both, plain<testing::check_threads>},
    {8, "instruction_sets", "all instruction sets and GEMM backends agree", Dtypes::both, plain<testing::check_instruction_sets>},
    {9, "saves", "backward reads what saves() lists and nothing else", Dtypes::both, plain<testing::check_saves>},
    {10, "misuses", "every misuse raises its error and names the op", Dtypes::both, nullptr},
    {11, "allocations", "warm calls allocate nothing", Dtypes::both, testing::check_allocations<Allocations>},
};

class Walk {
 public:
  Walk(const OpEntry& op, Allocations allocations) : op_(op), allocations_(allocations) {
    report_.op = op.name;
    for (const Check& check : checks) report_.checks.push_back({check.number, check.name, check.promise, 0, {}});
  }

  OpReport run() {
    const testing::KeepMachine keep;
    kernels::set_threads(1);  // tiny rows would mostly wait for other threads; (7) sets its own
    testing::save_uses[op_.name].clear();
    rows();
    if (op_.misuses) misuses();
    for (const auto& [value, use] : testing::save_uses[op_.name])
      if (!use.noticed) fail(text(op_.name, ": saves() lists ", value, ", but other elements there change nothing in any row"));
    return std::move(report_);
  }

 private:
  void fail(std::string what) { report_.failures.push_back(std::move(what)); }

  void rows() {
    const std::vector<OpCase> f32 = op_.cases(DType::f32), f64 = op_.cases(DType::f64);
    if (f32.empty()) fail(op_.name + " has no cases");
    if (f32.size() != f64.size()) return fail(op_.name + " has different cases in f32 and f64");
    for (size_t i = 0; i < f32.size(); ++i)
      for (DType dtype : {DType::f32, DType::f64}) {
        const bool wide = dtype == DType::f64;
        const OpRow row{op_.name, dtype, wide ? &f64[i] : &f32[i], wide ? &f32[i] : &f64[i]};
        ++report_.rows;
        for (size_t k = 0; k < std::size(checks); ++k)
          if (checks[k].run) run_check(checks[k], row, report_.checks[k]);
        for (const auto& skip : row.row->skip)
          if (std::ranges::none_of(checks, [&](const Check& c) { return c.name == skip.first; }))
            fail(row.label() + " skips a check that does not exist: " + skip.first);
      }
  }

  void run_check(const Check& check, const OpRow& row, CheckCount& count) {
    if (check.dtypes != Dtypes::both && (check.dtypes == Dtypes::f64) != (row.dtype == DType::f64)) return;
    for (const auto& [name, why] : row.row->skip)
      if (name == check.name) {
        report_.skipped.push_back(text(row.label(), ", ", name, ": ", why));
        if (why.empty()) fail(text(row.label(), ": check ", name, " is skipped without a written reason"));
        return;
      }
    Findings found;
    try {
      found = check.run(row, allocations_);
    } catch (const std::exception& e) { found.failures.push_back(text("raised: ", e.what())); }
    if (!found.does_not_apply.empty()) ++count.does_not_apply[found.does_not_apply];
    else ++count.ran;
    if (check.number == 5 || check.number == 6) {
      OpReport::Worst& worst = check.number == 5 ? report_.first : report_.second;
      if (found.worst.relative > worst.relative) worst = {found.worst.relative, row.label()};
    }
    for (size_t i = 0; i < found.failures.size() && i < 4; ++i)
      fail(text(row.label(), ": check (", check.number, ") ", check.name, ": ", found.failures[i]));
  }

  void misuses() {
    for (const OpMisuse& misuse : op_.misuses()) {
      ++report_.misuses;
      for (const std::string& failure : testing::check_misuse(op_.name, misuse).failures)
        fail(text(op_.name, ": check (10) misuses: ", misuse.name, ": ", failure));
    }
    std::ranges::find(report_.checks, 10, &CheckCount::number)->ran = report_.misuses;
  }

  const OpEntry& op_;
  Allocations allocations_;
  OpReport report_;
};

}  // namespace

OpReport check_op(const OpEntry& op, int64_t (*allocations)()) { return Walk(op, {allocations}).run(); }

const OpEntry& find_op(std::string_view name) {
  std::vector<std::string> names;
  for (const OpEntry& op : op_table()) {
    if (op.name == name) return op;
    names.push_back(op.name);
  }
  throw Error(ErrorKind::usage, "there is no op " + in_quotes(name), suggest(name, names));
}

std::string OpReport::str() const {
  std::string out = text("op ", op, ": ", rows, " rows (case x dtype)\n");
  for (const CheckCount& check : checks) {
    const std::string number = std::to_string(check.number);
    out += text("  ", std::string(2 - number.size(), ' '), number, " ", check.name, std::string(17 - check.name.size(), ' '),
                check.ran, " run: ", check.promise, "\n");
    for (const auto& [why, count] : check.does_not_apply) out += text("       does not apply to ", count, ": ", why, "\n");
  }
  out += text("  worst gap of the first derivative ", first.relative, " (", first.label, ", limit 1e-8), of the second ",
              second.relative, " (", second.label, ", limit 1e-7)\n");
  for (const std::string& skip : skipped) out += "  skipped: " + skip + "\n";
  for (const std::string& failure : failures) out += "  FAILED " + failure + "\n";
  return out + (sound() ? "  keeps its promises\n" : text("  ", failures.size(), " failures\n"));
}

}  // namespace tapedeck
