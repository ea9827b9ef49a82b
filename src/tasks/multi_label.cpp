// "multi_label": several classes per text, or none. Next: tagging.cpp.
#include <algorithm>
#include <cmath>

#include <tapedeck/base/error.h>
#include <tapedeck/tasks/task.h>

#include "src/data/file_reader.h"

namespace tapedeck {
namespace {

/// The label of a row cut at the separators, or the list that stands in its place.
std::vector<std::string> names_in(const Row& row, std::string_view separator) {
  if (row.labels && row.label.empty()) return *row.labels;
  std::vector<std::string> names;
  for (std::string_view rest = row.label; !rest.empty();) {
    const size_t end = rest.find(separator);
    if (const std::string_view one = trimmed(rest.substr(0, end)); !one.empty()) names.emplace_back(one);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + separator.size());
  }
  return names;
}

Json names_of(const std::vector<std::string>& labels, const std::vector<int32_t>& classes) {
  Json list = Json::list();
  for (const int32_t c : classes) list.items.push_back(Json::of(labels[size_t(c)]));
  return list;
}

struct MultiLabel final : Task {
  std::string separator = ",";
  double threshold = 0.5;
  void describe(Fields& f) override {
    f("separator", separator, "between the classes of a text, where they are not a list").one_of({",", ";", "|", " "});
    f("threshold", threshold, "a class is predicted when its probability, the sigmoid of its logit, is larger").above(0).below(1);
  }

  std::string check(Row& row) const override {
    row.labels = names_in(row, separator);  // none is an answer, too
    return "";
  }
  bool answers(const Row& row) const override { return row.labels || !row.label.empty(); }
  void classes_of(const Row& row, std::set<std::string>& names) const override {
    for (std::string& one : names_in(row, separator)) names.insert(std::move(one));
  }
  void label(const Row& row, const EncodingOptions& how, Example& example) const override {
    if (!answers(row)) return;
    std::set<int32_t> classes;
    for (const std::string& one : names_in(row, separator)) classes.insert(index_of(labels, one, row, how));
    if (classes.contains(-1)) return;
    example.label = 0;
    example.classes.assign(classes.begin(), classes.end());
  }

  Answer answer() const override { return {Rows::sequences, Link::sigmoid}; }
  double weight(const Loss&, const Dataset& data, int64_t example) const override { return double(labelled_rows(data, example)); }
  void targets(const Dataset& data, std::span<const int64_t> order, DType, Batch& batch) const override {
    const auto n = std::ssize(order), classes = std::ssize(data.labels);
    batch.cells = Tensor::zeros({n, classes}, DType::u8);
    batch.known = Tensor::zeros({n}, DType::u8);
    for (int64_t i = 0; i < n; ++i) {
      const Example& example = data.examples[size_t(order[size_t(i)])];
      batch.known.raw<uint8_t>()[i] = example.label >= 0;
      for (const int32_t c : example.classes) batch.cells.raw<uint8_t>()[i * classes + c] = 1;
    }
  }

  bool gives(Form form) const override { return form == Form::sets; }
  void decode(const Answered& what, Predictions& all) const override {
    const int64_t classes = all.classes = what.out.logits.shape().cols();
    for (size_t i = 0; i < what.order.size(); ++i) {
      std::vector<double>& probability = all.probabilities.emplace_back();
      std::vector<int32_t>& chosen = all.chosen.emplace_back();
      for (int64_t c = 0; c < classes; ++c) {
        probability.push_back(1 / (1 + std::exp(-what.out.logits.item(int64_t(i) * classes + c))));
        if (probability.back() > threshold) chosen.push_back(int32_t(c));
      }
      const Example& example = what.data.examples[size_t(what.order[i])];
      all.given.push_back(example.label >= 0 ? std::optional(example.classes) : std::nullopt);
    }
  }
  void write(const Row&, const Predictions& all, size_t i, const Tokenizer&, Json& json) const override {
    if (all.given[i]) json.set("labels", names_of(labels, *all.given[i]));
    json.set("predicted", names_of(labels, all.chosen[i]));
    json.set("probabilities", probabilities_of(labels, all.probabilities[i]));
  }

  TaskDefaults defaults() const override { return {"bce", "micro_f1", "text", "\"label_type\": \"set\" in \"data\""}; }
  std::string summary(const Dataset&) const override { return text("sets of ", labels.size(), " classes"); }
  void check(const Dataset& train) const override {
    if (labels.empty() || !train.labelled)
      throw Error(ErrorKind::config, "no text of the training data has a class", text("set ", defaults().data));
  }
};
TAPEDECK_PART(Task, MultiLabel, "multi_label", "Several classes per text, or none: each is a decision of its own.");

}  // namespace
}  // namespace tapedeck
