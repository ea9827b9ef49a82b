// tapedeck compare A B: two experiments paired by seed, and whether their difference could be chance.
#include <fmt/core.h>

#include <tapedeck/base/words.h>
#include <tapedeck/study/report.h>
#include <tapedeck/train/checkpoint.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

struct CompareFlags {
  std::string a, b, metric, split, report;
  bool json = false;
};

std::string metrics_table(const Comparison& c) {
  TableRows rows = {{"", c.name_a, c.name_b, "difference", "95 % interval", "sign-flip p"}};
  for (const MetricComparison& m : c.metrics) {
    const Interval& interval = m.interval.interval;
    const bool several = m.differences.size() > 1;
    rows.push_back({fmt::format("{} {}", m.split, m.metric), figure(m.mean_a), figure(m.mean_b),
                    fmt::format("{:+.4f}", m.difference),
                    several ? fmt::format("{:+.4f} .. {:+.4f}", interval.low, interval.high) : "-",
                    several ? fmt::format("{:.4f}", m.p) : "-"});
  }
  return table(rows, "lr");
}

std::string predictions_table(const Comparison& c) {
  if (c.predictions.empty()) return "";
  TableRows rows = {{"validation rows", "in all", "only " + c.name_a + " right", "only " + c.name_b + " right", "McNemar p"}};
  for (const PredictionComparison& p : c.predictions)
    rows.push_back({fmt::format("seed {}", p.seed), fmt::format("{}", p.rows), fmt::format("{}", p.only_a),
                    fmt::format("{}", p.only_b), fmt::format("{:.4f}", p.p)});
  return "\n" + table(rows, "lr");
}

std::string seeds_text(const std::vector<uint64_t>& seeds) {
  std::vector<std::string> words;
  for (uint64_t seed : seeds) words.push_back(fmt::format("{}", seed));
  return join(words);
}

std::string comparison_text(const Comparison& c) {
  std::string out = fmt::format("A  {}  {}\nB  {}  {}\nseeds in both: {}\n", c.name_a, shown_path(c.folder_a), c.name_b,
                                shown_path(c.folder_b), seeds_text(c.seeds));
  if (!c.only_in_a.empty()) out += fmt::format("left out, only in A: {}\n", seeds_text(c.only_in_a));
  if (!c.only_in_b.empty()) out += fmt::format("left out, only in B: {}\n", seeds_text(c.only_in_b));
  constexpr size_t most = 12;
  for (size_t i = 0; i < std::min(most, c.changes.size()); ++i)
    out += fmt::format("{}{}\n", i ? "         " : "changed: ", c.changes[i]);
  if (c.changes.size() > most) out += fmt::format("         and {} more\n", c.changes.size() - most);
  out += "\n" + metrics_table(c) + predictions_table(c) + "\n";
  for (const std::string& sentence : c.words) out += sentence + "\n";
  return out;
}

int compare(const CompareFlags& flags) {
  const Comparison c = compare_runs(flags.a, flags.b, flags.metric, flags.split);
  if (!flags.report.empty()) write_file_atomically(flags.report, report_html(c));
  return print(flags.json, to_json(c), comparison_text(c));
}

}  // namespace

void add_compare(CommandLine& line) {
  auto [command, flags] = add_command<CompareFlags>(line, "compare", "compare two experiments seed by seed", compare);
  command.required("a", flags.a, "run folder, folder of runs, or name of an experiment in runs/")
      .required("b", flags.b, "the same; differences are B - A")
      .text("--metric", flags.metric, "the metric that decides (default: what the experiment says)", "NAME")
      .choice("--split", flags.split, {"test", "validation"}, "one split (default: both, test decides)")
      .text("--report", flags.report, "also a page with curves, for a browser", "FILE");
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
