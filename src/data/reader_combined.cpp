// "combined": one source to train on, another to measure with, for methods that learn from sentences without labels and are
// judged on pairs with scores. Next: reader_glue.cpp.
#include <algorithm>

#include <tapedeck/base/error.h>

#include "src/data/file_reader.h"

namespace tapedeck {
namespace {

struct CombinedReader final : Reader {
  void describe(Fields& f) override {
    f("train", train_, "where the training split comes from; its other splits are left out").required();
    f("evaluation", evaluation_, "where validation and test come from; its training split is left out").required();
  }

  Splits read(Key key) const override {
    Splits from = train_->read(key), measured = evaluation_->read(key);
    const auto train = make_task(from.task), evaluation = make_task(measured.task);
    const bool labelled = std::ranges::any_of(from.train.rows, [&](const Row& row) { return train->answers(row); });
    if (labelled && from.task != measured.task)
      throw Error(ErrorKind::config, text("data.train has ", train->noun(), " as labels, data.evaluation ", evaluation->noun()),
                  "use sources whose labels are of one kind, or a training source without labels");
    measured.train = std::move(from.train);
    measured.stride = from.stride;
    measured.pairs = measured.pairs || from.pairs;
    if (labelled && measured.labels.empty()) measured.labels = std::move(from.labels);
    return measured;
  }

  void ask(std::string_view task) override {
    train_->ask(task);
    evaluation_->ask(task);
  }
  void know(const std::vector<std::string>& labels) override { evaluation_->know(labels); }
  Table read_file(const std::string& path) const override { return evaluation_->read_file(path); }
  std::vector<std::string> files() const override {
    std::vector<std::string> all = train_->files();
    for (std::string& file : evaluation_->files()) all.push_back(std::move(file));
    return all;
  }

 private:
  Choice<Reader> train_, evaluation_;
};
TAPEDECK_PART(Reader, CombinedReader, "combined",
              "Trains on one source and measures on another: sentences without labels, judged on pairs with scores.");

}  // namespace
}  // namespace tapedeck
