// "jsonl": one JSON object per line, columns are keys. Next: reader_lines.cpp.
#include "src/data/file_reader.h"

#include <tapedeck/base/json.h>

namespace tapedeck {
namespace {

/// The value as text, as it would stand in a table; nothing for objects, arrays and null.
std::optional<std::string> scalar_text(const Json& value) {
  switch (value.kind) {
    case Json::Kind::string:
      return value.string;
    case Json::Kind::boolean:
      return value.boolean ? "true" : "false";
    case Json::Kind::integer:
    case Json::Kind::number:
      return value.dump(-1);
    default:
      return std::nullopt;
  }
}

/// The items of a list, or the keys of an object; nothing for other values and for lists of anything but text and numbers.
std::optional<std::vector<std::string>> list_of(const Json& value) {
  std::vector<std::string> all;
  for (const Json::Member& member : value.members) all.push_back(member.key);
  for (const Json& item : value.items) {
    const auto one = scalar_text(item);
    if (!one) return std::nullopt;
    all.push_back(*one);
  }
  return value.is(Json::Kind::array) || value.is(Json::Kind::object) ? std::optional(all) : std::nullopt;
}

struct JsonlReader final : FileReader {
  void describe(Fields& f) override {
    describe_files(f);
    f("columns", columns_, "which key holds what");
    describe_rows(f);
  }

 private:
  void parse(const TextFile& file, RowSink& rows) const override {
    Line line;
    for (Lines lines(file.content); !rows.full() && lines.next(line);)
      if (!trimmed(line.text).empty()) parse_line(line, rows);
  }

  void parse_line(const Line& line, RowSink& rows) const {
    Json object;
    try {
      object = parse_json(line.text, "");
    } catch (const Error& e) {  // the message is ":1:COLUMN: what"; a row is one line, so only the column is news
      return rows.bad(line.number, text("column ", e.message().substr(3)), "");
    }
    if (!object.is(Json::Kind::object)) return rows.bad(line.number, "the line is not a JSON object", "");
    Row row;
    row.line = line.number;
    const std::string text_b = columns_.text_b.value_or(""), text_c = columns_.text_c.value_or("");
    const std::string label = columns_.label.value_or("label");
    if (!take(object, columns_.text.value_or("text"), row, row.text, rows)) return;
    if (!text_b.empty() && !take(object, text_b, row, row.text_b, rows)) return;
    if (!text_c.empty() && !take(object, text_c, row, row.text_c, rows)) return;
    const Json::Member* given = object.find(label);
    const bool has_label = !label.empty() && (rows.labels_needed() || (given && !given->value.is(Json::Kind::null)));
    if (!has_label) return rows.unlabelled(std::move(row));
    if (given) row.labels = list_of(given->value);
    if (row.labels || take(object, label, row, row.label, rows)) rows.labelled(std::move(row));
  }

  /// Copies one key's value; otherwise the row is bad and false comes back.
  static bool take(const Json& object, const std::string& key, const Row& row, std::string& out, RowSink& rows) {
    const Json::Member* member = object.find(key);
    if (!member) {
      std::vector<std::string> keys;
      for (const Json::Member& m : object.members) keys.push_back(m.key);
      rows.bad(row.line, text("there is no key \"", key, "\""), text(suggestion(key, keys), "keys: ", quoted_list(keys), "; "));
      return false;
    }
    const auto value = scalar_text(member->value);
    if (value) out = *value;
    else rows.bad(row.line, text("\"", key, "\" holds no text or number"), "");
    return value.has_value();
  }
  bool pairs() const override { return !columns_.text_b.value_or("").empty(); }

  Columns columns_;
};
TAPEDECK_PART(Reader, JsonlReader, "jsonl", "One JSON object per line; columns are keys. Numbers and booleans count as text.");

}  // namespace
}  // namespace tapedeck
