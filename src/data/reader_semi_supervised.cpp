// "semi_supervised": few rows with labels and many without, from two sources or by hiding the labels of one. What R-Drop, VAT and
// entropy minimisation learn from rows without labels is in their pages. Next: sampler.cpp, which mixes them in batches.
#include <algorithm>
#include <cmath>

#include <tapedeck/base/error.h>
#include "src/data/file_reader.h"

namespace tapedeck {
namespace {

struct SemiSupervisedReader final : Reader {
  void describe(Fields& f) override {
    f("labelled", labelled_, "rows with labels; validation and test come from here").required();
    f("unlabelled", unlabelled_, "more texts to train on: the training split of this source, labels left out");
    f("keep", keep_,
      "share of the labelled training rows that keep their label, at least one of each class; the others become rows without")
        .range(0, 1);
  }

  Splits read(Key key) const override {
    if (!unlabelled_ && keep_ == 1)
      throw Error(ErrorKind::config, "data: semi_supervised has no rows without labels",
                  "give data.unlabelled, or a share data.keep below 1");
    Splits splits = labelled_->read(key);
    const auto task = make_task(splits.task);
    task->fit(splits);
    if (splits.labels.empty()) splits.labels = task->labels;  // all classes, also those whose every label is hidden
    hide(splits.train.rows, *task, key / "keep");
    if (!unlabelled_) return splits;
    Splits more = unlabelled_->read(key / "unlabelled");
    const auto other = make_task(more.task);
    for (Row& row : more.train.rows) {
      hide(row, *other);
      splits.train.rows.push_back(std::move(row));
    }
    splits.pairs = splits.pairs || more.pairs;
    return splits;
  }

  void ask(std::string_view task) override {
    labelled_->ask(task);
    if (unlabelled_) unlabelled_->ask(task);
  }
  void know(const std::vector<std::string>& labels) override { labelled_->know(labels); }
  Table read_file(const std::string& path) const override { return labelled_->read_file(path); }
  std::vector<std::string> files() const override {
    std::vector<std::string> all = labelled_->files();
    if (unlabelled_)
      for (std::string& file : unlabelled_->files()) all.push_back(std::move(file));
    return all;
  }

 private:
  static void hide(Row& row, const Task& task) {
    row.label.clear();
    row.spans.reset();
    row.labels.reset();
    if (task.answers(row))
      throw Error(ErrorKind::config, text("data: rows of the task \"", task.name, "\" cannot be without an answer"),
                  "use a source of rows such as \"lines\"");
  }
  /// Keeps a share of the labels, and the first one of a class that would have none.
  void hide(std::vector<Row>& rows, const Task& task, Key key) const {
    const auto n = int64_t(rows.size()), kept = std::max<int64_t>(1, std::llround(keep_ * double(n)));
    const std::vector<int64_t> order = random_permutation(key, n);
    std::set<std::string> shown;
    for (int64_t i = 0; i < n; ++i) {
      Row& row = rows[size_t(order[size_t(i)])];
      const size_t before = shown.size();
      task.classes_of(row, shown);
      if (i >= kept && shown.size() == before) hide(row, task);
    }
  }

  Choice<Reader> labelled_, unlabelled_;
  double keep_ = 1;
};
TAPEDECK_PART(Reader, SemiSupervisedReader, "semi_supervised",
              "Few rows with labels and many without: two sources, or one whose labels are partly hidden.");

}  // namespace
}  // namespace tapedeck
