// Two experiments, seed by seed: by how much do they differ, and could that be chance? Next: statistics.h.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <tapedeck/study/runs.h>
#include <tapedeck/study/statistics.h>

namespace tapedeck {

/// One metric on one split over the seeds that both have. difference = mean(b - a).
struct MetricComparison {
  std::string split, metric;
  bool higher_is_better = true;
  std::vector<double> a, b, differences;  // by seed
  double mean_a = 0, mean_b = 0, difference = 0;
  MeanInterval interval;  // of the difference; with one seed it is that difference
  Interval bca;           // whichever is printed
  double p = 1;           // sign-flip test
  /// p <= 0.05 and an interval without 0.
  bool evidence() const;
};
MetricComparison compare_values(std::vector<double> a, std::vector<double> b);

/// The predictions of one seed on the same rows.
struct PredictionComparison {
  uint64_t seed = 0;
  int64_t rows = 0, only_a = 0, only_b = 0;  // rows that one has right and the other wrong
  double p = 1;                              // McNemar's test
};

struct Comparison {
  std::string name_a, name_b, folder_a, folder_b;
  std::vector<uint64_t> seeds, only_in_a, only_in_b;
  std::vector<std::string> changes;       // "objective.alpha: 1 -> 4"
  std::vector<MetricComparison> metrics;  // the deciding one first
  std::vector<PredictionComparison> predictions;
  std::vector<std::string> words;  // the answer in sentences, about the first metric
  std::vector<SavedSeed> runs_a, runs_b;
};

/// a, b: run folders, folders of seeds, names of experiments. metric: the one that decides; default what the experiment says, on
/// the test split if both have it, else the best validation value. Error{usage} when no seed is in both, or the metric in
/// neither.
Comparison compare_runs(const std::string& a, const std::string& b, const std::string& metric = {},
                        const std::string& split = {});
Json to_json(const Comparison& comparison);

}  // namespace tapedeck
