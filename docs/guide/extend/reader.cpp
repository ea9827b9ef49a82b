// colon_lines: lines of "label: text". Blank lines are left out; anything else is an error that names the file and the line.
#include <filesystem>
#include <fstream>

#include <tapedeck/base/error.h>
#include <tapedeck/data/reader.h>

namespace tapedeck {
namespace {

struct ColonLines final : Reader {
  Path train, validation, test;

  void describe(Fields& f) override {
    f("train", train, "file with the training examples").required();
    f("validation", validation, "file that chooses the best checkpoint");
    f("test", test, "file that is looked at once, at the end");
  }
  Splits read(Key) const override {               // the key would draw a random split
    Splits splits;
    splits.train = read_table(train.path, true);
    if (validation) splits.validation = read_table(validation.path, true);
    if (test) splits.test = read_table(test.path, true);
    return splits;
  }
  Table read_file(const std::string& path) const override { return read_table(path, false); }
  std::vector<std::string> files() const override {
    std::vector<std::string> all;
    for (const Path* path : {&train, &validation, &test}) if (*path) all.push_back(path->path);
    return all;
  }

 private:
  static Table read_table(const std::string& path, bool needs_labels) {
    std::ifstream file(path);
    if (!std::filesystem::is_regular_file(path) || !file)
      throw Error(ErrorKind::data, path + ": cannot be read", "is the path right? relative ones start at the experiment's folder");
    Table table{path, {}, 0};
    int64_t number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      if (line.empty()) continue;
      const size_t colon = line.find(": ");
      if (colon == line.npos && needs_labels)
        throw Error(ErrorKind::data, text(path, ":", number, ": no \": \" between label and text"), "a line is: label, colon, space, text");
      const std::string label = colon == line.npos ? "" : line.substr(0, colon);
      table.rows.push_back({line.substr(colon == line.npos ? 0 : colon + 2), "", label, number});
    }
    return table;
  }
};
TAPEDECK_PART(Reader, ColonLines, "colon_lines", "Lines of label, colon, space, text.");

}  // namespace
}  // namespace tapedeck
