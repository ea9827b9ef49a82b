// Tasks without an experiment: with given labels, and tables as they encode them.
#pragma once
#include <tapedeck/tasks/task.h>

namespace tapedeck::testing {

inline std::shared_ptr<Task> task_with(std::string_view name, std::vector<std::string> labels = {}) {
  const auto task = make_task(name);
  task->labels = std::move(labels);
  return task;
}
inline Dataset encoded(std::string_view task, const Table& table, const Tokenizer& tokenizer,
                       std::vector<std::string> labels = {}, bool pairs = false, const TextForm& form = {}) {
  return encode(task_with(task, std::move(labels)), {table, tokenizer, pairs, form});
}
inline Dataset stream_of(const Table& table, const Tokenizer& tokenizer, std::optional<int64_t> stride = {}) {
  return encode(make_task("language_model"), {.table = table, .tokenizer = tokenizer, .stride = stride});
}
/// Fitted on the rows, which say what it is.
inline std::shared_ptr<const Task> fitted(const Splits& splits) { return fitted_task({}, splits); }

}  // namespace tapedeck::testing
