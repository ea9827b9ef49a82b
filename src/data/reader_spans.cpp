// "spans": texts with labelled pieces, as annotation tools export them; "bio": a word and its tag per line, as CoNLL shared tasks
// publish them. Next: src/tasks/spans.cpp, which finds the tokens of a piece.
#include <tapedeck/base/json.h>

#include "src/data/file_reader.h"
#include "src/data/unicode.h"

namespace tapedeck {
namespace {

struct SpanReader final : FileReader {
  std::string text_key = "text", spans_key = "spans";
  bool inclusive = false;

  void describe(Fields& f) override {
    describe_files(f);
    f("text", text_key, "key of the text");
    f("spans", spans_key, "key of the list of {\"start\", \"end\", \"label\"}, counted in characters from 0");
    f.names("end", inclusive, {{"exclusive", false}, {"inclusive", true}},
            "exclusive: end is one past the last character; inclusive: it is the last");
    describe_rows(f, /*labels=*/false);
  }

 private:
  std::string usual_task() const override { return "spans"; }
  void parse(const TextFile& file, RowSink& rows) const override {
    Line line;
    for (Lines lines(file.content); !rows.full() && lines.next(line);)
      if (!trimmed(line.text).empty()) parse_line(line, rows);
  }

  void parse_line(const Line& line, RowSink& rows) const {
    Json object;
    try {
      object = parse_json(line.text, "");
    } catch (const Error& e) {  // ":1:COLUMN: what", of which the column is news
      return rows.bad(line.number, text("column ", e.message().substr(3)), "");
    }
    if (!object.is(Json::Kind::object)) return rows.bad(line.number, "the line is not a JSON object", "");
    const Json::Member *words = object.find(text_key), *spans = object.find(spans_key);
    if (!words || !words->value.is(Json::Kind::string))
      return rows.bad(line.number, text("there is no text under the key \"", text_key, "\""), "");
    Row row;
    row.line = line.number;
    row.text = words->value.string;
    if (!spans && rows.labels_needed()) return rows.bad(line.number, text("there is no key \"", spans_key, "\""), "");
    const bool withheld = !spans || (!rows.labels_needed() && !spans->value.is(Json::Kind::array));  // null, "", -1
    if (!withheld && !take(spans->value, row))
      return rows.bad(line.number, "a span is not {\"start\": number, \"end\": number, \"label\": text}", "");
    rows.unlabelled(std::move(row));
  }

  bool take(const Json& list, Row& row) const {
    if (!list.is(Json::Kind::array)) return false;
    row.spans.emplace();
    for (const Json& item : list.items) {
      if (!item.is(Json::Kind::object)) return false;
      const Json::Member *start = item.find("start"), *end = item.find("end"), *label = item.find("label");
      if (!start || !end || !label || !start->value.is(Json::Kind::integer) || !end->value.is(Json::Kind::integer) ||
          !label->value.is(Json::Kind::string))
        return false;
      row.spans->push_back({start->value.integer, end->value.integer + inclusive, label->value.string});
    }
    return true;
  }
};
TAPEDECK_PART(Reader, SpanReader, "spans",
              "One JSON object per line: a text and its labelled pieces, {\"start\", \"end\", \"label\"}.");

struct BioReader final : FileReader {
  int64_t tag_column = 1, longest = 1000;

  void describe(Fields& f) override {
    describe_files(f);
    f("tag", tag_column, "column of the tag, from 0; -1: the last").at_least(-1);
    f("longest", longest, "words of a text; a longer one is taken for a file whose texts are not separated").at_least(1);
    describe_rows(f, /*labels=*/false);
  }

 private:
  /// The text that is being read.
  struct Open {
    Row row;
    int64_t points = 0;  // code points of its text
    bool good = true, tagged = true;
  };

  std::string usual_task() const override { return "spans"; }
  void parse(const TextFile& file, RowSink& rows) const override {
    Open open;
    Line line;
    for (Lines lines(file.content); !rows.full() && lines.next(line);) {
      const std::vector<std::string> cells = columns(line.text);
      if (cells.empty() || cells[0] == "-DOCSTART-") finish(open, rows);
      else if (open.good) open.good = add(cells, line.number, open, rows);
    }
    if (!rows.full()) finish(open, rows);
  }

  static std::vector<std::string> columns(std::string_view line) {
    std::vector<std::string> cells;
    for (size_t at = 0; (at = line.find_first_not_of(" \t", at)) != std::string_view::npos;) {
      const size_t end = std::min(line.find_first_of(" \t", at), line.size());
      cells.emplace_back(line.substr(at, end - at));
      at = end;
    }
    return cells;
  }

  void finish(Open& open, RowSink& rows) const {
    if (!open.tagged) open.row.spans.reset(), open.row.labels.reset();
    if (open.good && !open.row.words.empty()) rows.unlabelled(std::move(open.row));
    open = {};
  }

  /// Appends a word; B- and S- begin a piece, I- and E- go on with one of the same label or begin it. False: the text is bad.
  bool add(const std::vector<std::string>& cells, int64_t line, Open& open, RowSink& rows) const {
    Row& row = open.row;
    if (row.words.empty()) row.line = line, row.spans.emplace(), row.labels.emplace();
    if (std::ssize(row.words) == longest) {
      rows.bad(row.line, text("no empty line ends the text that begins here within ", longest, " words"),
               text("put an empty line after each text, or raise \"longest\"; "));
      return false;
    }
    if (!row.words.empty()) row.text += ' ', ++open.points;
    const int64_t start = open.points;
    row.text += cells[0];
    row.words.push_back(cells[0]);
    open.points += int64_t(unicode::count(cells[0]));
    const size_t column = tag_column < 0 ? cells.size() - 1 : size_t(tag_column);
    const std::string tag = column < cells.size() && (tag_column >= 0 || cells.size() > 1) ? cells[column] : "";
    if (!rows.labels_needed() && (tag.empty() || tag == "-1")) open.tagged = false;
    return !open.tagged || take_tag(tag, start, line, open, rows);
  }

  bool take_tag(const std::string& tag, int64_t start, int64_t line, Open& open, RowSink& rows) const {
    if (tag != "O" && (tag.size() < 3 || tag[1] != '-' || std::string_view("BIES").find(tag[0]) == std::string_view::npos)) {
      rows.bad(line, text("\"", tag, "\" is not a tag such as O, B-name or I-name"), "");
      return false;
    }
    open.row.labels->push_back(tag);
    if (tag == "O") return true;
    std::vector<TextSpan>& spans = *open.row.spans;
    const std::string label = tag.substr(2);
    const bool goes_on =
        (tag[0] == 'I' || tag[0] == 'E') && !spans.empty() && spans.back().end + 1 == start && spans.back().label == label;
    if (goes_on) spans.back().end = open.points;
    else spans.push_back({start, open.points, label});
    return true;
  }
};
TAPEDECK_PART(
    Reader, BioReader, "bio",
    "A word and its BIO (or BIOES) tag per line, an empty line after each text: CoNLL columns. -DOCSTART- separates too.");

}  // namespace
}  // namespace tapedeck
