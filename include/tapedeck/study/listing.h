// Runs as rows: every option and every metric of a run is a value with a name, so that any of them can be asked for.
// Next: src/study/listing.cpp.
#pragma once
#include <map>
#include <string>
#include <vector>

#include <tapedeck/study/runs.h>

namespace tapedeck {

struct ListedRun {
  std::string folder, name, state;  // state: status.json's; "stopped": it says "running", but not for two minutes
  std::string when;                 // of its last sign of life, UTC
  std::vector<SavedSeed> seeds;
  /// Options by dotted path, and means over the finished seeds: "best.accuracy", "test.loss", "seconds", "steps", "seeds".
  std::map<std::string, Json> values;
};

/// Every run below a folder, the newest first.
std::vector<ListedRun> list_runs(const std::string& folder);

/// The value that a key means: its full path, a metric's name (on test, else the best on validation), or the end of one path
/// ("dropout" of "model.encoder.dropout"). Null when the run has none; Error{usage} when the end fits several.
const Json* value_of(const ListedRun& run, const std::string& key);

/// "model.dropout=0.1", "accuracy>0.9", "name=trec*", "objective.type!=r_drop"; also >=, <=. Error{usage} for anything else.
struct Filter {
  std::string key, relation, value;
  bool keeps(const ListedRun& run) const;
};
Filter parse_filter(const std::string& text);

/// The runs that every filter keeps. Error{usage} for a key that no run has, with the nearest one.
std::vector<ListedRun> filtered(std::vector<ListedRun> runs, const std::vector<Filter>& filters);
/// By a key: the best first for metrics, else ascending; runs without it last.
void sort_runs(std::vector<ListedRun>& runs, const std::string& key, bool reverse);
/// Options that are not the same in all of these runs, most of them told apart first; at most `most`.
std::vector<std::string> differing_options(const std::vector<ListedRun>& runs, size_t most);

}  // namespace tapedeck
