// Diagnostics: every mistake of an experiment file, in file order, each with its line and a caret (docs/guide/errors.md).
// Why: people fix a file faster when they see all its mistakes at once. Next: error_codes.cpp.
#include <algorithm>
#include <map>
#include <tuple>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json.h>

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
      else columns.push_back(byte < 0x20 || byte == 0x7F ? "?" : std::string(1, c));
    }
    column_of.push_back(int(columns.size()));
  }
  int column(int byte) const { return column_of[size_t(std::clamp(byte, 0, int(column_of.size()) - 1))]; }
};

std::string spaces(int count) { return std::string(size_t(std::max(count, 0)), ' '); }

// The source line and, below it, the caret with its hint; a long line is cut to a window around the caret.
std::string excerpt(const Location& where, const std::string& hint) {
  const Picture picture(where.source->line(where.line));
  const int width = int(picture.columns.size());
  const int start = std::min(picture.column(where.column - 1), width);
  const int marked = std::clamp(picture.column(where.column - 1 + where.length) - start, 1, window / 2);
  int first = 0, last = width;
  if (width > window) {
    first = std::clamp(start - window / 3, 0, width - window);
    last = first + window;
  }
  std::string shown;
  for (int i = first; i < last; ++i) shown += picture.columns[size_t(i)];
  const std::string number = std::to_string(where.line), cut = first > 0 ? "..." : "";
  const std::string gutter = spaces(int(number.size())) + " | " + spaces(int(cut.size()) + start - first);
  std::string out = "   " + number + " | " + cut + shown + (last < width ? "..." : "") + "\n";
  return out + "   " + gutter + std::string(size_t(marked), '^') + (hint.empty() ? "" : " " + hint) + "\n";
}

std::string render_one(const Diagnostic& diagnostic) {
  const Location& where = diagnostic.where;
  const std::string& hint = diagnostic.hint;
  std::string out = text("error ", diagnostic.code, ": ", diagnostic.message, "\n");
  if (where.source && where.source->command_line) {
    out += text("  ", where.source->name, "   (command line)", hint.empty() ? "" : "  " + hint, "\n");
  } else if (where.source && where.line > 0 && !where.source->text.empty()) {
    out += text("  ", where.source->name, ":", where.line, ":", where.column, "\n", excerpt(where, hint));
  } else {
    if (where.source) out += text("  ", where.source->name, "\n");
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

void Diagnostics::add(Diagnostic diagnostic) { list_.push_back(std::move(diagnostic)); }

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
