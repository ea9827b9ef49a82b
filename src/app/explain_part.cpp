// A demonstration as text: the rows of a part forward and back, or the passes and sweeps of a method with its own rows between
// them; what that costs, what is kept for backward and why, what gradcheck holds it to. Next: listing.cpp, explain_op.cpp for
// ops.
#include <fmt/core.h>

#include <algorithm>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/check/check_part.h>

#include "src/app/commands.h"
#include "src/app/demonstration.h"
#include "src/app/listing.h"
#include "src/look/text.h"

namespace tapedeck::app {
namespace {

using Kind = OpRecord::Kind;

std::string function_text(const Demonstration& shown) {
  const Recording& r = shown.recording;
  std::vector<uint32_t> forward, backward;
  for (uint32_t i = 0; i < r.records.size(); ++i)
    if (r.records[i].kind != Kind::leaf) (in_sweep(r.records[i]) ? backward : forward).push_back(i);
  const Total there = total_of(r, false), back = total_of(r, true);
  return fmt::format(
      "\nExample: {}\n\nForward (flops, place, row):\n{}"
      "\nBackward (' an op's own kernel; d a gradient, s a saved value that it reads, + what it adds to):\n{}"
      "\nCost there:\n  forward {} flops, {}; backward {} flops, {}\n\nKept for backward, besides parameters and inputs:\n{}",
      shown.given, rows_text(r, forward), rows_text(r, backward), look::count_text(there.flops), look::bytes_text(there.bytes),
      look::count_text(back.flops), look::bytes_text(back.bytes), kept_text(r));
}

/// One update as it happens: passes and sweeps a line each, and the rows of the method itself.
class Story {
 public:
  explicit Story(const Demonstration& shown) : shown_(shown), r_(shown.recording), line_(r_) {}

  std::string str() {
    for (uint32_t i = 0; i < r_.records.size();) i = next(i);
    return table(rows_, "l");
  }

 private:
  void add(std::string what, std::string line) { rows_.push_back({fmt::format("  {:<8}", what), std::move(line)}); }

  uint32_t next(uint32_t i) {
    for (size_t k = 0; k < shown_.passes.size(); ++k)
      if (shown_.passes[k].begin == i && shown_.passes[k].end > i) return pass(k);
    if (in_sweep(r_.records[i])) return sweep(i);
    return r_.records[i].kind == Kind::leaf ? i + 1 : own_rows(i);
  }

  bool begins_pass(uint32_t i) const { return std::ranges::find(shown_.passes, i, &RecordedPass::begin) != shown_.passes.end(); }

  /// The method's own: the same op on one parameter after another is one line.
  uint32_t own_rows(uint32_t begin) {
    uint32_t end = begin + 1;
    while (end < r_.records.size() && r_.records[end].op == r_.records[begin].op && !in_sweep(r_.records[end]) &&
           !begins_pass(end))
      ++end;
    for (uint32_t i = begin; i < (end - begin > 4 ? begin + 1 : end); ++i) add("", line_(r_.records[i]));
    if (end - begin > 4) add("", fmt::format("and {} more rows of {}", end - begin - 1, look::plain(r_.records[begin].op)));
    return end;
  }

  uint32_t pass(size_t k) {
    const auto [begin, end] = shown_.passes[k];
    double flops = 0;
    std::vector<uint32_t> unlike;  // rows that the first pass has not
    uint32_t at = shown_.passes[0].begin;
    for (uint32_t i = begin; i < end; ++i) {
      flops += r_.records[i].flops;
      while (at < shown_.passes[0].end && in_sweep(r_.records[at])) ++at;
      if (at < shown_.passes[0].end && r_.records[at].op == r_.records[i].op) ++at;
      else unlike.push_back(i);
    }
    const OpRecord& last = r_.records[end - 1];
    add("forward", fmt::format("pass {}{}: {} rows, {} flops, ends in {}:{}", k + 1, last.row == nothing ? ", off the tape" : "",
                               end - begin, look::count_text(flops), look::label(last.out[0]), line_.type(last.out[0])));
    for (size_t n = 0; n < unlike.size() && n < 3; ++n)
      add("", "  with " + line_(r_.records[unlike[n]]) + from_outside(r_.records[unlike[n]]));
    return end;
  }

  /// What a perturbation is: a value that no row made.
  std::string from_outside(const OpRecord& record) const {
    std::string out;
    for (const Use& use : record.in)
      if (const RecordedValue& v = r_.values[use.value]; v.made_by == nothing && v.name.empty() && is_floating(v.dtype))
        out += fmt::format("{}{}", out.empty() ? ", from outside the tape " : " ", look::label(use.value));
    return out;
  }

  uint32_t sweep(uint32_t begin) {
    const auto sweep_at = [&](uint32_t i) { return std::ranges::find(r_.sweeps, i, &RecordedSweep::at); };
    const auto it = sweep_at(begin);
    std::set<size_t> through;
    double flops = 0;
    uint32_t end = begin;
    for (; end < r_.records.size() && in_sweep(r_.records[end]) && (end == begin || sweep_at(end) == r_.sweeps.end()); ++end) {
      flops += r_.records[end].flops;
      for (size_t k = 0; k < shown_.passes.size(); ++k)
        if (const uint32_t o = r_.records[end].origin; o != nothing && o >= shown_.passes[k].begin && o < shown_.passes[k].end)
          through.insert(k + 1);
    }
    std::vector<std::string> passes;
    for (size_t k : through) passes.push_back(std::to_string(k));
    const bool recorded = it != r_.sweeps.end() && it->differentiable;
    add(recorded ? "recorded" : "backward",
        fmt::format("{}through pass{} {}: {} records, {} flops, gives {}",
                    it == r_.sweeps.end() ? "" : "from " + look::label(it->value) + " ", passes.size() == 1 ? "" : "es",
                    join(passes, " and "), end - begin, look::count_text(flops), result_of(it, r_.records[end - 1])));
    return end;
  }

  std::string result_of(std::vector<RecordedSweep>::const_iterator sweep, const OpRecord& last) const {
    if (sweep != r_.sweeps.end() && sweep->fill) return "the gradients of all parameters";
    const uint32_t of = last.out.empty() ? nothing : r_.values[last.out[0]].gradient_of;
    if (of == nothing) return "a gradient as rows, so that it has one itself";
    return "the gradient of " + line_.name(of, {});
  }

  const Demonstration& shown_;
  const Recording& r_;
  Lines line_;
  TableRows rows_;
};

std::string method_text(const Demonstration& shown) {
  const Recording& r = shown.recording;
  const Total there = total_of(r, false), back = total_of(r, true);
  uint64_t kept = 0;
  for (const RecordedSweep& sweep : r.sweeps) kept = std::max(kept, sweep.bytes);
  const Recording plain = demonstrate({"objective", "cross_entropy"}).recording;
  const double once = total_of(plain, false).flops + total_of(plain, true).flops;
  return fmt::format(
      "\nExample: one update, on {}\n{}"
      "\nCost there:\n  passes: {} forward, {} backward; flops: {} forward, {} backward, {:.1f} times cross_entropy's\n"
      "  at most {} of activations alive when a sweep begins\n",
      shown.given, Story(shown).str(), shown.count.forward, shown.count.backward, look::count_text(there.flops),
      look::count_text(back.flops), (there.flops + back.flops) / once, look::bytes_text(double(kept)));
}

Json to_json(const Demonstration& shown, const std::string& kind, const std::string& name) {
  Json out = json_object({{"kind", kind}, {"name", name}, {"given", shown.given}});
  if (shown.is_method) json_add(out, {{"forward_passes", shown.count.forward}, {"backward_passes", shown.count.backward}});
  const Total there = total_of(shown.recording, false), back = total_of(shown.recording, true);
  LookOptions options;
  options.json = true;
  json_add(out, {{"forward_flops", there.flops},
                 {"forward_bytes", there.bytes},
                 {"backward_flops", back.flops},
                 {"backward_bytes", back.bytes},
                 {"checks", json_list(shown.checks)},
                 {"records", parse_json(look_list(shown.recording, options), "look list")}});
  return out;
}

}  // namespace

std::string explain_example(const std::string& kind, const std::string& name, const std::vector<std::string>& sets, Json* data) {
  if (!can_be_checked(kind)) return "";
  const PartName part{kind, name, sets};
  require_options(part);
  try {
    const Demonstration shown = demonstrate(part);
    std::string out = shown.is_method ? method_text(shown) : function_text(shown);
    out += fmt::format("\nChecks: tapedeck gradcheck {}.{}{}, on\n", kind, name,
                       sets.empty() ? "" : " --set " + join(sets, " --set "));
    for (const std::string& row : shown.checks) out += "  " + row + "\n";
    if (data) *data = to_json(shown, kind, name);
    return out;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::config) throw;
    return "\nExample: none, because it cannot be used on short texts with labels:\n  " + error.message() + "\n";
  }
}

}  // namespace tapedeck::app
