// "builtin": the generated data set that an experiment without a data section trains on. Next: grammar.cpp.
#include <set>

#include <tapedeck/base/error.h>

#include "src/data/file_reader.h"
#include "src/data/grammar.h"

namespace tapedeck {
namespace {

constexpr int64_t most_rows = 200000;  // the grammar has a few hundred million sentences, so that drawing stays quick

struct BuiltinReader final : Reader {
  void describe(Fields& f) override {
    f("train", train_, "sentences to train on").range(2, most_rows);
    f("validation", validation_, "sentences to validate on").range(0, most_rows);
    f("test", test_, "sentences to test on").range(0, most_rows);
    f("label_noise", label_noise_, "share of training labels that are wrong").range(0, 0.5);
  }

  Splits read(Key key) const override {
    std::set<std::string> seen;
    Splits splits;
    splits.labels = {"negative", "positive"};
    splits.train = generate("train", train_, label_noise_, key, seen);
    splits.validation = generate("validation", validation_, 0, key, seen);
    splits.test = generate("test", test_, 0, key, seen);
    return splits;
  }

  /// Own sentences to predict or evaluate: one per line, with or without a tab and a label behind.
  Table read_file(const std::string& path) const override {
    const TextFile file = load_text(path, Encoding::utf8);
    Table table;
    table.name = path;
    Line line;
    for (Lines lines(file.content); lines.next(line);) {
      if (trimmed(line.text).empty()) continue;
      const size_t tab = line.text.find('\t');
      const std::string_view label = tab == std::string_view::npos ? "" : trimmed(line.text.substr(tab + 1));
      table.rows.push_back({std::string(line.text.substr(0, tab)), "", std::string(label), line.number});
    }
    if (table.rows.empty()) throw data_error(path, 0, "has no rows", "write one sentence per line");
    return table;
  }

  std::vector<std::string> files() const override { return {}; }

 private:
  /// `size` sentences that are not in `seen` yet, so that no split holds a sentence of another.
  static Table generate(const char* split, int64_t size, double noise, Key key, std::set<std::string>& seen) {
    Table table;
    table.name = text("builtin/", split);
    const Key own = key / "builtin" / split;
    for (int64_t attempt = 0; int64_t(table.rows.size()) < size; ++attempt) {
      Opinion opinion = make_opinion(own / attempt);
      if (!seen.insert(opinion.text).second) continue;
      const bool wrong = random_unit(own / "noise", uint64_t(attempt)) < noise;
      const auto line = int64_t(table.rows.size()) + 1;
      table.rows.push_back({std::move(opinion.text), "", opinion.positive != wrong ? "positive" : "negative", line});
    }
    return table;
  }

  int64_t train_ = 8000, validation_ = 800, test_ = 800;
  double label_noise_ = 0.05;
};
TAPEDECK_PART(
    Reader, BuiltinReader, "builtin",
    "Generated opinions in our own grammar: negation, double negation, intensifiers, remarks, label noise in train only.");

}  // namespace
}  // namespace tapedeck
