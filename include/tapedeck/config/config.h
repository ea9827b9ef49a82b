// The experiment as a struct: thirteen sections, each a part or a group of options. describe() is the file format.
// Next: source.h (files to JSON), run/run.h (running it).
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <tapedeck/config/sweep.h>
#include <tapedeck/data/reader.h>
#include <tapedeck/data/tokenizer.h>
#include <tapedeck/nn/model.h>
#include <tapedeck/tasks/task.h>
#include <tapedeck/train/trainer.h>

namespace tapedeck {

struct LoggingOptions : Part {
  Duration every{50, Duration::Unit::steps};
  std::vector<std::string> to{"console", "jsonl"};
  bool writes(const char* target) const;
  void describe(Fields& f) override;
};

struct RuntimeOptions : Part {
  Json threads = Json::of("auto");  // a count or "auto": the cores this process may use
  bool deterministic = true;        // always: here so that a file can say it
  DType dtype = DType::f32;
  std::string gemm = "auto", precision = "f32";
  int thread_count() const;  // "auto" resolved
  void describe(Fields& f) override;
};

struct ExperimentConfig : Part {
  std::string name, notes;
  std::vector<std::string> tags;
  std::optional<int64_t> seed;
  std::vector<int64_t> seeds;
  Path output;
  std::vector<Path> plugins;
  std::vector<std::string> freeze;
  Json stages;              // a list of overrides, or nothing
  Choice<SweepSpec> sweep;  // none: one run. A run is one point: resolved_tree leaves it out
  Choice<Reader> data{"builtin"};
  Choice<Task> task;  // none: what the data say
  Choice<Tokenizer> tokenizer{"word"};
  Choice<ModelSpec> model{"text"};
  Choice<Objective> objective{"cross_entropy"};
  Choice<Optimizer> optimizer{"adamw"};
  Choice<Schedule> schedule{"constant"};
  TrainingOptions training;
  EvaluationOptions evaluation;
  CheckpointOptions checkpoints;
  LoggingOptions logging;
  RuntimeOptions runtime;
  void describe(Fields& f) override;

  /// "seeds", else "seed", else 0.
  std::vector<uint64_t> all_seeds() const;
};

/// Binds the merged tree (load_experiment's) for one of its seeds and checks everything that needs no data: sections of other
/// versions, names of metrics, sizes and durations that contradict each other. All mistakes become diagnostics; returns the
/// sections that could not be read. Where --set gave options of a part that the file leaves to its default, the tree receives the
/// default's type.
std::set<std::string> bind_experiment(Json& tree, ExperimentConfig& config, Diagnostics& diagnostics);
std::set<std::string> bind_experiment(Json& tree, int64_t seed, ExperimentConfig& config, Diagnostics& diagnostics);
/// What binding does first: loads the plugins of the tree and gives parts their types, so that stages can be merged over it.
void complete_types(Json& tree, Diagnostics& diagnostics);

/// How often this process loaded an experiment and bound one: a run does the first once and the second once per seed.
struct PreparationCounts {
  int64_t loads = 0, binds = 0;
};
PreparationCounts& preparation_counts();

/// Every value in force; options that are not set are left out. Can be run as it is, from anywhere: bind_experiment
/// made the paths absolute. tree: what the config was bound from, where ${seed} may still stand for several seeds; it does so
/// here, too.
Json resolved_tree(ExperimentConfig& config, const Json& tree = {});
/// The experiment around stages: what all of them have in common, and a stage "name" for each with what it has not.
Json resolved_stages(const std::string& name, const std::vector<std::pair<std::string, Json>>& stages);
/// 64 hex digits over everything that a resumed run may not change (docs/guide/run.md lists the exceptions).
std::string config_hash(const Json& resolved);
/// Dotted paths of leaves that differ between two resolved trees and may not change on resume: "optimizer.lr: 0.001 -> 0.01".
std::vector<std::string> forbidden_changes(const Json& before, const Json& after);

/// Where the value at a dotted path was written, or the nearest section above it that was.
Location locate(const Json& tree, std::string_view path);

}  // namespace tapedeck
