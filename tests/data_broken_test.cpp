// Broken data files: each ends in one data error that names file and line and says what to do; never in a crash.
#include <doctest/doctest.h>

#include "support/data_files.h"

using namespace tapedeck;
using namespace tapedeck::testing;
using namespace std::string_literals;

namespace {

struct File {
  std::string name, bytes;
};
struct Broken {
  const char* what;
  const char* data;
  std::vector<File> files;
  std::vector<std::string> message;
};

const std::vector<Broken> broken = {
    {"missing file",
     R"({"type":"tsv","train":"train.tsv"})",
     {{"trian.tsv", "x"}},
     {"train.tsv: there is no such file", "did you mean \"trian.tsv\""}},
    {"missing folder", R"({"type":"tsv","train":"no/train.tsv"})", {}, {"there is no such file", "folder", "does not exist"}},
    {"directory", R"({"type":"tsv","train":"d"})", {{"d/x", ""}}, {"/d: is a directory", "name a file inside"}},
    {"empty file", R"({"type":"tsv","train":"t"})", {{"t", ""}}, {"/t: has no rows"}},
    {"blank lines only", R"({"type":"tsv","train":"t"})", {{"t", "\n\r\n\n"}}, {"/t: has no rows"}},
    {"running text without text", R"({"type":"running_text","train":"t"})", {{"t", ""}}, {"/t: has no rows"}},
    {"running text too short to share",
     R"({"type":"running_text","train":"t","validation":"10%"})",
     {{"t", "a"}},
     {"/t: a validation share of 10% of 1 characters leaves a split empty", "choose another share"}},
    {"header only", R"({"type":"tsv","train":"t"})", {{"t", "text\tlabel\n"}}, {"/t: has no rows", "right file"}},
    {"byte-order mark only", R"({"type":"csv","train":"t"})", {{"t", "\xEF\xBB\xBF"}}, {"/t: has no rows"}},
    {"not UTF-8",
     R"({"type":"tsv","train":"t"})",
     {{"t", "text\tlabel\nok\t1\nna\xEFve\t0\n"}},
     {"/t:3: byte 18 of the file (0xEF)", "latin-1"}},
    {"UTF-8 cut short", R"({"type":"lines","train":"t"})", {{"t", "ok\nna\xC3"}}, {"/t:2: byte 5 of the file (0xC3)", "latin-1"}},
    {"UTF-8 surrogate", R"({"type":"lines","train":"t"})", {{"t", "\xED\xA0\x80"}}, {"/t:1: byte 0 of the file (0xED)"}},
    {"UTF-8 overlong", R"({"type":"lines","train":"t"})", {{"t", "a\n\xC0\xAF"}}, {"/t:2: byte 2 of the file (0xC0)"}},
    {"NUL bytes",
     R"({"type":"tsv","train":"t"})",
     {{"t", "text\tlabel\na\0b\t1\n"s}},
     {"/t:2: byte 12 of the file is NUL", "UTF-16"}},
    {"UTF-16", R"({"type":"tsv","train":"t"})", {{"t", "\xFF\xFEt\0e\0"s}}, {"/t:1: ", "UTF-16", "convert"}},
    {"gzip cut short",
     R"({"type":"lines","train":"t.gz"})",
     {{"t.gz", "\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x4c"s}},
     {"t.gz: cannot be read to its end", "damaged"}},
    {"gzip with a wrong checksum",
     R"({"type":"lines","train":"t.gz"})",
     {{"t.gz", "\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\xe4\x02\0\x01\x02\x03\x04\x02\0\0\0"s}},
     {"t.gz: cannot be read to its end", "damaged"}},
    {"no gzip at all", R"({"type":"lines","train":"t.gz"})", {{"t.gz", "plain\n"}}, {"t.gz: is not a gzip file", "rename"}},
    {"too few columns",
     R"({"type":"tsv","train":"t"})",
     {{"t", "text\tlabel\na\t1\nb\n"}},
     {"/t:3: 1 column where the header has 2", "on_bad_row"}},
    {"too many columns",
     R"({"type":"tsv","train":"t"})",
     {{"t", "text\tlabel\na\t1\t2\n"}},
     {"/t:2: 3 columns where the header has 2", "on_bad_row"}},
    {"ragged without header",
     R"({"type":"tsv","train":"t","header":false})",
     {{"t", "a\t1\nb\t1\t1\n"}},
     {"/t:2: 3 columns where the first row has 2"}},
    {"missing column",
     R"({"type":"tsv","train":"t","columns":{"text":"sentense"}})",
     {{"t", "sentence\tlabel\na\t1\n"}},
     {"/t:1: there is no column \"sentense\"", "did you mean \"sentence\"", "columns: \"sentence\", \"label\"", "\"columns\""}},
    {"missing label column",
     R"({"type":"tsv","train":"t"})",
     {{"t", "text\nx\n"}},
     {"/t:1: there is no column \"label\"", "without labels"}},
    {"index beyond the columns",
     R"({"type":"tsv","train":"t","header":false,"columns":{"text":"7"}})",
     {{"t", "a\t1\n"}},
     {"/t:1: there is no column \"7\"", "2 columns, from 0"}},
    {"name without header",
     R"({"type":"tsv","train":"t","header":false,"columns":{"text":"sentence"}})",
     {{"t", "a\t1\n"}},
     {"there is no column \"sentence\"", "no header"}},
    {"header names a column twice",
     R"({"type":"csv","train":"t"})",
     {{"t", "text,label,text\na,1,b\n"}},
     {"/t:1: the header names column \"text\" twice", "rename"}},
    {"empty label",
     R"({"type":"tsv","train":"t"})",
     {{"t", "text\tlabel\na\t1\nb\t \n"}},
     {"/t:3: the label is empty", "on_bad_row"}},
    {"undeclared label",
     R"({"type":"tsv","train":"t","labels":["positive","negative"]})",
     {{"t", "text\tlabel\na\tpositiv\n"}},
     {"/t:2: label \"positiv\" is not one of the declared", "did you mean \"positive\""}},
    {"label that is no number",
     R"({"type":"tsv","train":"t","label_type":"number"})",
     {{"t", "text\tlabel\na\t1.0\nb\tnan\n"}},
     {"/t:3: label \"nan\" is not a number"}},
    {"quote never closed",
     R"({"type":"csv","train":"t"})",
     {{"t", "text,label\na,1\n\"b,0\nc,1\n"}},
     {"/t:3: a quoted field is never closed", "on_bad_row"}},
    {"text behind a quote",
     R"({"type":"csv","train":"t"})",
     {{"t", "text,label\n\"a\"b,0\n"}},
     {"/t:2: text follows the closing quote"}},
    {"broken header of a csv",
     R"({"type":"csv","train":"t","on_bad_row":"skip"})",
     {{"t", "\"text,label\na,1\n"}},
     {"/t:1: a quoted field is never closed", "first line"}},
    {"csv record after a long field",
     R"({"type":"csv","train":"t"})",
     {{"t", "text,label\n\"a\nb\nc\",1\nd\n"}},
     {"/t:5: 1 column where the header has 2"}},
    {"broken JSON",
     R"({"type":"jsonl","train":"t"})",
     {{"t", "{\"text\":\"a\",\"label\":1}\n{\"text\":\"a\"\n"}},
     {"/t:2: column ", "on_bad_row"}},
    {"JSON that is no object", R"({"type":"jsonl","train":"t"})", {{"t", "[1,2]\n"}}, {"/t:1: the line is not a JSON object"}},
    {"JSON without the key",
     R"({"type":"jsonl","train":"t","columns":{"text":"txt"}})",
     {{"t", "{\"text\":\"a\",\"label\":1}\n"}},
     {"/t:1: there is no key \"txt\"", "did you mean \"text\"", "keys: \"text\", \"label\""}},
    {"JSON text that is a list",
     R"({"type":"jsonl","train":"t"})",
     {{"t", "{\"text\":[\"a\"],\"label\":1}\n"}},
     {"/t:1: \"text\" holds no text or number"}},
    {"JSON label null",
     R"({"type":"jsonl","train":"t"})",
     {{"t", "{\"text\":\"a\",\"label\":null}\n"}},
     {"/t:1: \"label\" holds no text or number"}},
    {"deeply nested JSON",
     R"({"type":"jsonl","train":"t"})",
     {{"t", "{\"text\":" + std::string(100000, '[') + "\n"}},
     {"/t:1: column "}},
    {"line without a space",
     R"({"type":"labelled_lines","train":"t"})",
     {{"t", "1 fine\nbroken\n"}},
     {"/t:2: no space between label and text", "one space"}},
    {"line without a label", R"({"type":"labelled_lines","train":"t"})", {{"t", " text\n"}}, {"/t:1: the label is empty"}},
    {"every row bad",
     R"({"type":"labelled_lines","train":"t","on_bad_row":"skip"})",
     {{"t", "a\nb\n"}},
     {"/t: all 2 rows are bad", "on_bad_row"}},
    {"broken validation file",
     R"({"type":"tsv","train":"t","validation":"v"})",
     {{"t", "text\tlabel\na\t1\n"}, {"v", "text\tlabel\nb\n"}},
     {"/v:2: 1 column"}},
    {"test file without labels",
     R"({"type":"tsv","train":"t","test":"v"})",
     {{"t", "text\tlabel\na\t1\n"}, {"v", "text\nb\n"}},
     {"/v:1: there is no column \"label\""}},
    {"share that leaves nothing",
     R"({"type":"tsv","train":"t","validation":"10%"})",
     {{"t", "text\tlabel\na\t1\nb\t0\n"}},
     {"/t: a validation share of 10% of 2 rows", "validation file"}},
    {"glue folder missing", R"({"type":"glue","task":"rte","dir":"RTE"})", {}, {"RTE: there is no such folder", "data.dir"}},
    {"glue file missing",
     R"({"type":"glue","task":"rte","dir":"."})",
     {{"x", ""}},
     {"no train.tsv for GLUE task \"rte\"", "accepted names"}},
    {"glue with another task's files",
     R"({"type":"glue","task":"rte","dir":"."})",
     {{"train.tsv", "sentence\tlabel\na\t1\n"}, {"dev.tsv", "x\n"}},
     {"train.tsv:1: there is no column \"sentence1\"", "columns: \"sentence\", \"label\""}},
};

}  // namespace

TEST_CASE("every broken file ends in one data error with a place and a hint") {
  CHECK(broken.size() >= 25);
  for (const Broken& row : broken) {
    CAPTURE(row.what);
    const TempFolder folder;
    for (const File& file : row.files) put(folder, file.name, file.bytes);
    const auto reader = make_part<Reader>(row.data, folder.path());
    try {
      reader->read(root_key(1));
      FAIL_CHECK("no error");
    } catch (const Error& e) {
      CHECK(exit_code(e.kind()) == 4);
      CHECK_FALSE(e.hint().empty());
      CAPTURE(e.what());
      for (const std::string& part : row.message) CHECK_MESSAGE(std::string(e.what()).find(part) != std::string::npos, part);
    }
  }
}

TEST_CASE("random damage to a good file ends in rows or in a data error") {
  const struct {
    const char *options, *bytes;
  } files[] = {
      {R"({"type":"tsv","train":"t"})", "text\tlabel\ngood \"film\"\t1\nb\xC3\xA9\t0\n"},
      {R"({"type":"csv","train":"t"})", "text,label\r\n\"a, \"\"b\"\"\nc\",1\r\nd,0\r\n"},
      {R"({"type":"csv","train":"t","on_bad_row":"skip"})", "text,label\n\"a\"\"\",1\n\"d\",0\n\"e\",1\n"},
      {R"({"type":"jsonl","train":"t"})", "{\"text\":\"a\\u00e9\",\"label\":1}\n{\"text\":\"b\",\"label\":0.5e3}\n"},
      {R"({"type":"labelled_lines","train":"t"})", "1 good film\n0 bad\n"},
      {R"({"type":"lines","train":"t.gz"})", "\x1f\x8b"},
  };
  const TempFolder folder;
  int rows = 0, errors = 0;
  for (const auto& file : files) {
    const auto reader = make_part<Reader>(file.options, folder.path());
    for (uint64_t trial = 0; trial < 150; ++trial) {
      const Key key = root_key(7) / file.options / trial;
      std::string bytes = file.bytes;
      for (uint64_t hit = 0; hit <= random_below(key, 0, 4); ++hit) {
        const uint64_t at = random_below(key, 3 * hit + 1, bytes.size() + 1);
        const auto spice = "\"\t,\n\r\\{}[: \0\xFF\xC3x"s;
        if (random_below(key, 3 * hit + 2, 3) == 0) bytes.erase(at, 1);
        else bytes.insert(at, 1, spice[random_below(key, 3 * hit + 3, spice.size())]);
      }
      put(folder, std::string(file.options).find("t.gz") == std::string::npos ? "t" : "t.gz", bytes);
      try {
        rows += !reader->read({}).train.rows.empty();
      } catch (const Error& e) {
        ++errors;
        CHECK_MESSAGE(e.kind() == ErrorKind::data, e.what());
        CHECK_FALSE(e.hint().empty());
      }
    }
  }
  CHECK(rows > 90);
  CHECK(errors > 90);
}
