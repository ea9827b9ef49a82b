// The project's own sources as data: their paths and texts, with and without comments and strings. Used by the tests
// that hold the house rules. Next: ../floors_test.cpp, ../style_test.cpp.
#pragma once
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tapedeck::testing {

using Sources = std::map<std::string, std::string>;  // path relative to the checkout -> text

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Every file below `folders` of the checkout whose extension is listed.
inline Sources read_sources(const std::vector<std::string>& folders, const std::vector<std::string>& extensions) {
  namespace fs = std::filesystem;
  Sources sources;
  const fs::path root = TAPEDECK_SOURCE_DIR;
  for (const std::string& folder : folders) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension();
      if (entry.is_regular_file() && std::find(extensions.begin(), extensions.end(), extension) != extensions.end())
        sources[fs::relative(entry.path(), root)] = read_text(entry.path());
    }
  }
  return sources;
}

inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// Where the comment, string or character literal that starts at `at` ends (exclusive); `at` itself if none starts there.
/// The path of an #include is no literal, and neither is a digit separator.
inline size_t end_of_quiet_part(std::string_view code, size_t at) {
  const auto after = [&](std::string_view mark, size_t from) {
    const size_t found = code.find(mark, from);
    return found == code.npos ? code.size() : found + mark.size();
  };
  if (code.substr(at, 2) == "//") return std::min(code.find('\n', at), code.size());
  if (code.substr(at, 2) == "/*") return after("*/", at + 2);
  if (code.substr(at, 2) == "R\"") {
    const size_t open = code.find('(', at);
    return open == code.npos ? code.size() : after(")" + std::string(code.substr(at + 2, open - at - 2)) + "\"", open);
  }
  const char quote = code[at];
  if (quote != '"' && quote != '\'') return at;
  if (quote == '\'' && at > 0 && std::isalnum(static_cast<unsigned char>(code[at - 1]))) return at;
  const size_t line = at == 0 ? 0 : code.rfind('\n', at - 1) + 1;  // npos + 1 is the start of the text
  const std::string_view before = code.substr(line, at - line);
  if (before.find('#') != before.npos && before.find("include") != before.npos) return at;
  size_t end = at + 1;
  while (end < code.size() && code[end] != quote && code[end] != '\n') end += code[end] == '\\' ? 2 : 1;
  return std::min(end + 1, code.size());
}

/// The text with comments and literals blanked; line breaks stay, so line numbers hold.
inline std::string code_of(std::string_view text) {
  std::string code(text);
  for (size_t at = 0; at < text.size();) {
    const size_t end = end_of_quiet_part(text, at);
    for (size_t i = at; i < end; ++i)
      if (code[i] != '\n') code[i] = ' ';
    at = std::max(end, at + 1);
  }
  return code;
}

}  // namespace tapedeck::testing
