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
      const bool two = space != std::string_view::npos;
      Row row{std::string(line.text.substr(two ? space + 1 : 0)), "", std::string(line.text.substr(0, two ? space : 0)),
              line.number};
      if (!rows.labels_needed() && !(two && rows.may_be_label(row)))
        rows.unlabelled({std::string(line.text), "", "", line.number});
      else if (!two) rows.bad(line.number, "no space between label and text", "a line is the label, one space, the text; ");
      else rows.labelled(std::move(row));
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
