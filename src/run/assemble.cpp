// From a file to objects: load, bind, read the data, check, build. Mistakes of the file are collected over all of these
// before anything is run. Next: run.cpp.
#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/base/registry.h>
#include <tapedeck/run/run.h>
#include <tapedeck/tensor/machine.h>

#include "src/config/locations.h"
#include "src/config/sha256.h"
#include "src/config/stages.h"
#include "src/run/check_data.h"
#include "src/run/check_trial.h"

namespace tapedeck {
namespace {

std::shared_ptr<const ExperimentData> read_data(ExperimentConfig& config) {
  auto data = std::make_shared<ExperimentData>();
  if (config.task) config.data->ask(config.task.name());
  data->rows = config.data->read(data_key());
  const Splits& rows = data->rows;
  Tokenizer& tokenizer = *config.tokenizer;
  tokenizer.fit(rows.train);
  const std::shared_ptr<const Task> task = fitted_task(config.task, rows);
  const auto encoded = [&](const Table& table, bool training = false) {
    return encode(task, {table, tokenizer, rows.pairs, config.model->text_form(), training, training ? rows.stride : std::nullopt});
  };
  data->train = encoded(rows.train, true);
  data->validation = encoded(rows.validation);
  data->test = encoded(rows.test);
  data->tokenizer_state = tokenizer.state();
  data->vocabulary_hash = sha256(data->tokenizer_state.dump(-1));
  data->input = {.vocabulary = tokenizer.vocabulary_size(), .max_length = tokenizer.max_length(),
                 .outputs = task->outputs(tokenizer.vocabulary_size()),
                 .pairs = data->train.pairs};
  return data;
}

/// The part of the tree that decides what the data are: several seeds read them once unless ${seed} is in there.
std::string data_text(const Json& tree) {
  std::string out;
  for (const char* section : {"data", "task", "tokenizer"})
    if (const Json::Member* member = tree.find(section)) out += member->value.dump(-1) + "\n";
  return out;
}

void check_data(const Json& tree, ExperimentConfig& config, std::shared_ptr<const ExperimentData>& data, Diagnostics& diagnostics) {
  if (!binds(tree, "data", Choice<Reader>("builtin")) || !binds(tree, "tokenizer", Choice<Tokenizer>("word")) || !binds(tree, "task", Choice<Task>())) return;
  try {
    data = read_data(config);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::config)
      return diagnostics.add({"TD0324", error.message(), locate_mentioned(tree, "data", error.what()), error.hint(), ""});
    if (diagnostics.empty()) throw;                // the file comes first: its mistakes may be why the data cannot be read
    return;
  }
  check_against_data(tree, config, {&data->train, &data->validation, data->input}, diagnostics);
}

}  // namespace

void use_runtime(const RuntimeOptions& runtime) {
  set_threads(runtime.thread_count());
  use_gemm(runtime.gemm);
  use_precision(runtime.precision);
}

Key data_key() { return root_key(0) / "data"; }

namespace {

Experiment prepared(LoadedExperiment loaded, Diagnostics& diagnostics) {
  Experiment experiment;
  experiment.loaded = std::move(loaded);
  Json& tree = experiment.loaded.tree;
  bind_experiment(tree, experiment.config, diagnostics);
  Diagnostics seen_already;                        // binding the first seed's tree repeats what was said above
  ExperimentConfig first;
  Json first_tree = substitute_seed(tree, int64_t(experiment.config.all_seeds().front()));
  bind_experiment(first_tree, first, seen_already);
  if (diagnostics.empty()) use_runtime(first.runtime);
  check_data(first_tree, first, experiment.data, diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  experiment.hash = config_hash(resolved_tree(experiment.config));
  try_run(tree, *build(experiment, experiment.config.all_seeds().front()), diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  return experiment;
}

}  // namespace

std::vector<Experiment> prepare_all(const std::string& path, const std::vector<std::string>& sets) {
  require_different_names();
  Diagnostics diagnostics;
  LoadedExperiment loaded = load_experiment(path, sets, diagnostics);
  if (loaded.tree.members.empty() && !diagnostics.empty()) diagnostics.raise();
  std::vector<Experiment> all;
  const Json* stages = value_at(loaded.tree, "stages");
  if (!stages || stages->is(Json::Kind::null)) {
    all.push_back(prepared(std::move(loaded), diagnostics));
    return all;
  }
  ExperimentConfig whole;
  bind_experiment(loaded.tree, whole, diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  for (Stage& stage : stages_of(loaded)) all.push_back(prepared(std::move(stage.loaded), diagnostics));
  return all;
}

Experiment prepare(const std::string& path, const std::vector<std::string>& sets) { return std::move(prepare_all(path, sets).front()); }

std::unique_ptr<RunState> build(const Experiment& experiment, uint64_t seed) {
  auto run = std::make_unique<RunState>();
  Diagnostics diagnostics;
  Json tree = substitute_seed(experiment.loaded.tree, int64_t(seed));
  bind_experiment(tree, run->config, diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  const uint64_t first = experiment.config.all_seeds().front();
  const bool own_data = seed != first && data_text(tree) != data_text(substitute_seed(experiment.loaded.tree, int64_t(first)));
  run->data = own_data ? read_data(run->config) : experiment.data;
  run->model = run->config.model->build(Params(run->store), run->data->input);
  run->store.allocate(run->config.runtime.dtype, root_key(seed) / "init");
  run->store.freeze(run->config.freeze);
  for (const Penalty& penalty : run->config.training.penalties)
    if (penalty.noise > 0) run->store.make_noisy(penalty.match, penalty.noise);
  run->store.recompute(run->config.training.recompute);
  run->places = places_of_parts(experiment.loaded.tree);
  return run;
}

}  // namespace tapedeck
