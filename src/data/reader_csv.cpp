// "csv": RFC 4180, so a field in quotes may hold commas, line breaks and doubled quotes. Next: reader_jsonl.cpp.
#include "src/data/delimited.h"

namespace tapedeck {
namespace {

struct CsvReader final : FileReader {
  void describe(Fields& f) override {
    describe_files(f);
    f("header", header_, "the first record names the columns");
    f.names("separator", separator_, {{",", ','}, {";", ';'}, {"|", '|'}, {"tab", '\t'}}, "what stands between two fields");
    f("columns", columns_, "which column holds what");
    describe_rows(f);
  }

 private:
  void parse(const TextFile& file, RowSink& rows) const override {
    parse_delimited(file, {.separator = separator_, .quotes = true, .header = header_}, columns_, rows);
  }
  bool pairs() const override { return !columns_.text_b.value_or("").empty(); }

  bool header_ = true;
  char separator_ = ',';
  Columns columns_;
};
TAPEDECK_PART(Reader, CsvReader, "csv", "Comma-separated columns with quoting as in RFC 4180; fields may span lines.");

}  // namespace
}  // namespace tapedeck
