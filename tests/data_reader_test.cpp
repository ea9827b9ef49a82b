// Readers: what each format accepts, how splits are cut, what a single file may lack. Next: data_broken_test.cpp.
#include <zlib.h>

#include <algorithm>

#include <doctest/doctest.h>

#include "support/data_files.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

std::string gzip(const TempFolder& folder, const std::string& bytes) {
  const std::string path = folder / "packed.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), unsigned(bytes.size()));
  gzclose(file);
  const std::string packed = read_raw(path);
  std::filesystem::remove(path);
  return packed;
}

/// "label|text|text_b@line" of every row, joined by " / ".
std::string show(const Table& table) {
  std::string out;
  for (const Row& row : table.rows)
    out += text(out.empty() ? "" : " / ", row.label, "|", row.text, row.text_b.empty() ? "" : "|" + row.text_b, "@", row.line);
  return out;
}

struct File {
  std::string name, bytes;
  bool packed = false;
};
void write_all(const TempFolder& folder, const std::vector<File>& files) {
  for (const File& file : files) put(folder, file.name, file.packed ? gzip(folder, file.bytes) : file.bytes);
}

struct Good {
  const char* what;
  const char* data;
  std::vector<File> files;
  const char* rows;
};

const std::vector<Good> good = {
    {"tsv with header",
     R"({"type":"tsv","train":"t"})",
     {{"t", "text\tlabel\ngood film\t1\nbad\t0\n"}},
     "1|good film@2 / 0|bad@3"},
    {"tsv: quotes are ordinary",
     R"({"type":"tsv","train":"t"})",
     {{"t", "text\tlabel\n\"half quote\t1\nb\"\"\t0\n"}},
     "1|\"half quote@2 / 0|b\"\"@3"},
    {"tsv: byte-order mark, CRLF",
     R"({"type":"tsv","train":"t"})",
     {{"t", "\xEF\xBB\xBFtext\tlabel\r\na\t1\r\nb\t0\r\n"}},
     "1|a@2 / 0|b@3"},
    {"tsv: no final line break", R"({"type":"tsv","train":"t"})", {{"t", "text\tlabel\na\t1\nb\t0"}}, "1|a@2 / 0|b@3"},
    {"tsv: blank lines, empty text", R"({"type":"tsv","train":"t"})", {{"t", "text\tlabel\n\na\t1\n\t0\n\n"}}, "1|a@3 / 0|@4"},
    {"tsv: columns by name",
     R"({"type":"tsv","train":"t","columns":{"text":"s1","text_b":"s2","label":"y"}})",
     {{"t", "y\tid\ts1\ts2\n1\tx\ta\tb\n"}},
     "1|a|b@2"},
    {"tsv: columns by index",
     R"({"type":"tsv","train":"t","header":false,"columns":{"text":"3","label":"1"}})",
     {{"t", "gj04\t1\t\tThe sailors.\ngj04\t0\t*\tSailors the.\n"}},
     "1|The sailors.@1 / 0|Sailors the.@2"},
    {"tsv: no header, defaults", R"({"type":"tsv","train":"t","header":false})", {{"t", "a b\tx\nc\ty\n"}}, "x|a b@1 / y|c@2"},
    {"tsv: without labels", R"({"type":"tsv","train":"t","columns":{"label":""}})", {{"t", "text\nonly\n"}}, "|only@2"},
    {"tsv: labels lose outer blanks, text keeps them",
     R"({"type":"tsv","train":"t"})",
     {{"t", "text\t label\n a \t 1 \n"}},
     "1| a @2"},
    {"tsv: Latin-1", R"({"type":"tsv","train":"t","encoding":"latin-1"})", {{"t", "text\tlabel\ncaf\xE9\t1\n"}}, "1|café@2"},
    {"tsv: gzip", R"({"type":"tsv","train":"t.gz"})", {{"t.gz", "text\tlabel\na\t1\n", true}}, "1|a@2"},
    {"tsv: bad rows skipped",
     R"({"type":"tsv","train":"t","on_bad_row":"skip"})",
     {{"t", "text\tlabel\na\nb\t1\nc\t\nd\t0\te\n"}},
     "1|b@3"},
    {"tsv: limit", R"({"type":"tsv","train":"t","limit":1})", {{"t", "text\tlabel\na\t1\nbroken\n"}}, "1|a@2"},
    {"csv: quotes, commas, doubled quotes",
     R"({"type":"csv","train":"t"})",
     {{"t", "text,label\n\"a, \"\"b\"\"\",1\n\"\",0\nplain \"x\",1\n"}},
     "1|a, \"b\"@2 / 0|@3 / 1|plain \"x\"@4"},
    {"csv: a field over several lines",
     R"({"type":"csv","train":"t"})",
     {{"t", "text,label\r\n\"one\r\ntwo\",1\r\nx,0\r\n"}},
     "1|one\r\ntwo@2 / 0|x@4"},
    {"csv: semicolons, no final line break",
     R"({"type":"csv","train":"t","separator":";"})",
     {{"t", "text;label\na,b;\"1\""}},
     "1|a,b@2"},
    {"csv: bad record skipped, the rest kept",
     R"({"type":"csv","train":"t","on_bad_row":"skip"})",
     {{"t", "text,label\na,1\n\"never closed,1\nb,0\n"}},
     "1|a@2 / 0|b@4"},
    {"jsonl",
     R"({"type":"jsonl","train":"t","columns":{"text_b":"b"}})",
     {{"t", "{\"text\":\"a\\u00e9\\n\",\"b\":\"c\",\"label\":1}\n\n{\"label\":true,\"b\":2.5,\"text\":\"d\"}"}},
     "1|aé\n|c@1 / true|d|2.5@3"},
    {"labelled lines",
     R"({"type":"labelled_lines","train":"t"})",
     {{"t", "1 good film\n0  two blanks\n1 \n"}},
     "1|good film@1 / 0| two blanks@2 / 1|@3"},
    {"lines", R"({"type":"lines","train":"t"})", {{"t", "one\n\n two \nthree"}}, "|one@1 / | two @3 / |three@4"},
    {"running text keeps every byte",
     R"({"type":"running_text","train":"t"})",
     {{"t", "one\n\n two \r\nthree\n"}},
     "|one\n\n two \r\nthree\n@1"},
    {"numbers as labels",
     R"({"type":"tsv","train":"t","label_type":"number"})",
     {{"t", "text\tlabel\na\t-1.5e0\nb\t+3\n"}},
     "-1.5e0|a@2 / +3|b@3"},
    {"glue by name, gzip",
     R"({"type":"glue","task":"sst2","dir":"."})",
     {{"train.tsv.gz", "sentence\tlabel\ngood \t1\n", true},
      {"dev.tsv", "sentence\tlabel\nb\t0\n"},
      {"test.tsv", "index\tsentence\n0\tc\n"}},
     "1|good @2"},
    {"glue cola without header",
     R"({"type":"glue","task":"cola","dir":"."})",
     {{"train.tsv", "gj04\t1\t\tFine.\n"}, {"dev.tsv", "gj04\t0\t*\tNot.\n"}, {"test.tsv", "index\tsentence\n0\tc\n"}},
     "1|Fine.@1"},
    {"glue qnli columns",
     R"({"type":"glue","task":"qnli","dir":"."})",
     {{"train.tsv", "index\tquestion\tsentence\tlabel\n0\tq\ts\tentailment\n"},
      {"dev.tsv", "index\tquestion\tsentence\tlabel\n0\tq\ts\tnot_entailment\n"}},
     "entailment|q|s@2"},
};

}  // namespace

TEST_CASE("every format reads what it promises") {
  for (const Good& row : good) {
    CAPTURE(row.what);
    const TempFolder folder;
    write_all(folder, row.files);
    const auto reader = make_part<Reader>(row.data, folder.path());
    Splits splits;
    REQUIRE_NOTHROW(splits = reader->read(root_key(1)));
    CHECK(show(splits.train) == row.rows);
  }
}

TEST_CASE("skipped rows are counted, glue knows pairs, order and regression") {
  const TempFolder folder;
  put(folder, "t", "text\tlabel\na\nb\t1\nc\t\n");
  CHECK(make_part<Reader>(R"({"type":"tsv","train":"t","on_bad_row":"skip"})", folder.path())->read({}).train.skipped == 2);
  const std::string rows = "index\tsentence1\tsentence2\tscore\n0\ta\tb\t2.5\n";
  for (const char* name : {"train.tsv", "dev.tsv"}) put(folder, name, rows);
  const Splits stsb = make_part<Reader>(R"({"type":"glue","task":"stsb","dir":"."})", folder.path())->read({});
  CHECK(stsb.pairs);
  CHECK(stsb.task == "regression");
  CHECK(stsb.test.rows.empty());
}

TEST_CASE("a validation share is drawn by key alone and takes nothing away") {
  const TempFolder folder;
  std::string bytes = "text\tlabel\n";
  for (int i = 0; i < 200; ++i) bytes += text("row ", i, "\t", i % 2, "\n");
  put(folder, "t", bytes);
  const auto reader = make_part<Reader>(R"({"type":"tsv","train":"t","validation":"12.5%"})", folder.path());
  const Splits one = reader->read(root_key(1)), again = reader->read(root_key(1)), other = reader->read(root_key(2));
  CHECK(one.validation.rows.size() == 25);
  CHECK(one.train.rows.size() == 175);
  CHECK(show(one.validation) == show(again.validation));
  CHECK(show(one.validation) != show(other.validation));
  std::vector<int64_t> lines;
  for (const Table* table : {&one.train, &one.validation}) {
    CHECK(std::is_sorted(table->rows.begin(), table->rows.end(), [](auto& a, auto& b) { return a.line < b.line; }));
    for (const Row& row : table->rows) lines.push_back(row.line);
  }
  std::sort(lines.begin(), lines.end());
  CHECK(std::adjacent_find(lines.begin(), lines.end()) == lines.end());
  CHECK(reader->files() == std::vector<std::string>{folder / "t"});
  Fields fields;
  CHECK(write_fields(*reader).find("validation")->value.string == "12.5%");
  for (const char* share : {"0%", "100%", "150%"})
    CHECK_THROWS_AS(make_part<Reader>(text(R"({"type":"tsv","train":"t","validation":")", share, "\"}"), folder.path())->read({}),
                    Error);
}

TEST_CASE("the validation share of running text is its end, counted in characters") {
  struct {
    const char *bytes, *share, *train, *validation;
  } const cuts[] = {
      {"ab\ncd\nefgh", "30%", "|ab\ncd\ne@1", "|fgh@3"},
      {"é日本語x", "20%", "|é日本語@1", "|x@1"},
      {"0123456789a", "10%", "|012345678@1", "|9a@1"},  // train is rounded down
  };
  for (const auto& cut : cuts) {
    const TempFolder folder;
    put(folder, "t", cut.bytes);
    const auto reader =
        make_part<Reader>(text(R"({"type":"running_text","train":"t","validation":")", cut.share, "\"}"), folder.path());
    const Splits one = reader->read(root_key(1)), other = reader->read(root_key(2));
    CHECK(show(one.train) == cut.train);
    CHECK(show(one.validation) == cut.validation);
    CHECK(show(other.validation) == cut.validation);
    CHECK(one.task == "language_model");
    CHECK_FALSE(one.stride);
  }
}

TEST_CASE("a single file may lack labels") {
  const TempFolder folder;
  struct {
    const char *data, *bytes, *rows;
  } const files[] = {
      {R"({"type":"tsv","train":"t"})", "text\nonly text\n", "|only text@2"},
      {R"({"type":"tsv","train":"t"})", "text\tlabel\na\t\nb\t1\n", "|a@2 / 1|b@3"},
      {R"({"type":"tsv","train":"t","header":false})", "a\nb\n", "|a@1 / |b@2"},
      {R"({"type":"jsonl","train":"t"})", "{\"text\":\"a\"}\n", "|a@1"},
      {R"({"type":"labelled_lines","train":"t"})", " a\n1 b\n", "|a@1 / 1|b@2"},
      {R"({"type":"running_text","train":"t"})", "a\nb\n", "|a\nb\n@1"},
      {R"({"type":"builtin"})", "a fine day\na bad day\tnegative\n", "|a fine day@1 / negative|a bad day@2"},
  };
  for (const auto& file : files)
    CHECK(show(make_part<Reader>(file.data, folder.path())->read_file(put(folder, "t", file.bytes))) == file.rows);
}

TEST_CASE("a line of 10 MB is a line") {
  const TempFolder folder;
  const std::string longest(10 << 20, 'x');
  put(folder, "t", "1 short\n0 " + longest + "\n1 after");
  const Splits splits = make_part<Reader>(R"({"type":"labelled_lines","train":"t"})", folder.path())->read({});
  REQUIRE(splits.train.rows.size() == 3);
  CHECK(splits.train.rows[1].text.size() == longest.size());
  CHECK(splits.train.rows[2].line == 3);
}
