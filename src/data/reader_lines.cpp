// "labelled_lines" and "lines": the plainest formats, with and without a label in front. Next: reader_glue.cpp.
#include "src/data/file_reader.h"

namespace tapedeck {
namespace {

struct LabelledLinesReader final : FileReader {
  void describe(Fields& f) override {
    describe_files(f);
    describe_rows(f);
  }

 private:
  void parse(const TextFile& file, RowSink& rows) const override {
    Line line;
    for (Lines lines(file.content); !rows.full() && lines.next(line);) {
      if (line.text.empty()) continue;
      const size_t space = line.text.find(' ');
      if (space == std::string_view::npos) {
        rows.bad(line.number, "no space between label and text", "a line is the label, one space, the text; ");
        continue;
      }
      rows.labelled({std::string(line.text.substr(space + 1)), "", std::string(line.text.substr(0, space)), line.number});
    }
  }
};
TAPEDECK_PART(Reader, LabelledLinesReader, "labelled_lines", "Lines of label, one space, text; split at the first space.");

struct LinesReader final : FileReader {
  void describe(Fields& f) override {
    describe_files(f);
    describe_rows(f, /*labels=*/false);
  }

 private:
  void parse(const TextFile& file, RowSink& rows) const override {
    Line line;
    for (Lines lines(file.content); !rows.full() && lines.next(line);)
      if (!trimmed(line.text).empty()) rows.unlabelled({std::string(line.text), "", "", line.number});
  }
};
TAPEDECK_PART(Reader, LinesReader, "lines", "Plain text without labels, one text per line; blank lines are left out.");

}  // namespace
}  // namespace tapedeck
