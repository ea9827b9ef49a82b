// What a run comes to: metrics.json per seed, summary.json over seeds.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/run/run.h>
#include <tapedeck/train/class_metrics.h>

namespace tapedeck {

/// classes: of the best checkpoint by split, as write_best_predictions() returns them. data: data_json().
void write_metrics(const std::string& seed_folder, const TrainResult& trained, uint64_t seed, const ClassReports& classes,
                   Json data);
/// The result of a seed that was finished earlier; Error{data} if metrics.json is damaged.
SeedResult read_seed_result(const std::string& seed_folder, uint64_t seed);
void write_summary(const std::string& run_folder, const std::vector<SeedResult>& seeds);

}  // namespace tapedeck
