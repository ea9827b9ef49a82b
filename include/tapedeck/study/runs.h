// Finished runs on disk, found by folder or by name: what ls lists, compare pairs and report draws. Nothing but their files is
// read. Next: compare.h, listing.h.
#pragma once
#include <map>
#include <string>
#include <vector>

#include <tapedeck/base/json.h>

namespace tapedeck {

/// One seed of one run, as its files have it.
struct SavedSeed {
  uint64_t seed = 0;
  std::string folder;      // holds metrics.json, metrics.jsonl, predictions/
  std::string run_folder;  // holds resolved.json: the same folder, or the one above
  Json metrics;            // metrics.json; null while it is not finished
  bool finished() const { return metrics.is(Json::Kind::object); }
  /// The values of "best", "last" or "test" without the step.
  std::map<std::string, double> values(const std::string& part) const;
  double seconds() const;
};

/// The folder that `name` means: a folder as it is; one with a link `latest`, or an experiment's name below `root`: its newest
/// run. Error{usage} when there is none, with the nearest name.
std::string find_run(const std::string& name, const std::string& root = "runs");

/// Run folders below a folder, the folder itself included; sorted. Links are followed only when `links` is set, `latest` never.
std::vector<std::string> run_folders(const std::string& folder, bool links);

/// Every seed of a run folder, finished or not, by seed; with stages those of the last one.
std::vector<SavedSeed> seeds_of_run(const std::string& run_folder);

/// The finished seeds below a folder, each seed once: a run's own, or those of all runs in it. Error{usage} when a seed is there
/// twice, Error{data} when nothing is finished.
std::vector<SavedSeed> finished_seeds(const std::string& folder);

/// resolved.json of a run folder.
Json resolved_of(const std::string& run_folder);
/// {"optimizer.lr": 0.001, ...}: the plain values and lists below a tree, by dotted path.
std::map<std::string, Json> leaves(const Json& tree);

/// The metric that decides in an experiment: evaluation.best, the first of evaluation.metrics, accuracy, spearman, then what
/// there is, the loss last.
std::string deciding_metric(const Json& resolved, const std::map<std::string, double>& values);
/// Whether more of it is better: what the metric says; false for losses.
bool higher_is_better(const std::string& metric);

/// The rows of a .jsonl file; what is no JSON (a line cut short) is left out. Empty when there is no such file.
std::vector<Json> json_lines(const std::string& path);

}  // namespace tapedeck
