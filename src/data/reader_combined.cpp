// "combined": one source to train on, another to measure with, for methods that learn from sentences without labels and are
// judged on pairs with scores. Next: reader_glue.cpp.
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
    if (from.spans || measured.spans)
      throw Error(ErrorKind::config, "data: spans cannot be combined with another source", "name the files in one source");
    if (from.running != measured.running)
      throw Error(ErrorKind::config, text("data.", from.running ? "train" : "evaluation", " is running text, the other is rows of texts"),
                  "use two sources of one kind");
    const bool labelled = std::any_of(from.train.rows.begin(), from.train.rows.end(), [](const Row& row) { return !row.label.empty(); });
    if (labelled && from.regression != measured.regression)
      throw Error(ErrorKind::config, text("data.train has ", from.regression ? "numbers" : "classes", " as labels, data.evaluation ",
                                          measured.regression ? "numbers" : "classes"),
                  "use sources whose labels are of one kind, or a training source without labels");
    measured.train = std::move(from.train);
    measured.stride = from.stride;
    measured.pairs = measured.pairs || from.pairs;
    if (labelled && measured.labels.empty()) measured.labels = std::move(from.labels);
    return measured;
  }

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
