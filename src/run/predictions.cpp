// A run folder used later: opening a checkpoint, measuring it on a split or a file, predicting a file.
// Next: src/app/command_eval.cpp, src/app/command_predict.cpp.
#include "src/run/predictions.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/tensor/machine.h>
#include <tapedeck/train/checkpoint.h>

#include "src/run/run_folder.h"
#include "src/train/evaluator.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

Json span_list(const std::vector<TextSpan>& spans) {
  Json list = Json::list();
  for (const TextSpan& span : spans) {
    Json one = Json::dict();
    one.set("start", Json::of(span.start));
    one.set("end", Json::of(span.end));
    one.set("label", Json::of(span.label));
    list.items.push_back(std::move(one));
  }
  return list;
}

/// What is marked and what was found, as pieces of the text.
Json span_prediction(const Row& row, const std::vector<Span>& found, const Tokenizer& tokenizer, const std::vector<std::string>& labels) {
  Json json = Json::dict();
  json.set("line", Json::of(row.line));
  json.set("text", Json::of(row.text));
  if (row.spans) json.set("spans", span_list(*row.spans));
  json.set("predicted", span_list(text_spans(row.text, found, tokenizer, labels)));
  return json;
}

Json prediction(const Row& row, const Example& example, const Predictions& all, size_t i, const std::vector<std::string>& labels,
                bool regression) {
  Json json = Json::dict();
  json.set("line", Json::of(row.line));
  json.set("text", Json::of(row.text));
  if (!row.text_b.empty()) json.set("text_b", Json::of(row.text_b));
  if (regression) {
    if (std::isfinite(example.target)) json.set("label", Json::of(example.target));
    json.set("score", Json::of(all.score[i]));
    return json;
  }
  if (example.label >= 0) json.set("label", Json::of(labels[size_t(example.label)]));
  json.set("predicted", Json::of(labels[size_t(all.predicted[i])]));
  Json probabilities = Json::dict();
  for (size_t c = 0; c < labels.size(); ++c) probabilities.set(labels[c], Json::of(all.probabilities[i][c]));
  json.set("probabilities", std::move(probabilities));
  return json;
}

/// The folder that holds resolved.json: the seed's folder itself, or the one above it.
std::string run_folder_of(const std::string& seed_folder) {
  for (const fs::path& candidate : {fs::path(seed_folder), fs::path(seed_folder).parent_path()})
    if (fs::exists(candidate / "resolved.json")) return candidate.string();
  throw Error(ErrorKind::checkpoint, seed_folder + " is not a run folder: it has no resolved.json",
              "name the folder that `tapedeck run` printed");
}

void read_labels(LoadedRun& run) {
  const Json json = read_json_file(run.folder + "/labels.json");
  const auto flag = [&](const char* key) { return json.find(key) && json.find(key)->value.boolean; };
  run.label_kind = flag("running") ? LabelKind::tokens : flag("regression") ? LabelKind::numbers
                   : flag("spans") ? LabelKind::spans : LabelKind::classes;
  run.input.pairs = flag("pairs");
  if (const auto* labels = json.find("labels"))
    for (const Json& label : labels->value.items) run.labels.push_back(label.string);
}

Dataset encode_for(const LoadedRun& run, const Table& table) {
  if (run.label_kind == LabelKind::tokens) return encode_running(table, *run.config.tokenizer);
  if (run.label_kind == LabelKind::spans) return encode_spans(table, *run.config.tokenizer, run.labels);
  return encode(table, *run.config.tokenizer, run.labels, run.label_kind == LabelKind::numbers, run.input.pairs,
                run.config.model->text_form());
}

std::map<std::string, double> measure(LoadedRun& run, const Table& table) {
  const Dataset data = encode_for(run, table);
  TrainSetup setup;
  setup.model = run.model.get();
  setup.store = &run.store;
  setup.objective = run.config.objective.get();
  setup.train = &data;                            // tells the evaluator whether labels are numbers
  setup.evaluation = &run.config.evaluation;
  const auto values = Evaluator(setup).measure(data);
  if (values.empty()) throw Error(ErrorKind::data, table.name + " has no labels to measure against", "use predict");
  return values;
}

}  // namespace

void write_vocabulary(const std::string& seed_folder, const ExperimentData& data) {
  write_file_atomically(seed_folder + "/tokenizer.json", data.tokenizer_state.dump() + "\n");
  Json json = Json::dict(), labels = Json::list();
  for (const std::string& label : data.train.labels) labels.items.push_back(Json::of(label));
  json.set("labels", std::move(labels));
  json.set("regression", Json::of(data.train.regression));
  json.set("pairs", Json::of(data.train.pairs));
  json.set("spans", Json::of(data.train.spans));
  json.set("running", Json::of(data.train.label_kind() == LabelKind::tokens));
  write_file_atomically(seed_folder + "/labels.json", json.dump() + "\n");
}

void write_best_predictions(RunState& run, const std::string& seed_folder) {
  const ExperimentData& data = *run.data;
  if (!data.validation.size() || !fs::exists(seed_folder + "/checkpoints/best.json")) return;
  if (data.validation.label_kind() == LabelKind::tokens) return;    // an answer for every token would be as long as the text
  load_parameters(find_checkpoint(seed_folder, "best"), run.store);
  const Predictions all = predict(*run.model, run.store, run.config.objective->task(), data.validation,
                                  run.config.evaluation.batch_size);
  std::string lines;
  if (data.validation.spans) run.config.tokenizer->restore(data.tokenizer_state);   // one of several seeds has fitted its own
  for (size_t i = 0; i < data.validation.examples.size(); ++i)
    lines += (data.validation.spans
                  ? span_prediction(data.rows.validation.rows[i], all.found[i], *run.config.tokenizer, data.validation.labels)
                  : prediction(data.rows.validation.rows[i], data.validation.examples[i], all, i, data.validation.labels, data.validation.regression))
                 .dump(-1) +
             "\n";
  make_folder(seed_folder + "/predictions");
  write_file_atomically(seed_folder + "/predictions/validation-best.jsonl", lines);
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
  Diagnostics diagnostics;
  LoadedExperiment loaded = load_experiment(run_folder_of(run->folder) + "/resolved.json", {}, diagnostics);
  bind_experiment(loaded.tree, run->config, diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  use_runtime(run->config.runtime);
  const std::string checkpoint = find_checkpoint(run->folder, which);
  run->config.tokenizer->restore(read_json_file(run->folder + "/tokenizer.json"));
  read_labels(*run);
  run->input.vocabulary = run->config.tokenizer->vocabulary_size();
  run->input.max_length = run->config.tokenizer->max_length();
  run->input.outputs = outputs_for(run->label_kind, run->labels.size(), run->input.vocabulary);
  run->model = run->config.model->build(Params(run->store), run->input);
  run->store.allocate(run->config.runtime.dtype, root_key(0));
  load_parameters(checkpoint, run->store);
  run->checkpoint = checkpoint;
  return run;
}

std::map<std::string, double> evaluate_split(LoadedRun& run, const std::string& split) {
  const Splits rows = run.config.data->read(data_key());
  const Table& table = split == "test" ? rows.test : split == "train" ? rows.train : rows.validation;
  if (table.rows.empty())
    throw Error(ErrorKind::data, text("the data have no split ", in_quotes(split)), "name a file with --data");
  return measure(run, table);
}

std::map<std::string, std::map<std::string, double>> evaluate_splits(LoadedRun& run) {
  const Splits rows = run.config.data->read(data_key());
  std::map<std::string, std::map<std::string, double>> all;
  if (!rows.validation.rows.empty()) all["validation"] = measure(run, rows.validation);
  if (!rows.test.rows.empty()) all["test"] = measure(run, rows.test);
  if (all.empty()) throw Error(ErrorKind::data, "the data have neither a validation nor a test split", "name a file with --data");
  return all;
}

std::map<std::string, double> evaluate_file(LoadedRun& run, const std::string& path) {
  return measure(run, run.config.data->read_file(path));
}

void predict_file(LoadedRun& run, const std::string& path, const std::function<void(const std::string&)>& line) {
  if (run.label_kind == LabelKind::tokens)
    throw Error(ErrorKind::usage, run.folder + " holds a language model, which predicts neither classes nor numbers",
                "measure how well it tells a text: tapedeck eval RUN --data FILE");
  const Table table = run.config.data->read_file(path);
  const Dataset data = encode_for(run, table);
  const Predictions all = predict(*run.model, run.store, run.config.objective->task(), data, run.config.evaluation.batch_size);
  for (size_t i = 0; i < data.examples.size(); ++i)
    line((data.spans ? span_prediction(table.rows[i], all.found[i], *run.config.tokenizer, run.labels)
                     : prediction(table.rows[i], data.examples[i], all, i, run.labels, data.regression))
             .dump(-1));
}

}  // namespace tapedeck
