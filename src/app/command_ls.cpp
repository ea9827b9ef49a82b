// tapedeck ls: runs by any option and any metric.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/study/listing.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

struct LsFlags {
  std::vector<std::string> words;
  std::string folder = "runs", sort, columns;
  int64_t limit = 20;
  bool json = false, reverse = false;
};

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> words;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    if (end > at) words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

std::string cell(const ListedRun& run, const std::string& key) {
  const Json* value = value_of(run, key);
  if (!value) return "-";
  if (value->is(Json::Kind::string)) return value->string;
  if (value->is(Json::Kind::integer)) return fmt::format("{}", value->integer);
  if (value->is(Json::Kind::number)) return fmt::format("{:.4g}", value->number);
  return value->dump(-1);
}

/// What people look for first: how good it was, then what the runs do not share, then what was asked for.
std::vector<std::string> columns_of(const std::vector<ListedRun>& runs, const LsFlags& flags,
                                    const std::vector<Filter>& filters) {
  if (!flags.columns.empty()) return split_at_commas(flags.columns);
  std::vector<std::string> columns = {"state", "seeds"};
  const auto add = [&](const std::string& name) {
    if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
  };
  for (const ListedRun& run : runs) {
    if (run.seeds.empty() || !run.seeds.front().finished()) continue;
    const SavedSeed& seed = run.seeds.front();
    const auto test = seed.values("test"), best = seed.values("best");
    const std::string decides = deciding_metric(resolved_of(run.folder), best.empty() ? test : best);
    if (best.contains(decides)) add("best." + decides);
    if (test.contains(decides)) add("test." + decides);
    break;
  }
  if (!flags.sort.empty()) add(flags.sort);
  for (const Filter& filter : filters) add(filter.key);
  for (const std::string& name : differing_options(runs, 4)) add(name);
  return columns;
}

Json run_json(const ListedRun& run) {
  Json values = Json::dict();
  for (const auto& [name, value] : run.values) values.set(name, value);
  return json_object({{"folder", run.folder}, {"name", run.name}, {"state", run.state}, {"values", std::move(values)}});
}

int ls(const LsFlags& flags) {
  std::string folder = flags.folder;
  std::vector<Filter> filters;
  for (const std::string& word : flags.words)  // ls DIR FILTER ...: a filter has a relation
    if (word.find_first_of("=<>!") == std::string::npos) folder = word;
    else filters.push_back(parse_filter(word));
  if (!std::filesystem::is_directory(folder))
    throw Error(ErrorKind::usage, "there is no folder " + folder, "name the folder that holds runs: tapedeck ls DIR");
  std::vector<ListedRun> runs = filtered(list_runs(folder), filters);
  if (!flags.sort.empty()) sort_runs(runs, flags.sort, flags.reverse);
  else if (flags.reverse) std::reverse(runs.begin(), runs.end());
  const size_t all = runs.size();
  if (flags.limit > 0 && runs.size() > size_t(flags.limit)) runs.resize(size_t(flags.limit));
  const std::vector<std::string> columns = columns_of(runs, flags, filters);
  TableRows rows = {{"run"}};
  rows[0].insert(rows[0].end(), columns.begin(), columns.end());
  for (const ListedRun& run : runs) {
    rows.push_back({shown_path(run.folder)});
    for (const std::string& column : columns) rows.back().push_back(cell(run, column));
  }
  const std::string rest = runs.size() < all ? fmt::format("{} of {} runs; --limit 0 lists all\n", runs.size(), all) : "";
  return print(flags.json, json_list(runs, run_json), all ? table(rows, "lr") + rest : "no run\n");
}

}  // namespace

void add_ls(CommandLine& line) {
  auto [command, flags] = add_command<LsFlags>(line, "ls", "find runs by any option and metric", ls);
  command.any("words", flags.words, "a folder (default: runs), and filters: model.dropout=0.1 'accuracy>0.9' 'name=trec*'")
      .text("--sort", flags.sort, "an option or metric; of metrics the best comes first (default: the newest first)", "KEY")
      .flag("--reverse", flags.reverse, "the other way round")
      .text("--columns", flags.columns, "what to show, separated by commas", "KEYS")
      .number("--limit", flags.limit, "at most so many; 0: all", 0);
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
