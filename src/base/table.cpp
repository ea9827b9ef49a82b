// Widths are counted in characters, not in bytes. Next: include/tapedeck/base/words.h.
#include <tapedeck/base/table.h>

#include <algorithm>

namespace tapedeck {
namespace {

size_t width(std::string_view text) {
  return size_t(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
}

}  // namespace

std::string table(const TableRows& rows, std::string_view sides) {
  std::vector<size_t> widths;
  for (auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], width(row[k]));
  }
  std::string out;
  for (auto& row : rows) {
    std::string line;
    for (size_t k = 0; k < row.size(); ++k) {
      const std::string space(widths[k] - width(row[k]), ' ');
      if (k) line += "  ";
      line += sides[std::min(k, sides.size() - 1)] == 'r' ? space + row[k] : row[k] + space;
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

}  // namespace tapedeck
