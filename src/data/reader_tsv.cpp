// "tsv": one row per line, fields between tabs, quotes are ordinary characters. Next: reader_csv.cpp.
#include "src/data/delimited.h"

namespace tapedeck {
namespace {

struct TsvReader final : FileReader {
  void describe(Fields& f) override {
    describe_files(f);
    f("header", header_, "the first line names the columns");
    f("columns", columns_, "which column holds what");
    describe_rows(f);
  }

 private:
  void parse(const TextFile& file, RowSink& rows) const override {
    parse_delimited(file, {.separator = '\t', .quotes = false, .header = header_}, columns_, rows);
  }
  bool pairs() const override { return !columns_.text_b.value_or("").empty(); }

  bool header_ = true;
  Columns columns_;
};
TAPEDECK_PART(Reader, TsvReader, "tsv", "Tab-separated columns without quoting: a quote is an ordinary character.");

}  // namespace
}  // namespace tapedeck
