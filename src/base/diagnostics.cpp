// Diagnostics: every mistake of an experiment file, in file order, each with its line and a caret (docs/guide/errors.md).
// Why: people fix a file faster when they see all its mistakes at once. Next: error_codes.cpp.
#include <algorithm>
#include <map>
#include <tuple>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json.h>
#include <tapedeck/base/printable.h>

namespace tapedeck {
namespace {

constexpr size_t shown_complaints = 20;
constexpr int window = 100, tab = 4;  // columns shown of a long line, columns per tab

/// A line as it appears on a terminal: one entry per column, and the column of every byte.
struct Picture {
  std::vector<std::string> columns;
  std::vector<int> column_of;  // size = bytes + 1

  explicit Picture(std::string_view line) {
    for (char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      const bool continues = (byte & 0xC0u) == 0x80u && !columns.empty();
      column_of.push_back(int(columns.size()) - continues);
      if (c == '\t') columns.insert(columns.end(), tab, " ");
      else if (continues) columns.back() += c;
      else columns.push_back(std::string(1, c));
    }
    column_of.push_back(int(columns.size()));
    for (std::string& column : columns)
      if (printable(column) != column) column = "?";
  }
  int column(int byte) const { return column_of[size_t(std::clamp(byte, 0, int(column_of.size()) - 1))]; }
};

std::string spaces(int count) { return std::string(size_t(std::max(count, 0)), ' '); }

// The bytes around a place that a window can show: a line may be as long as the file.
std::string_view surroundings(std::string_view line, size_t place, size_t& from) {
  constexpr size_t reach = 4 * size_t(window);  // a character has up to four bytes
  const auto inside = [&](size_t at) { return at < line.size() && (static_cast<unsigned char>(line[at]) & 0xC0u) == 0x80u; };
  place = std::min(place, line.size());
  from = place > reach ? place - reach : 0;
  while (inside(from)) ++from;
  size_t to = std::min(line.size(), place + reach);
  while (to > from && inside(to)) --to;
  return line.substr(from, to - from);
}

// The source line and, below it, the caret with its hint; a long line is cut to a window around the caret.
std::string excerpt(const Location& where, const std::string& hint) {
  const std::string_view line = where.source->line(where.line);
  size_t from = 0;
  const std::string_view near = surroundings(line, size_t(std::max(where.column - 1, 0)), from);
  const Picture picture(near);
  const int place = where.column - 1 - int(from);
  const int width = int(picture.columns.size());
  const int start = std::min(picture.column(place), width);
  const int marked = std::clamp(picture.column(place + std::min(where.length, 4 * window)) - start, 1, window / 2);
  const bool longer = from + near.size() < line.size();
  int first = 0, last = width;
  if (width > window) {
    first = std::clamp(start - window / 3, 0, width - window);
    last = first + window;
  }
  std::string shown;
  for (int i = first; i < last; ++i) shown += picture.columns[size_t(i)];
  const std::string number = std::to_string(where.line), cut = first > 0 || from > 0 ? "..." : "";
  const std::string gutter = spaces(int(number.size())) + " | " + spaces(int(cut.size()) + start - first);
  std::string out = "   " + number + " | " + cut + shown + (last < width || longer ? "..." : "") + "\n";
  return out + "   " + gutter + std::string(size_t(marked), '^') + (hint.empty() ? "" : " " + hint) + "\n";
}

std::string render_one(const Diagnostic& diagnostic) {
  const Location& where = diagnostic.where;
  const std::string& hint = diagnostic.hint;
  const std::string source = where.source ? printable_message(where.source->name) : "";
  std::string out = text("error ", diagnostic.code, ": ", diagnostic.message, "\n");
  if (where.source && where.source->command_line) {
    out += text("  ", source, "   (command line)", hint.empty() ? "" : "  " + hint, "\n");
  } else if (where.source && where.line > 0 && !where.source->text.empty()) {
    out += text("  ", source, ":", where.line, ":", where.column, "\n", excerpt(where, hint));
  } else {
    if (where.source) out += text("  ", source, "\n");
    if (!hint.empty()) out += text("  ", hint, "\n");
  }
  if (!diagnostic.note.empty()) out += text("  ", diagnostic.note, "\n");
  return out;
}

// Files in the order they are first complained about, the command line last; each by line and column, repeats dropped.
std::vector<Diagnostic> in_order(std::vector<Diagnostic> list) {
  std::map<const Source*, size_t> rank;
  for (const Diagnostic& c : list) rank.emplace(c.where.source.get(), rank.size());
  const auto key = [&](const Diagnostic& c) {
    const Source* source = c.where.source.get();
    return std::tuple(source && source->command_line, rank.at(source), c.where.line, c.where.column);
  };
  std::stable_sort(list.begin(), list.end(), [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
  const auto same = [&](const Diagnostic& a, const Diagnostic& b) {
    return key(a) == key(b) && a.code == b.code && a.message == b.message;
  };
  list.erase(std::unique(list.begin(), list.end(), same), list.end());
  return list;
}

}  // namespace

void Diagnostics::add(Diagnostic diagnostic) {
  for (std::string* field : {&diagnostic.message, &diagnostic.hint, &diagnostic.note}) *field = printable_message(*field);
  list_.push_back(std::move(diagnostic));
}

std::string Diagnostics::render() const {
  const std::vector<Diagnostic> list = in_order(list_);
  if (list.empty()) return "";
  std::string out;
  for (size_t i = 0; i < std::min(list.size(), shown_complaints); ++i) out += render_one(list[i]);
  if (list.size() > shown_complaints) out += text("... and ", list.size() - shown_complaints, " more\n");
  return out + text(list.size(), list.size() == 1 ? " error" : " errors", "; nothing was run (exit ",
                    exit_code(ErrorKind::config), "). More: tapedeck explain ", list.front().code);
}

void Diagnostics::raise() const { throw Error(ErrorKind::config, render()); }

}  // namespace tapedeck
