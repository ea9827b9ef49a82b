// A task is what is asked of the data and how an answer looks. It alone knows the kind of label; each is one file in src/tasks,
// or one file of yours (docs/guide/extend/task.md). Next: src/tasks/classification.cpp.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/data/dataset.h>
#include <tapedeck/losses/loss.h>
#include <tapedeck/tasks/predictions.h>

namespace tapedeck {

/// What an experiment may leave out, and what messages recommend.
struct TaskDefaults {
  const char *loss = "cross_entropy", *metric = "accuracy", *model = "text", *data = "\"data\" with a column of labels";
};

/// One batch on its way back from a model.
struct Answered {
  const Output& out;
  const Batch& batch;
  const Dataset& data;
  std::span<const int64_t> order;
  const Loss& loss;
};

struct Task : Part {
  static constexpr const char* kind = "task";
  std::string name;                 // in the registry
  std::vector<std::string> labels;  // names by index of what is answered; empty where answers have no names

  // Rows to examples.
  /// What is wrong with the label of a row as it is read, or nothing; may take it apart. Without a label by default.
  virtual std::string check(Row& row) const;
  /// Whether a row says its answer.
  virtual bool answers(const Row& row) const { return !row.label.empty(); }
  /// Adds the names that the row's answer holds: what a split must not lose. By default its label.
  virtual void classes_of(const Row& row, std::set<std::string>& names) const;
  /// Learns `labels`; by default the names in the rows of train.
  virtual void fit(const Splits& splits);
  /// What fit() learnt, so that a run can be used without its data.
  virtual Json state() const;
  virtual void restore(const Json& state);
  /// The rows of a table; by default their texts, and label() for each.
  virtual Dataset encode(const EncodingOptions& how) const;
  /// Throws Error{data} naming file and line for what does not fit.
  virtual void label(const Row&, const EncodingOptions&, Example&) const {}

  // Examples to batches.
  /// What the rows of logits speak about and how they become probabilities; how many logits a row has.
  virtual Answer answer() const { return {}; }
  virtual int64_t outputs(int64_t /*vocabulary*/) const { return std::ssize(labels); }
  /// Rows of logits of an example with a known answer, and how much they count in the mean loss.
  virtual int64_t labelled_rows(const Dataset& data, int64_t example) const;
  virtual double weight(const Loss& loss, const Dataset& data, int64_t example) const;
  /// What is known about the examples `order`, for the loss.
  virtual void targets(const Dataset& data, std::span<const int64_t> order, DType dtype, Batch& batch) const = 0;

  // Logits to predictions.
  virtual bool gives(Form form) const { return form == Form::classes; }
  virtual void decode(const Answered& what, Predictions& all) const = 0;
  /// Prediction i as it stands in predictions/*.jsonl, behind line and text. writes(): whether there is one per row.
  virtual bool writes() const { return true; }
  virtual void write(const Row& row, const Predictions& all, size_t i, const Tokenizer& tokenizer, Json& json) const = 0;

  // Words about it.
  virtual TaskDefaults defaults() const { return {}; }
  /// "6 classes": what `check` says about the training data.
  virtual std::string summary(const Dataset& data) const = 0;
  /// What the labels are called in messages.
  virtual std::string_view noun() const { return name_of(answer()); }
  /// What a type of spans is called.
  virtual std::string span_name(int32_t type) const { return labels[size_t(type)]; }
  /// Throws Error{config} where nothing can be learnt from the training data.
  virtual void check(const Dataset& /*train*/) const {}
};

/// A task by its name; Error{config} when there is none.
std::shared_ptr<Task> make_task(std::string_view name);
/// A task that asks this, for messages; classification if none does.
std::shared_ptr<const Task> task_asking(Answer answer);
/// What is asked of the data: their task, or classification.
const Task& task_of(const Dataset& data);
/// The chosen task with its options, or else the one that the data say, fitted on them. Error{config} when the name is not known.
std::shared_ptr<const Task> fitted_task(const Choice<Task>& chosen, const Splits& splits);
/// The same from what task_state() wrote (also before tasks had names).
std::shared_ptr<const Task> restored_task(const Choice<Task>& chosen, const Json& state);
Json task_state(const Task& task);
/// The rows of a table for a task.
Dataset encode(std::shared_ptr<const Task> task, const EncodingOptions& how);
/// Why the loss cannot be trained or measured on what the task asks; empty when it can.
std::string mismatch(const Loss& loss, const Task& task);

/// For tasks whose labels are names: the index, -1 for a label that stands for none, or Error{data} with file, line and the names
/// there are.
int32_t index_of(const std::vector<std::string>& labels, std::string_view label, const Row& row, const EncodingOptions& how);
/// {"a": 0.25, ...} of the probabilities of one prediction.
Json probabilities_of(const std::vector<std::string>& labels, const std::vector<double>& probabilities);
/// Softmax of one row of logits in double, and its first maximum.
int32_t read_row(const Tensor& logits, int64_t row, std::vector<double>& probabilities);

}  // namespace tapedeck
