// Records of fields, the header, and which column holds what. A quote is a quote only where the format says so: in GLUE
// files a stray one would otherwise swallow the rows behind it.
#include "src/data/delimited.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace tapedeck {
namespace {

struct Record {
  std::vector<std::string> fields;
  int64_t line = 0;
  std::string problem;  // not empty: no valid record starts at this line
};

class Records {
 public:
  Records(std::string_view content, const TableFormat& format) : rest_(content), format_(format) {}
  /// Blank lines are no records.
  bool next(Record& record) {
    while (!rest_.empty()) {
      record = {};
      record.line = line_;
      if (format_.quotes) quoted(record);
      else plain(record);
      if (!record.problem.empty() || record.fields.size() > 1 || !record.fields[0].empty()) return true;
    }
    return false;
  }

 private:
  std::string_view take_line() {
    const size_t end = rest_.find('\n');
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++line_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  void plain(Record& record) {
    const std::string_view line = take_line();
    for (size_t start = 0;;) {
      const size_t end = line.find(format_.separator, start);
      record.fields.emplace_back(line.substr(start, end - start));
      if (end == std::string_view::npos) return;
      start = end + 1;
    }
  }

  void quoted(Record& record) {
    const std::string_view begin = rest_;
    for (bool more = true; more && record.problem.empty();) {
      std::string& field = record.fields.emplace_back();
      more = rest_.starts_with('"') ? quoted_field(field, record.problem) : bare_field(field);
    }
    if (record.problem.empty()) return;
    rest_ = begin;  // go on at the next line: an open quote must not swallow the file
    line_ = record.line;
    take_line();
  }

  /// Reads up to a separator (true: another field follows) or the end of the line.
  bool bare_field(std::string& field) {
    const char stops[] = {format_.separator, '\n'};
    const size_t end = rest_.find_first_of(std::string_view(stops, 2));
    field = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end, rest_.size()));
    return finish_field(&field);
  }

  bool quoted_field(std::string& field, std::string& problem) {
    for (rest_.remove_prefix(1);;) {
      const size_t quote = rest_.find('"');
      if (quote == std::string_view::npos) {
        problem = "a quoted field is never closed";
        return false;
      }
      field += rest_.substr(0, quote);
      line_ += std::count(rest_.begin(), rest_.begin() + std::ptrdiff_t(quote), '\n');
      rest_.remove_prefix(quote + 1);
      if (!rest_.starts_with('"')) break;
      field += '"';
      rest_.remove_prefix(1);
    }
    if (rest_.starts_with("\r\n")) rest_.remove_prefix(1);
    if (rest_.empty() || rest_[0] == format_.separator || rest_[0] == '\n') return finish_field(nullptr);
    problem = "text follows the closing quote of a field";
    return false;
  }

  bool finish_field(std::string* bare) {
    if (rest_.empty() || rest_[0] == '\n') {
      if (bare && bare->ends_with('\r')) bare->pop_back();
      if (!rest_.empty()) rest_.remove_prefix(1);
      ++line_;
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view rest_;
  const TableFormat& format_;
  int64_t line_ = 1;
};

struct Layout {
  std::vector<std::string> names;  // of the header, or none
  size_t width = 0;
  int text = -1, text_b = -1, text_c = -1, label = -1;
};

/// The index of a column written as a name or an index; -1 when there is none.
int column_index(const Layout& layout, const std::string& column) {
  const auto named = std::find(layout.names.begin(), layout.names.end(), column);
  if (named != layout.names.end()) return int(named - layout.names.begin());
  int index = -1;
  const auto [end, failed] = std::from_chars(column.data(), column.data() + column.size(), index);
  const bool whole = failed == std::errc() && end == column.data() + column.size();
  return whole && index >= 0 && size_t(index) < layout.width ? index : -1;
}

int require_column(const Layout& layout, const std::string& column, int64_t line, const char* role, const RowSink& rows) {
  const int index = column_index(layout, column);
  if (index >= 0) return index;
  const std::string have = layout.names.empty() ? text("the file has ", layout.width, " columns, from 0, and no header")
                                                : text("columns: ", quoted_list(layout.names));
  const std::string none = std::string_view(role) == "label" ? "; for data without labels write \"label\": \"\"" : "";
  rows.fail(line, text("there is no column \"", column, "\""),
            text(suggestion(column, layout.names), have, "; set \"columns\": {\"", role, "\": ...}", none));
}

void check_header(const std::vector<std::string>& names, int64_t line, const RowSink& rows) {
  std::set<std::string> seen;
  for (const std::string& name : names)
    if (!name.empty() && !seen.insert(name).second)
      rows.fail(line, text("the header names column \"", name, "\" twice"), "rename one of the two columns");
}

Layout make_layout(const Record& first, const TableFormat& format, const Columns& columns, const RowSink& rows) {
  Layout layout;
  layout.width = first.fields.size();
  if (format.header) {
    for (const std::string& name : first.fields) layout.names.emplace_back(trimmed(name));
    check_header(layout.names, first.line, rows);
  }
  const auto or_default = [&](const std::optional<std::string>& column, const char* name, const char* index) {
    return column.value_or(format.header ? name : index);
  };
  const std::string label = or_default(columns.label, "label", "1");
  const std::string text_b = columns.text_b.value_or(""), text_c = columns.text_c.value_or("");
  layout.text = require_column(layout, or_default(columns.text, "text", "0"), first.line, "text", rows);
  if (!text_b.empty()) layout.text_b = require_column(layout, text_b, first.line, "text_b", rows);
  if (!text_c.empty()) layout.text_c = require_column(layout, text_c, first.line, "text_c", rows);
  if (!label.empty())
    layout.label = rows.labels_needed() ? require_column(layout, label, first.line, "label", rows) : column_index(layout, label);
  return layout;
}

}  // namespace

void parse_delimited(const TextFile& file, const TableFormat& format, const Columns& columns, RowSink& rows) {
  Records records(file.content, format);
  Record record;
  std::optional<Layout> layout;
  while (!rows.full() && records.next(record)) {
    if (!record.problem.empty()) {
      if (!layout) rows.fail(record.line, record.problem, "correct the first line: it decides the columns");
      rows.bad(record.line, record.problem, "");
      continue;
    }
    if (!layout) {
      layout = make_layout(record, format, columns, rows);
      if (format.header) continue;
    }
    if (record.fields.size() != layout->width) {
      rows.bad(record.line,
               text(record.fields.size(), record.fields.size() == 1 ? " column" : " columns", " where the ",
                    format.header ? "header" : "first row", " has ", layout->width),
               "");
      continue;
    }
    const auto field = [&](int column) { return column < 0 ? std::string() : record.fields[size_t(column)]; };
    Row row{field(layout->text), field(layout->text_b), field(layout->label), record.line, field(layout->text_c)};
    if (layout->label < 0) rows.unlabelled(std::move(row));
    else rows.labelled(std::move(row));
  }
}

std::vector<std::string> header_of(const TextFile& file, const TableFormat& format) {
  Record record;
  return Records(file.content, format).next(record) ? record.fields : std::vector<std::string>{};
}

}  // namespace tapedeck
