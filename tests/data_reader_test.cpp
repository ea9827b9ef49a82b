// Readers: what each format accepts, and 40 broken files that must each end in one message with a place and a remedy.
#include <zlib.h>

#include <algorithm>

#include <doctest/doctest.h>

#include "support/data_files.h"

using namespace tapedeck;
using namespace tapedeck::testing;
using namespace std::string_literals;

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

struct File { std::string name, bytes; bool packed = false; };
void write_all(const TempFolder& folder, const std::vector<File>& files) {
  for (const File& file : files) put(folder, file.name, file.packed ? gzip(folder, file.bytes) : file.bytes);
}

struct Good { const char* what; const char* data; std::vector<File> files; const char* rows; };

const std::vector<Good> good = {
    {"tsv with header", R"({"type":"tsv","train":"t"})", {{"t", "text\tlabel\ngood film\t1\nbad\t0\n"}}, "1|good film@2 / 0|bad@3"},
    {"tsv: quotes are ordinary", R"({"type":"tsv","train":"t"})", {{"t", "text\tlabel\n\"half quote\t1\nb\"\"\t0\n"}}, "1|\"half quote@2 / 0|b\"\"@3"},
    {"tsv: byte-order mark, CRLF", R"({"type":"tsv","train":"t"})", {{"t", "\xEF\xBB\xBFtext\tlabel\r\na\t1\r\nb\t0\r\n"}}, "1|a@2 / 0|b@3"},
    {"tsv: no final line break", R"({"type":"tsv","train":"t"})", {{"t", "text\tlabel\na\t1\nb\t0"}}, "1|a@2 / 0|b@3"},
    {"tsv: blank lines, empty text", R"({"type":"tsv","train":"t"})", {{"t", "text\tlabel\n\na\t1\n\t0\n\n"}}, "1|a@3 / 0|@4"},
    {"tsv: columns by name", R"({"type":"tsv","train":"t","columns":{"text":"s1","text_b":"s2","label":"y"}})",
     {{"t", "y\tid\ts1\ts2\n1\tx\ta\tb\n"}}, "1|a|b@2"},
    {"tsv: columns by index", R"({"type":"tsv","train":"t","header":false,"columns":{"text":"3","label":"1"}})",
     {{"t", "gj04\t1\t\tThe sailors.\ngj04\t0\t*\tSailors the.\n"}}, "1|The sailors.@1 / 0|Sailors the.@2"},
    {"tsv: no header, defaults", R"({"type":"tsv","train":"t","header":false})", {{"t", "a b\tx\nc\ty\n"}}, "x|a b@1 / y|c@2"},
    {"tsv: without labels", R"({"type":"tsv","train":"t","columns":{"label":""}})", {{"t", "text\nonly\n"}}, "|only@2"},
    {"tsv: labels lose outer blanks, text keeps them", R"({"type":"tsv","train":"t"})", {{"t", "text\t label\n a \t 1 \n"}}, "1| a @2"},
    {"tsv: Latin-1", R"({"type":"tsv","train":"t","encoding":"latin-1"})", {{"t", "text\tlabel\ncaf\xE9\t1\n"}}, "1|café@2"},
    {"tsv: gzip", R"({"type":"tsv","train":"t.gz"})", {{"t.gz", "text\tlabel\na\t1\n", true}}, "1|a@2"},
    {"tsv: bad rows skipped", R"({"type":"tsv","train":"t","on_bad_row":"skip"})", {{"t", "text\tlabel\na\nb\t1\nc\t\nd\t0\te\n"}}, "1|b@3"},
    {"tsv: limit", R"({"type":"tsv","train":"t","limit":1})", {{"t", "text\tlabel\na\t1\nbroken\n"}}, "1|a@2"},
    {"csv: quotes, commas, doubled quotes", R"({"type":"csv","train":"t"})",
     {{"t", "text,label\n\"a, \"\"b\"\"\",1\n\"\",0\nplain \"x\",1\n"}}, "1|a, \"b\"@2 / 0|@3 / 1|plain \"x\"@4"},
    {"csv: a field over several lines", R"({"type":"csv","train":"t"})", {{"t", "text,label\r\n\"one\r\ntwo\",1\r\nx,0\r\n"}}, "1|one\r\ntwo@2 / 0|x@4"},
    {"csv: semicolons, no final line break", R"({"type":"csv","train":"t","separator":";"})", {{"t", "text;label\na,b;\"1\""}}, "1|a,b@2"},
    {"csv: bad record skipped, the rest kept", R"({"type":"csv","train":"t","on_bad_row":"skip"})",
     {{"t", "text,label\na,1\n\"never closed,1\nb,0\n"}}, "1|a@2 / 0|b@4"},
    {"jsonl", R"({"type":"jsonl","train":"t","columns":{"text_b":"b"}})",
     {{"t", "{\"text\":\"a\\u00e9\\n\",\"b\":\"c\",\"label\":1}\n\n{\"label\":true,\"b\":2.5,\"text\":\"d\"}"}}, "1|aé\n|c@1 / true|d|2.5@3"},
    {"labelled lines", R"({"type":"labelled_lines","train":"t"})", {{"t", "1 good film\n0  two blanks\n1 \n"}}, "1|good film@1 / 0| two blanks@2 / 1|@3"},
    {"lines", R"({"type":"lines","train":"t"})", {{"t", "one\n\n two \nthree"}}, "|one@1 / | two @3 / |three@4"},
    {"numbers as labels", R"({"type":"tsv","train":"t","label_type":"number"})", {{"t", "text\tlabel\na\t-1.5e0\nb\t+3\n"}}, "-1.5e0|a@2 / +3|b@3"},
    {"glue by name, gzip", R"({"type":"glue","task":"sst2","dir":"."})",
     {{"train.tsv.gz", "sentence\tlabel\ngood \t1\n", true}, {"dev.tsv", "sentence\tlabel\nb\t0\n"}, {"test.tsv", "index\tsentence\n0\tc\n"}}, "1|good @2"},
    {"glue cola without header", R"({"type":"glue","task":"cola","dir":"."})",
     {{"train.tsv", "gj04\t1\t\tFine.\n"}, {"dev.tsv", "gj04\t0\t*\tNot.\n"}, {"test.tsv", "index\tsentence\n0\tc\n"}}, "1|Fine.@1"},
    {"glue qnli columns", R"({"type":"glue","task":"qnli","dir":"."})",
     {{"train.tsv", "index\tquestion\tsentence\tlabel\n0\tq\ts\tentailment\n"}, {"dev.tsv", "index\tquestion\tsentence\tlabel\n0\tq\ts\tnot_entailment\n"}},
     "entailment|q|s@2"},
};

struct Broken { const char* what; const char* data; std::vector<File> files; std::vector<std::string> message; };

const std::vector<Broken> broken = {
    {"missing file", R"({"type":"tsv","train":"train.tsv"})", {{"trian.tsv", "x"}}, {"train.tsv: there is no such file", "did you mean \"trian.tsv\""}},
    {"missing folder", R"({"type":"tsv","train":"no/train.tsv"})", {}, {"there is no such file", "folder", "does not exist"}},
    {"directory", R"({"type":"tsv","train":"d"})", {{"d/x", ""}}, {"/d: is a directory", "name a file inside"}},
    {"empty file", R"({"type":"tsv","train":"t"})", {{"t", ""}}, {"/t: has no rows"}},
    {"blank lines only", R"({"type":"tsv","train":"t"})", {{"t", "\n\r\n\n"}}, {"/t: has no rows"}},
    {"header only", R"({"type":"tsv","train":"t"})", {{"t", "text\tlabel\n"}}, {"/t: has no rows", "right file"}},
    {"byte-order mark only", R"({"type":"csv","train":"t"})", {{"t", "\xEF\xBB\xBF"}}, {"/t: has no rows"}},
    {"not UTF-8", R"({"type":"tsv","train":"t"})", {{"t", "text\tlabel\nok\t1\nna\xEFve\t0\n"}}, {"/t:3: byte 18 of the file (0xEF)", "latin-1"}},
    {"UTF-8 cut short", R"({"type":"lines","train":"t"})", {{"t", "ok\nna\xC3"}}, {"/t:2: byte 5 of the file (0xC3)", "latin-1"}},
    {"UTF-8 surrogate", R"({"type":"lines","train":"t"})", {{"t", "\xED\xA0\x80"}}, {"/t:1: byte 0 of the file (0xED)"}},
    {"UTF-8 overlong", R"({"type":"lines","train":"t"})", {{"t", "a\n\xC0\xAF"}}, {"/t:2: byte 2 of the file (0xC0)"}},
    {"NUL bytes", R"({"type":"tsv","train":"t"})", {{"t", "text\tlabel\na\0b\t1\n"s}}, {"/t:2: byte 12 of the file is NUL", "UTF-16"}},
    {"UTF-16", R"({"type":"tsv","train":"t"})", {{"t", "\xFF\xFEt\0e\0"s}}, {"/t:1: ", "UTF-16", "convert"}},
    {"gzip cut short", R"({"type":"lines","train":"t.gz"})", {{"t.gz", "\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x4c"s}}, {"t.gz: cannot be read to its end", "damaged"}},
    {"gzip with a wrong checksum", R"({"type":"lines","train":"t.gz"})",
     {{"t.gz", "\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\xe4\x02\0\x01\x02\x03\x04\x02\0\0\0"s}}, {"t.gz: cannot be read to its end", "damaged"}},
    {"no gzip at all", R"({"type":"lines","train":"t.gz"})", {{"t.gz", "plain\n"}}, {"t.gz: is not a gzip file", "rename"}},
    {"too few columns", R"({"type":"tsv","train":"t"})", {{"t", "text\tlabel\na\t1\nb\n"}}, {"/t:3: 1 column where the header has 2", "on_bad_row"}},
    {"too many columns", R"({"type":"tsv","train":"t"})", {{"t", "text\tlabel\na\t1\t2\n"}}, {"/t:2: 3 columns where the header has 2", "on_bad_row"}},
    {"ragged without header", R"({"type":"tsv","train":"t","header":false})", {{"t", "a\t1\nb\t1\t1\n"}}, {"/t:2: 3 columns where the first row has 2"}},
    {"missing column", R"({"type":"tsv","train":"t","columns":{"text":"sentense"}})", {{"t", "sentence\tlabel\na\t1\n"}},
     {"/t:1: there is no column \"sentense\"", "did you mean \"sentence\"", "columns: \"sentence\", \"label\"", "\"columns\""}},
    {"missing label column", R"({"type":"tsv","train":"t"})", {{"t", "text\nx\n"}}, {"/t:1: there is no column \"label\"", "without labels"}},
    {"index beyond the columns", R"({"type":"tsv","train":"t","header":false,"columns":{"text":"7"}})", {{"t", "a\t1\n"}},
     {"/t:1: there is no column \"7\"", "2 columns, from 0"}},
    {"name without header", R"({"type":"tsv","train":"t","header":false,"columns":{"text":"sentence"}})", {{"t", "a\t1\n"}}, {"there is no column \"sentence\"", "no header"}},
    {"header names a column twice", R"({"type":"csv","train":"t"})", {{"t", "text,label,text\na,1,b\n"}}, {"/t:1: the header names column \"text\" twice", "rename"}},
    {"empty label", R"({"type":"tsv","train":"t"})", {{"t", "text\tlabel\na\t1\nb\t \n"}}, {"/t:3: the label is empty", "on_bad_row"}},
    {"undeclared label", R"({"type":"tsv","train":"t","labels":["positive","negative"]})", {{"t", "text\tlabel\na\tpositiv\n"}},
     {"/t:2: label \"positiv\" is not one of the declared", "did you mean \"positive\""}},
    {"label that is no number", R"({"type":"tsv","train":"t","label_type":"number"})", {{"t", "text\tlabel\na\t1.0\nb\tnan\n"}}, {"/t:3: label \"nan\" is not a number"}},
    {"quote never closed", R"({"type":"csv","train":"t"})", {{"t", "text,label\na,1\n\"b,0\nc,1\n"}}, {"/t:3: a quoted field is never closed", "on_bad_row"}},
    {"text behind a quote", R"({"type":"csv","train":"t"})", {{"t", "text,label\n\"a\"b,0\n"}}, {"/t:2: text follows the closing quote"}},
    {"broken header of a csv", R"({"type":"csv","train":"t","on_bad_row":"skip"})", {{"t", "\"text,label\na,1\n"}}, {"/t:1: a quoted field is never closed", "first line"}},
    {"csv record after a long field", R"({"type":"csv","train":"t"})", {{"t", "text,label\n\"a\nb\nc\",1\nd\n"}}, {"/t:5: 1 column where the header has 2"}},
    {"broken JSON", R"({"type":"jsonl","train":"t"})", {{"t", "{\"text\":\"a\",\"label\":1}\n{\"text\":\"a\"\n"}}, {"/t:2: column ", "on_bad_row"}},
    {"JSON that is no object", R"({"type":"jsonl","train":"t"})", {{"t", "[1,2]\n"}}, {"/t:1: the line is not a JSON object"}},
    {"JSON without the key", R"({"type":"jsonl","train":"t","columns":{"text":"txt"}})", {{"t", "{\"text\":\"a\",\"label\":1}\n"}},
     {"/t:1: there is no key \"txt\"", "did you mean \"text\"", "keys: \"text\", \"label\""}},
    {"JSON text that is a list", R"({"type":"jsonl","train":"t"})", {{"t", "{\"text\":[\"a\"],\"label\":1}\n"}}, {"/t:1: \"text\" holds no text or number"}},
    {"JSON label null", R"({"type":"jsonl","train":"t"})", {{"t", "{\"text\":\"a\",\"label\":null}\n"}}, {"/t:1: \"label\" holds no text or number"}},
    {"deeply nested JSON", R"({"type":"jsonl","train":"t"})", {{"t", "{\"text\":" + std::string(100000, '[') + "\n"}}, {"/t:1: column "}},
    {"line without a space", R"({"type":"labelled_lines","train":"t"})", {{"t", "1 fine\nbroken\n"}}, {"/t:2: no space between label and text", "one space"}},
    {"line without a label", R"({"type":"labelled_lines","train":"t"})", {{"t", " text\n"}}, {"/t:1: the label is empty"}},
    {"every row bad", R"({"type":"labelled_lines","train":"t","on_bad_row":"skip"})", {{"t", "a\nb\n"}}, {"/t: all 2 rows are bad", "on_bad_row"}},
    {"broken validation file", R"({"type":"tsv","train":"t","validation":"v"})", {{"t", "text\tlabel\na\t1\n"}, {"v", "text\tlabel\nb\n"}}, {"/v:2: 1 column"}},
    {"test file without labels", R"({"type":"tsv","train":"t","test":"v"})", {{"t", "text\tlabel\na\t1\n"}, {"v", "text\nb\n"}}, {"/v:1: there is no column \"label\""}},
    {"share that leaves nothing", R"({"type":"tsv","train":"t","validation":"10%"})", {{"t", "text\tlabel\na\t1\nb\t0\n"}}, {"/t: a validation share of 10% of 2 rows", "validation file"}},
    {"glue folder missing", R"({"type":"glue","task":"rte","dir":"RTE"})", {}, {"RTE: there is no such folder", "data.dir"}},
    {"glue file missing", R"({"type":"glue","task":"rte","dir":"."})", {{"x", ""}}, {"no train.tsv for GLUE task \"rte\"", "accepted names"}},
    {"glue with another task's files", R"({"type":"glue","task":"rte","dir":"."})", {{"train.tsv", "sentence\tlabel\na\t1\n"}, {"dev.tsv", "x\n"}},
     {"train.tsv:1: there is no column \"sentence1\"", "columns: \"sentence\", \"label\""}},
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

TEST_CASE("every broken file ends in one data error with a place and a remedy") {
  CHECK(broken.size() >= 25);
  for (const Broken& row : broken) {
    CAPTURE(row.what);
    const TempFolder folder;
    write_all(folder, row.files);
    const auto reader = make_part<Reader>(row.data, folder.path());
    try {
      reader->read(root_key(1));
      FAIL_CHECK("no error");
    } catch (const Error& e) {
      CHECK(exit_code(e.kind()) == 4);
      CHECK_FALSE(e.remedy().empty());
      CAPTURE(e.what());
      for (const std::string& part : row.message) CHECK_MESSAGE(std::string(e.what()).find(part) != std::string::npos, part);
    }
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
  CHECK(stsb.regression);
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
    CHECK_THROWS_AS(make_part<Reader>(text(R"({"type":"tsv","train":"t","validation":")", share, "\"}"), folder.path())->read({}), Error);
}

TEST_CASE("a single file may lack labels") {
  const TempFolder folder;
  struct { const char *data, *bytes, *rows; } const files[] = {
      {R"({"type":"tsv","train":"t"})", "text\nonly text\n", "|only text@2"},
      {R"({"type":"tsv","train":"t"})", "text\tlabel\na\t\nb\t1\n", "|a@2 / 1|b@3"},
      {R"({"type":"tsv","train":"t","header":false})", "a\nb\n", "|a@1 / |b@2"},
      {R"({"type":"jsonl","train":"t"})", "{\"text\":\"a\"}\n", "|a@1"},
      {R"({"type":"labelled_lines","train":"t"})", " a\n1 b\n", "|a@1 / 1|b@2"},
      {R"({"type":"builtin"})", "a fine day\na bad day\tnegative\n", "|a fine day@1 / negative|a bad day@2"},
  };
  for (const auto& file : files) CHECK(show(make_part<Reader>(file.data, folder.path())->read_file(put(folder, "t", file.bytes))) == file.rows);
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
