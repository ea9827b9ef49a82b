// Tables for people: columns of UTF-8 text, aligned. Next: src/base/table.cpp.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tapedeck {

using TableRows = std::vector<std::vector<std::string>>;
/// sides: 'l' or 'r' for each column, the last one for those beyond. No line ends in spaces.
std::string table(const TableRows& rows, std::string_view sides);

}  // namespace tapedeck
