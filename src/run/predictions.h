// Using what a run learnt: its vocabulary and labels on disk, predictions as lines of JSON.
#pragma once
#include <string>

#include <tapedeck/run/run.h>
#include <tapedeck/train/class_metrics.h>

namespace tapedeck {

/// tokenizer.json and labels.json, so that eval and predict work without the training data.
void write_vocabulary(const std::string& seed_folder, const ExperimentData& data);
/// predictions/validation-best.jsonl: loads the best checkpoint into the run. Nothing without validation data. What it says by
/// class of validation and test, where they have labels.
ClassReports write_best_predictions(RunState& run, const std::string& seed_folder);

}  // namespace tapedeck
