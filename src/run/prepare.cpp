// From a file to objects, each made once: load, bind, read the data, build the model, try it. Mistakes of the file are collected
// over all of these before anything is run. Next: check_data.cpp, run.cpp.
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/base/registry.h>
#include <tapedeck/base/words.h>
#include <tapedeck/run/run.h>
#include <tapedeck/tensor/machine.h>

#include "src/config/locations.h"
#include "src/config/sha256.h"
#include "src/config/stages.h"
#include "src/pretrained/check_tokenizer.h"
#include "src/pretrained/load.h"
#include "src/run/check_data.h"
#include "src/run/run_folder.h"
#include "src/run/try_run.h"

namespace tapedeck {
namespace {

/// The options that decide what the data are.
std::string what_is_asked(ExperimentConfig& config) {
  const Json resolved = resolved_tree(config);
  const TextForm form = config.model->text_form();
  std::string out = text(form.separate, "\n", join(form.templates, "\n"), "\n");
  for (const char* section : {"data", "task", "tokenizer"})
    if (const Json::Member* member = resolved.find(section)) out += member->value.dump(-1) + "\n";
  return out;
}

/// The data of another seed or stage, or nothing, where they are not what this one asks for.
std::shared_ptr<const ExperimentData> shared_data(ExperimentConfig& config, const std::shared_ptr<const ExperimentData>& other) {
  if (!other || other->asked != what_is_asked(config)) return nullptr;
  config.tokenizer->restore(other->tokenizer_state);
  return other;
}

/// The copy of the tokenizer that a run keeps, given its resolved.json; "": none yet.
std::string saved_tokenizer(const std::string& resolved, const std::vector<uint64_t>& seeds) {
  const std::filesystem::path folder = std::filesystem::path(resolved).parent_path();
  for (const std::string& at : {std::string("."), text("seed-", seeds.front())})
    if (std::filesystem::exists(folder / at / "tokenizer.json")) return (folder / at / "tokenizer.json").string();
  return "";
}

/// saved: what to do with when the files of the vocabulary are gone.
void fit(Tokenizer& tokenizer, const Table& train, const std::string& saved) {
  try {
    tokenizer.fit(train);
  } catch (const Error&) {
    if (saved.empty()) throw;
    tokenizer.restore(read_json_file(saved));
  }
}

std::shared_ptr<const ExperimentData> read_data(ExperimentConfig& config, const std::string& saved = "") {
  auto data = std::make_shared<ExperimentData>();
  data->asked = what_is_asked(config);
  if (config.task) config.data->ask(config.task.name());
  data->rows = config.data->read(data_key());
  const Splits& rows = data->rows;
  Tokenizer& tokenizer = *config.tokenizer;
  fit(tokenizer, rows.train, saved);
  const std::shared_ptr<const Task> task = fitted_task(config.task, rows);
  const auto encoded = [&](const Table& table, bool training = false) {
    return encode(task,
                  {table, tokenizer, rows.pairs, config.model->text_form(), training, training ? rows.stride : std::nullopt});
  };
  data->train = encoded(rows.train, true);
  data->validation = encoded(rows.validation);
  data->test = encoded(rows.test);
  data->tokenizer_state = tokenizer.state();
  data->vocabulary_hash = sha256(data->tokenizer_state.dump(-1));
  data->input = {.vocabulary = tokenizer.vocabulary_size(),
                 .max_length = tokenizer.max_length(),
                 .outputs = task->outputs(tokenizer.vocabulary_size()),
                 .pairs = data->train.pairs};
  return data;
}

/// The data, or a diagnostic about them; false: no further check makes sense.
bool find_data(const Json& tree, RunState& run, const std::set<std::string>& unread,
               const std::shared_ptr<const ExperimentData>& earlier, const std::string& saved, Diagnostics& diagnostics) {
  if (unread.contains("data") || unread.contains("tokenizer") || unread.contains("task")) return false;
  try {
    attempt(tree, "data", "TD0324", diagnostics, [&] {
      run.data = shared_data(run.config, earlier);
      if (!run.data) run.data = read_data(run.config, saved);
    });
  } catch (const Error&) {
    if (diagnostics.empty()) throw;  // the file comes first: its mistakes may be why the data cannot be read
  }
  return run.data != nullptr;
}

/// Initial values, as if nothing had been computed yet.
void draw(RunState& run, Weights weights) {
  run.store.allocate(run.config.runtime.dtype, root_key(run.seed) / "init");
  run.starts.clear();
  if (weights == Weights::needed)
    for (auto& start : run.store.starts()) run.starts.push_back(start->load(run.store));
}

/// Ids must mean what the rows of a table from a folder mean.
void check_tokenizers(const RunState& run) {
  for (const auto& start : run.store.starts())
    if (const auto* folder = dynamic_cast<const FolderStart*>(start.get()))
      check_tokenizer(*run.config.tokenizer, folder->folder());
}

/// Binds, reads, builds and tries the first seed. earlier: data that may be the same.
Experiment prepared(LoadedExperiment loaded, const std::shared_ptr<const ExperimentData>& earlier, Weights weights,
                    Diagnostics& diagnostics) {
  Experiment experiment;
  experiment.loaded = std::move(loaded);
  experiment.first = std::make_unique<RunState>();
  const Json& tree = experiment.loaded.tree;
  RunState& run = *experiment.first;
  const std::set<std::string> unread = bind_experiment(experiment.loaded.tree, run.config, diagnostics);
  if (diagnostics.empty()) attempt(tree, "runtime", "TD0328", diagnostics, [&] { use_runtime(run.config.runtime); });
  const std::string saved = weights == Weights::in_checkpoint && diagnostics.empty()
                                ? saved_tokenizer(experiment.loaded.sources.front()->name, run.config.all_seeds())
                                : "";
  if (find_data(tree, run, unread, earlier, saved, diagnostics)) check_data(tree, run, unread, diagnostics);
  if (run.model && weights == Weights::needed) attempt(tree, "tokenizer", "TD0320", diagnostics, [&] { check_tokenizers(run); });
  if (!diagnostics.empty()) diagnostics.raise();
  experiment.name = run.config.name;
  experiment.seeds = run.config.all_seeds();
  experiment.data = run.data;
  experiment.resolved = resolved_tree(run.config, tree);
  experiment.hash = config_hash(experiment.resolved);
  run.seed = experiment.seeds.front();
  run.places = places_of_parts(tree);
  draw(run, weights);
  try_run(tree, run, diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  run.store.release();  // later stages wait without parameters
  return experiment;
}

/// The tree with its stages, ready to be merged.
void check_whole(Json& tree, Diagnostics& diagnostics) {
  const size_t before = diagnostics.list().size();
  complete_types(tree, diagnostics);
  check_stages(tree.find("stages")->value, diagnostics);
  if (diagnostics.list().size() > before) diagnostics.raise();
}

ExperimentFile prepare_file(const std::string& path, const std::vector<std::string>& sets, Weights weights) {
  require_different_names();
  Diagnostics diagnostics;
  ExperimentFile file;
  file.loaded = load_experiment(path, sets, diagnostics);
  Json& tree = file.loaded.tree;
  if (tree.members.empty() && !diagnostics.empty()) diagnostics.raise();
  const Json* stages = value_at(tree, "stages");
  if (!stages || stages->is(Json::Kind::null)) {
    const Experiment& only = file.experiments.emplace_back(prepared(file.loaded, nullptr, weights, diagnostics));
    file.loaded.tree = only.loaded.tree;
    file.name = only.name, file.resolved = only.resolved;
  } else {
    check_whole(tree, diagnostics);
    std::vector<std::pair<std::string, Json>> resolved;
    for (Stage& stage : stages_of(file.loaded)) {
      const auto earlier = file.experiments.empty() ? nullptr : file.experiments.back().data;
      resolved.emplace_back(
          stage.name, file.experiments.emplace_back(prepared(std::move(stage.loaded), earlier, weights, diagnostics)).resolved);
    }
    file.name = value_at(tree, "name")->string;
    file.resolved = resolved_stages(file.name, resolved);
  }
  file.hash = config_hash(file.resolved);
  return file;
}

}  // namespace

void use_runtime(const RuntimeOptions& runtime) {
  set_threads(runtime.thread_count());
  use_gemm(runtime.gemm);
  if (runtime.precision == "bf16" && !can_multiply_bf16())
    throw Error(
        ErrorKind::config,
        text("runtime.precision is bf16, which this CPU cannot multiply (kernels in use: ", machine().instruction_set, ")"),
        "set it to \"f32\"; bf16 needs avx512_bf16");
  use_precision(runtime.precision);
}

TrainSetup setup_of(RunState& run) {
  ExperimentConfig& config = run.config;
  TrainSetup setup;
  setup.model = run.model.get();
  setup.store = &run.store;
  setup.objective = config.objective.get();
  setup.optimizer = config.optimizer.get();
  setup.schedule = config.schedule.get();
  setup.train = &run.data->train;
  setup.validation = &run.data->validation;
  setup.test = &run.data->test;
  setup.training = &config.training;
  setup.evaluation = &config.evaluation;
  setup.checkpoints = &config.checkpoints;
  setup.seed = run.seed;
  setup.vocabulary_hash = run.data->vocabulary_hash;
  setup.places = run.places;
  return setup;
}

Key data_key() { return root_key(0) / "data"; }

ExperimentFile prepare_all(const std::string& path, const std::vector<std::string>& sets) {
  return prepare_file(path, sets, Weights::needed);
}

Experiment prepare(const std::string& path, const std::vector<std::string>& sets, Weights weights) {
  return std::move(prepare_file(path, sets, weights).experiments.front());
}

std::unique_ptr<RunState> build(Experiment& experiment, uint64_t seed, Weights weights) {
  std::unique_ptr<RunState> run;
  if (seed == experiment.seeds.front()) run = std::move(experiment.first);
  if (!run) {
    run = std::make_unique<RunState>();
    run->seed = seed;
    Diagnostics diagnostics;
    bind_experiment(experiment.loaded.tree, int64_t(seed), run->config, diagnostics);
    if (!diagnostics.empty()) diagnostics.raise();
    run->data = shared_data(run->config, experiment.data);
    if (!run->data) run->data = read_data(run->config);
    build_model(*run);
    run->places = places_of_parts(experiment.loaded.tree);
  }
  draw(*run, weights);
  return run;
}

}  // namespace tapedeck
