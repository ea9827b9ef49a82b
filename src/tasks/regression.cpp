// "regression": a number per text, or the score of a pair. Next: multi_label.cpp.
#include <cmath>
#include <limits>

#include <tapedeck/base/error.h>
#include <tapedeck/tasks/task.h>

#include "src/data/file_reader.h"

namespace tapedeck {
namespace {

struct Regression final : Task {
  std::string check(Row& row) const override {
    const std::string problem = Task::check(row);
    return problem.empty() && !parse_number(row.label) ? text("label \"", row.label, "\" is not a number") : problem;
  }
  void classes_of(const Row&, std::set<std::string>&) const override {}
  void fit(const Splits&) override {}
  void label(const Row& row, const EncodingOptions& how, Example& example) const override {
    example.target = std::numeric_limits<double>::quiet_NaN();
    if (row.label.empty()) return;
    const auto number = parse_number(row.label);
    if (!number)
      throw data_error(how.table.name, row.line, text("label \"", row.label, "\" is not a number"),
                       "correct the line, or set \"label_type\": \"class\"");
    example.target = *number;
  }

  Answer answer() const override { return {Rows::sequences, Link::identity}; }
  int64_t outputs(int64_t) const override { return 1; }
  int64_t labelled_rows(const Dataset& data, int64_t example) const override {
    return std::isfinite(data.examples[size_t(example)].target);
  }
  double weight(const Loss&, const Dataset& data, int64_t example) const override { return double(labelled_rows(data, example)); }
  void targets(const Dataset& data, std::span<const int64_t> order, DType dtype, Batch& batch) const override {
    batch.targets = Tensor::empty({std::ssize(order)}, dtype);
    for (size_t i = 0; i < order.size(); ++i) {
      const double target = data.examples[size_t(order[i])].target;
      if (dtype == DType::f64) batch.targets.raw<double>()[i] = target;
      else batch.targets.raw<float>()[i] = float(target);
    }
  }

  bool gives(Form form) const override { return form == Form::numbers; }
  void decode(const Answered& what, Predictions& all) const override {
    for (size_t i = 0; i < what.order.size(); ++i) {
      all.score.push_back(what.out.logits.item(int64_t(i) * what.out.logits.shape().cols()));
      all.target.push_back(what.data.examples[size_t(what.order[i])].target);
    }
  }
  void write(const Row&, const Predictions& all, size_t i, const Tokenizer&, Json& json) const override {
    if (std::isfinite(all.target[i])) json.set("label", Json::of(all.target[i]));
    json.set("score", Json::of(all.score[i]));
  }

  TaskDefaults defaults() const override { return {"mse", "spearman", "text", "\"label_type\": \"number\" in \"data\""}; }
  std::string summary(const Dataset&) const override { return "a number to predict"; }
};
TAPEDECK_PART(Task, Regression, "regression", "A number per text, or the score of a pair of texts.");

}  // namespace
}  // namespace tapedeck
