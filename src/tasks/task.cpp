// What tasks have in common, and how one is found: by the experiment, by its data, by what a run left. Next: classification.cpp.
#include <tapedeck/tasks/task.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

#include "src/data/file_reader.h"

namespace tapedeck {

std::string Task::check(Row& row) const {
  if (row.labels) return "the label is a list, which \"label_type\": \"set\" reads";
  return row.label.empty() ? "the label is empty" : "";
}

void Task::classes_of(const Row& row, std::set<std::string>& names) const {
  if (!row.label.empty()) names.insert(row.label);
}

void Task::fit(const Splits& splits) {
  labels = label_names(splits, [this](const Row& row, std::set<std::string>& names) { classes_of(row, names); });
}

Json Task::state() const {
  Json json = Json::dict(), names = Json::list();
  for (const std::string& label : labels) names.items.push_back(Json::of(label));
  json.set("labels", std::move(names));
  return json;
}

void Task::restore(const Json& state) {
  labels.clear();
  if (const auto* names = state.find("labels"))
    for (const Json& one : names->value.items) labels.push_back(one.string);
}

Dataset Task::encode(const EncodingOptions& how) const {
  return encode_texts(how, [&](const Row& row, Example& example) { label(row, how, example); });
}

int64_t Task::labelled_rows(const Dataset& data, int64_t example) const { return data.examples[size_t(example)].label >= 0; }

double Task::weight(const Loss& loss, const Dataset& data, int64_t example) const {
  const int32_t label = data.examples[size_t(example)].label;
  return label >= 0 ? loss.weight(label) : 0;
}

std::shared_ptr<Task> make_task(std::string_view name) {
  const auto* entry = Registry<Task>::find(name);
  if (!entry) {
    const std::vector<std::string> known = Choice<Task>().names();
    throw Error(ErrorKind::config, text("there is no task ", in_quotes(name)),
                text(suggest(std::string(name), known), " known: ", join(known)));
  }
  std::shared_ptr<Task> task = entry->make();
  task->name = name;
  return task;
}

std::shared_ptr<const Task> task_asking(Answer answer) {
  for (const auto& [name, entry] : Registry<Task>::entries())
    if (entry.make()->answer() == answer) return make_task(name);
  for (const auto& [name, entry] : Registry<Task>::entries())
    if (entry.make()->answer().rows == answer.rows) return make_task(name);
  return make_task("classification");
}

const Task& task_of(const Dataset& data) {
  static const std::shared_ptr<const Task> usual = make_task("classification");
  return data.task ? *data.task : *usual;
}

namespace {

std::shared_ptr<Task> with_options(const Choice<Task>& chosen, std::string_view otherwise) {
  std::shared_ptr<Task> task = make_task(chosen ? chosen.name() : otherwise);
  Diagnostics none;
  if (chosen) read_fields(*task, write_fields(*chosen), "", none);
  return task;
}

}  // namespace

std::shared_ptr<const Task> fitted_task(const Choice<Task>& chosen, const Splits& splits) {
  std::shared_ptr<Task> task = with_options(chosen, splits.task);
  task->fit(splits);
  return task;
}

Json task_state(const Task& task) {
  Json json = task.state();
  json.set("task", Json::of(task.name));
  return json;
}

std::shared_ptr<const Task> restored_task(const Choice<Task>& chosen, const Json& state) {
  const auto flag = [&](const char* key) { return state.find(key) && state.find(key)->value.boolean; };
  const auto* named = state.find("task");
  const std::string before_names = flag("running")      ? "language_model"
                                   : flag("regression") ? "regression"
                                   : flag("spans")      ? "spans"
                                                        : "classification";
  std::shared_ptr<Task> task = with_options(chosen, named ? named->value.string : before_names);
  task->restore(state);
  return task;
}

namespace {

/// What people should hear of the rows: left out, cut, unknown.
void fill_report(const EncodingOptions& how, Dataset& data) {
  DataReport& report = data.report;
  if (how.table.skipped) report.first_skipped = how.table.first_skipped;
  report.skipped += how.table.skipped;
  std::set<int32_t> special;
  for (const char* name : {"[CLS]", "[SEP]", "[PAD]", "[MASK]"}) special.insert(how.tokenizer.id(name));
  const int32_t unknown = how.tokenizer.id("[UNK]");
  const auto count = [&](const std::vector<int32_t>& ids) {
    for (const int32_t id : ids) {
      report.tokens += !special.contains(id);
      report.unknown += id == unknown;
    }
  };
  count(data.stream.ids);
  for (const Example& example : data.examples) {
    count(example.ids);
    report.cut += example.cut > 0;
    report.longest = std::max(report.longest, std::ssize(example.ids) + example.cut);
  }
}

/// A sequence of an example: its tokens, and its segments where it has some.
struct Sequence {
  std::span<const int32_t> ids, segments;
  bool operator==(const Sequence& other) const {
    return std::ranges::equal(ids, other.ids) && std::ranges::equal(segments, other.segments);
  }
  uint64_t hash() const {  // FNV-1a
    uint64_t h = 0xCBF29CE484222325u;
    for (const auto& list : {ids, segments})
      for (const int32_t one : list) h = (h ^ uint32_t(one)) * 0x100000001B3u;
    return h;
  }
};

/// The number of the first sequence with the same tokens, for every sequence.
void find_equal(Dataset& data) {
  struct First {
    int32_t number;
    Sequence sequence;
  };
  std::unordered_map<uint64_t, First> seen;
  bool any = false;
  const auto add = [&](const Example& example, size_t begin, size_t end) {
    const std::span<const int32_t> ids = example.ids, segments = example.segments;
    const Sequence here{ids.subspan(begin, end - begin),
                        end <= segments.size() ? segments.subspan(begin, end - begin) : segments};
    const auto number = int32_t(data.equal.size());
    const First& first = seen.try_emplace(here.hash(), First{number, here}).first->second;
    const bool same = first.number != number && first.sequence == here;
    any = any || same;
    data.equal.push_back(same ? first.number : number);
  };
  for (const Example& example : data.examples) {
    size_t begin = 0;
    for (const int32_t end : example.ends) add(example, begin, size_t(end)), begin = size_t(end);
    if (example.ends.empty()) add(example, 0, example.ids.size());
  }
  if (!any) data.equal = {};
}

}  // namespace

Dataset encode(std::shared_ptr<const Task> task, const EncodingOptions& how) {
  Dataset data = task->encode(how);
  fill_report(how, data);
  find_equal(data);
  data.labels = task->labels;
  data.task = std::move(task);
  for (int64_t i = 0; i < std::ssize(data.examples) && !data.labelled; ++i) data.labelled = data.task->labelled_rows(data, i) > 0;
  return data;
}

std::string mismatch(const Loss& loss, const Task& task) {
  if (loss.suits(task.answer())) return "";
  return text("the objective's loss needs ", name_of(loss.answer()), ", but the labels of the data are ", task.noun());
}

int32_t index_of(const std::vector<std::string>& labels, std::string_view label, const Row& row, const EncodingOptions& how) {
  const auto found = std::find(labels.begin(), labels.end(), label);
  if (found != labels.end()) return int32_t(found - labels.begin());
  if (how.optional_labels && label == "-1") return -1;
  throw data_error(how.table.name, row.line, text("label \"", label, "\" is not one of the ", labels.size(), " of train"),
                   text(suggestion(label, labels), "there are: ", quoted_list(labels),
                        "; \"labels\" of tsv, csv and jsonl data names classes that train does not hold"));
}

Json probabilities_of(const std::vector<std::string>& labels, const std::vector<double>& probabilities) {
  Json json = Json::dict();
  for (size_t c = 0; c < labels.size(); ++c) json.set(labels[c], Json::of(probabilities[c]));
  return json;
}

int32_t read_row(const Tensor& logits, int64_t row, std::vector<double>& probabilities) {
  const int64_t classes = logits.shape().cols();
  probabilities.resize(size_t(classes));
  for (int64_t c = 0; c < classes; ++c) probabilities[size_t(c)] = logits.item(row * classes + c);
  const auto top = std::max_element(probabilities.begin(), probabilities.end());
  const double most = *top;
  const auto winner = int32_t(top - probabilities.begin());
  double sum = 0;
  for (double& p : probabilities) sum += p = std::exp(p - most);
  for (double& p : probabilities) p /= sum;
  return winner;
}

}  // namespace tapedeck
