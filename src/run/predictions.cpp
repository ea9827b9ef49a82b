// A run folder used later: opening a checkpoint, measuring it on a split or a file, predicting a file.
// Next: src/app/command_eval.cpp, src/app/command_predict.cpp.
#include "src/run/predictions.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/run/texts.h>
#include <tapedeck/tensor/machine.h>
#include <tapedeck/train/checkpoint.h>

#include "src/config/locations.h"
#include "src/run/data_notes.h"
#include "src/run/run_folder.h"
#include "src/train/checked_json.h"
#include "src/train/evaluator.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

/// Prediction i as a line of JSON. cut_tokens: so many at the end of the text that the model never saw.
std::string line_of(const Task& task, const Table& table, const Dataset& data, const Predictions& all, size_t i,
                    const Tokenizer& tokenizer) {
  const Row& row = table.rows[size_t(data.examples[i].row)];
  Json json = Json::dict();
  json.set("line", Json::of(row.line));
  json.set("text", Json::of(row.text));
  if (!row.text_b.empty()) json.set("text_b", Json::of(row.text_b));
  task.write(row, all, i, tokenizer, json);
  if (data.examples[i].cut) json.set("cut_tokens", Json::of(int64_t(data.examples[i].cut)));
  return json.dump(-1);
}

/// The folder that holds resolved.json: the seed's folder itself, or the one above it.
std::string run_folder_of(const std::string& seed_folder) {
  for (const fs::path& candidate : {fs::path(seed_folder), fs::path(seed_folder).parent_path()})
    if (fs::exists(candidate / "resolved.json")) return candidate.string();
  throw Error(ErrorKind::checkpoint, seed_folder + " is not a run folder: it has no resolved.json",
              "name the folder that `tapedeck run` printed");
}

void read_labels(LoadedRun& run, const Notes& note) {
  const Json json = read_checked_json(run.folder + "/labels.json", note);
  const auto* pairs = json.find("pairs");
  run.input.pairs = pairs && pairs->value.boolean;
  run.task = restored_task(run.config.task, json);
  if (run.config.task) run.config.data->ask(run.config.task.name());
}

/// A task that the model or its loss does not answer would read past the end of what they give.
void check_task(const LoadedRun& run) {
  const Objective& objective = *run.config.objective;
  std::string problem = objective.needs_labels() ? mismatch(objective.task(), *run.task) : "";
  if (run.model->logit_rows() != run.task->answer().rows)
    problem = text("the model answers for ", name_of(run.model->logit_rows()), ", the task ", in_quotes(run.task->name),
                   " asks about ", name_of(run.task->answer().rows));
  if (!problem.empty())
    throw Error(ErrorKind::checkpoint, text(run.folder, "/labels.json is not of this run: ", problem),
                "restore the file from a copy");
}

Dataset encode_for(const LoadedRun& run, const Table& table) {
  EncodingOptions how{table, *run.config.tokenizer, run.input.pairs, run.config.model->text_form()};
  how.optional_labels = true;
  Dataset data = encode(run.task, how);
  if (run.note)
    for (const std::string& line : data_notes("", data, table, run.config.tokenizer.name())) run.note(line);
  return data;
}

Table read_rows(LoadedRun& run, const std::string& path) {
  run.config.data->know(run.task->labels);
  return run.config.data->read_file(path);
}

std::map<std::string, double> measure(LoadedRun& run, const Table& table, const std::string& split, ClassReports* classes) {
  const Dataset data = encode_for(run, table);
  TrainSetup setup;
  setup.model = run.model.get();
  setup.store = &run.store;
  setup.objective = run.config.objective.get();
  setup.train = &data;  // tells the evaluator the task
  setup.evaluation = &run.config.evaluation;
  std::optional<ClassReport> report;
  const auto values = Evaluator(setup).measure(data, classes ? &report : nullptr);
  if (values.empty()) throw Error(ErrorKind::data, table.name + " has no labels to measure against", "use predict");
  if (report) classes->emplace(split, std::move(*report));
  return values;
}

}  // namespace

void write_vocabulary(const std::string& seed_folder, const ExperimentData& data) {
  write_file_atomically(seed_folder + "/tokenizer.json", with_checksum(data.tokenizer_state));
  Json json = task_state(*data.train.task);
  json.set("pairs", Json::of(data.train.pairs));
  write_file_atomically(seed_folder + "/labels.json", with_checksum(std::move(json)));
}

ClassReports write_best_predictions(RunState& run, const std::string& seed_folder) {
  const ExperimentData& data = *run.data;
  const Task& task = *data.train.task;
  ClassReports reports;
  const auto predicted = [&](const Dataset& split) {
    return predict(*run.model, run.store, run.config.objective->task(), split, run.config.evaluation.batch_size);
  };
  const auto report = [&](const char* split, const Predictions& all) {
    if (auto classes = class_report(task, all)) reports.emplace(split, std::move(*classes));
  };
  const bool best = run.config.checkpoints.keep.best > 0 && has_checkpoint(seed_folder, "best");
  if (!task.writes()) return {};
  if (best) load_parameters(find_checkpoint(seed_folder, "best"), run.store);
  if (data.test.size()) report("test", predicted(data.test));
  if (!data.validation.size() || !best) return reports;
  const Predictions all = predicted(data.validation);
  report("validation", all);
  std::string lines;
  run.config.tokenizer->restore(data.tokenizer_state);  // one of several seeds has fitted its own
  for (size_t i = 0; i < data.validation.examples.size(); ++i)
    lines += line_of(task, data.rows.validation, data.validation, all, i, *run.config.tokenizer) + "\n";
  make_folder(seed_folder + "/predictions");
  write_file_atomically(seed_folder + "/predictions/validation-best.jsonl", lines);
  return reports;
}

std::vector<std::string> seed_folders(const std::string& run_folder) {
  if (const auto stages = stage_folders(run_folder); !stages.empty()) return seed_folders(stages.back());
  if (fs::exists(run_folder + "/checkpoints")) return {run_folder};
  std::vector<std::string> folders;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(run_folder, problem))
    if (entry.path().filename().string().starts_with("seed-") && fs::exists(entry.path() / "checkpoints"))
      folders.push_back(entry.path().string());
  std::sort(folders.begin(), folders.end());
  if (folders.empty())
    throw Error(ErrorKind::checkpoint, run_folder + " holds no checkpoints", "name the folder that `tapedeck run` printed");
  return folders;
}

std::unique_ptr<LoadedRun> open_run(const std::string& folder, const std::string& which) {
  auto run = std::make_unique<LoadedRun>();
  run->folder = fs::absolute(folder).lexically_normal().string();
  if (run->folder.ends_with('/')) run->folder.pop_back();
  const Notes note = [&](const std::string& line) { run->notes.push_back(line); };
  const std::string resolved = run_folder_of(run->folder) + "/resolved.json";
  read_checked_json(resolved, note);  // damage is said before what it did to the values
  Diagnostics diagnostics;
  LoadedExperiment loaded = load_experiment(resolved, {}, diagnostics);
  bind_experiment(loaded.tree, run->config, diagnostics);
  if (diagnostics.empty()) attempt(loaded.tree, "runtime", "TD0328", diagnostics, [&] { use_runtime(run->config.runtime); });
  if (!diagnostics.empty()) diagnostics.raise();
  const std::string checkpoint = find_checkpoint(run->folder, which, note);
  run->config.tokenizer->restore(read_checked_json(run->folder + "/tokenizer.json", note));
  read_labels(*run, note);
  run->input.vocabulary = run->config.tokenizer->vocabulary_size();
  run->input.max_length = run->config.tokenizer->max_length();
  run->input.outputs = run->task->outputs(run->input.vocabulary);
  run->model = run->config.model->build(Params(run->store), run->input);
  check_task(*run);
  run->store.allocate(run->config.runtime.dtype, root_key(0));
  load_parameters(checkpoint, run->store);
  run->checkpoint = checkpoint;
  return run;
}

std::map<std::string, double> evaluate_split(LoadedRun& run, const std::string& split, ClassReports* classes) {
  const Splits rows = run.config.data->read(data_key());
  const Table& table = split == "test" ? rows.test : split == "train" ? rows.train : rows.validation;
  if (table.rows.empty())
    throw Error(ErrorKind::data, text("the data have no split ", in_quotes(split)), "name a file with --data");
  return measure(run, table, split, classes);
}

std::map<std::string, std::map<std::string, double>> evaluate_splits(LoadedRun& run, ClassReports* classes) {
  const Splits rows = run.config.data->read(data_key());
  std::map<std::string, std::map<std::string, double>> all;
  if (!rows.validation.rows.empty()) all["validation"] = measure(run, rows.validation, "validation", classes);
  if (!rows.test.rows.empty()) all["test"] = measure(run, rows.test, "test", classes);
  if (all.empty()) throw Error(ErrorKind::data, "the data have neither a validation nor a test split", "name a file with --data");
  return all;
}

std::map<std::string, double> evaluate_file(LoadedRun& run, const std::string& path, ClassReports* classes) {
  return measure(run, read_rows(run, path), path, classes);
}

void predict_rows(LoadedRun& run, const Table& table, const std::function<void(const std::string&)>& line) {
  if (!run.task->writes())
    throw Error(ErrorKind::usage,
                text(run.folder, " holds a model of the task ", in_quotes(run.task->name), ", which has no answer per row"),
                "measure how well it does on a text: tapedeck eval RUN --data FILE");
  const Dataset data = encode_for(run, table);
  const Predictions all = predict(*run.model, run.store, run.config.objective->task(), data, run.config.evaluation.batch_size);
  for (size_t i = 0; i < data.examples.size(); ++i) line(line_of(*run.task, table, data, all, i, *run.config.tokenizer));
}

void predict_file(LoadedRun& run, const std::string& path, const std::function<void(const std::string&)>& line) {
  predict_rows(run, read_rows(run, path), line);
}

}  // namespace tapedeck
