// Holds the habits of every file: a short opening comment, no notes to self, no paths of one machine, parts that parse
// where JSON is promised. Long files and lines are printed, never failed. Next: floors_test.cpp.
#include <doctest/doctest.h>

#include <cctype>
#include <iostream>
#include <nlohmann/json.hpp>
#include <regex>

#include "support/sources.h"

using namespace tapedeck::testing;

namespace {

constexpr int longest_opening = 3;                    // comment lines
constexpr size_t soft_file = 300, soft_header = 150;  // lines, reported
constexpr size_t soft_line = 130;                     // bytes, reported

/// Spelled in halves, so that this file passes its own check. Whole words, any case.
const std::string notes_to_self[] = {
    "TO"
    "DO",
    "FIX"
    "ME",
    "XX"
    "X",
    "HA"
    "CK"};
const std::string machine_paths[] = {
    "/ro"
    "ot/",
    "/ho"
    "me/",
    "/wo"
    "rk/",
    "/Us"
    "ers/"};

bool is_word_part(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

bool has_word(const std::string& line, const std::string& word) {
  const auto same = [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; };
  for (auto at = line.begin(); (at = std::search(at, line.end(), word.begin(), word.end(), same)) != line.end(); ++at) {
    const auto end = at + std::ptrdiff_t(word.size());
    if ((at == line.begin() || !is_word_part(*(at - 1))) && (end == line.end() || !is_word_part(*end))) return true;
  }
  return false;
}

/// Ends at the first line without a comment or with an empty one: a contract may follow there.
int opening_comment(const std::vector<std::string>& lines) {
  int count = 0;
  while (size_t(count) < lines.size() && lines[size_t(count)].starts_with("// ")) ++count;
  return count;
}

std::vector<std::string> diagnostics(const std::string& path, const std::string& text) {
  std::vector<std::string> found;
  const std::vector<std::string> lines = lines_of(text);
  const int opening = opening_comment(lines);
  if (opening == 0) found.push_back(path + ": no opening comment");
  if (opening > longest_opening) found.push_back(path + ": an opening comment of " + std::to_string(opening) + " lines");
  if (!text.empty() && text.back() != '\n') found.push_back(path + ": no line break at the end");
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    const std::string place = path + ":" + std::to_string(i + 1) + ": ";
    if (line.find('\t') != line.npos) found.push_back(place + "a tab");
    if (!line.empty() && line.back() == ' ') found.push_back(place + "a space at the end");
    for (const std::string& word : notes_to_self)
      if (has_word(line, word)) found.push_back(place + "a note to self");
    for (const std::string& folder : machine_paths)
      if (line.find(folder) != line.npos) found.push_back(place + "a path of one machine");
  }
  return found;
}

/// "Next: a.cpp, b.h (why)." of an opening comment: names of files that are neither beside `path` nor in its room nor below the
/// root.
std::vector<std::string> lost_pointers(const std::string& path, const std::string& text) {
  namespace fs = std::filesystem;
  const std::vector<std::string> lines = lines_of(text);
  std::string opening;
  for (int i = 0; i < opening_comment(lines); ++i) opening += lines[size_t(i)].substr(2);
  const size_t next = opening.find("Next: ");
  if (next == opening.npos) return {};
  const fs::path root = TAPEDECK_SOURCE_DIR, folder = fs::path(path).parent_path();
  const std::string room = folder.filename();
  static const std::regex name(R"([\w./]*\w\.(h|cpp|md|txt|json|py|sh|cmake)\b)");
  std::vector<std::string> lost;
  for (std::sregex_iterator i(opening.begin() + std::ptrdiff_t(next), opening.end(), name), end; i != end; ++i) {
    const fs::path places[] = {folder, "", "src", "include/tapedeck", "src/" + room, "include/tapedeck/" + room};
    if (std::ranges::none_of(places, [&](const fs::path& place) { return fs::exists(root / place / i->str()); }))
      lost.push_back(path + ": Next: " + i->str() + " does not exist");
  }
  return lost;
}

Sources project_code() { return read_sources({"kernels", "include", "src", "models", "tests"}, {".h", ".cpp"}); }

struct Trial {
  const char *what, *text, *verdict;
};

const std::string note = "// a\n// " + notes_to_self[0] + ": later\n", path = "// a\nopen(\"" + machine_paths[0] + "x\");\n";
const Trial trials[] = {
    {"a tidy file", "// What it is.\nint a;\n", ""},
    {"three lines of opening", "// a\n// b\n// c\n\n// more\nint a;\n", ""},
    {"a contract below the opening", "// a\n// b\n// c\n//\n// more\n// and more\nint a;\n", ""},
    {"four lines of opening", "// a\n// b\n// c\n// d\nint a;\n", "opening comment of 4 lines"},
    {"no opening", "int a;\n", "no opening comment"},
    {"a note", note.c_str(), "a.cpp:2: a note to self"},
    {"a machine's path", path.c_str(), "a.cpp:2: a path of one machine"},
    {"a tab", "// a\n\tint a;\n", "a tab"},
    {"a trailing space", "// a\nint a; \n", "a space at the end"},
    {"no last line break", "// a\nint a;", "no line break"},
};

TEST_CASE("each habit allows what it should and fails what it should") {
  for (const Trial& trial : trials) {
    CAPTURE(std::string(trial.what));
    const std::vector<std::string> found = diagnostics("a.cpp", trial.text);
    const std::string first = found.empty() ? "" : found[0];
    if (*trial.verdict == '\0') CHECK(first == "");
    else CHECK_MESSAGE(first.find(trial.verdict) != std::string::npos, "expected: " << trial.verdict << ", got: " << first);
  }
  CHECK(has_word("a " + notes_to_self[3], notes_to_self[3]));
  CHECK_FALSE(has_word("s" + notes_to_self[3] + "s", notes_to_self[3]));
}

TEST_CASE("every source file keeps the habits") {
  const Sources sources = project_code();
  REQUIRE(sources.size() > 50);
  for (const auto& source : sources)
    for (const std::string& diagnostic : diagnostics(source.first, source.second)) FAIL_CHECK(diagnostic);
}

TEST_CASE("where to read on is a file that exists") {
  CHECK(lost_pointers("src/base/a.cpp", "// A.\n// Next: json.cpp (why),\n// tests/floors_test.cpp.\nint a;\n").empty());
  CHECK(lost_pointers("src/base/a.cpp", "// Next: no_such_file.cpp.\n").size() == 1);
  for (const auto& source : project_code())
    for (const std::string& lost : lost_pointers(source.first, source.second)) FAIL_CHECK(lost);
}

TEST_CASE("every committed JSON file outside configs/ parses") {
  Sources files = read_sources({"tests/golden"}, {".json"});
  files["CMakePresets.json"] = read_text(TAPEDECK_SOURCE_DIR "/CMakePresets.json");
  for (const auto& file : files) {
    CAPTURE(file.first);
    CHECK(nlohmann::json::accept(file.second));
  }
}

TEST_CASE("long files and lines are reported") {
  size_t long_lines = 0;
  for (const auto& source : project_code()) {
    const std::vector<std::string> lines = lines_of(source.second);
    const size_t cap = source.first.ends_with(".h") ? soft_header : soft_file;
    if (lines.size() > cap) std::cout << "long: " << source.first << ": " << lines.size() << " lines, soft cap " << cap << '\n';
    for (const std::string& line : lines) long_lines += line.size() > soft_line;
  }
  if (long_lines > 0) std::cout << "long: " << long_lines << " lines above " << soft_line << " bytes\n";
  CHECK(lines_of("a\nb\n\nc").size() == 4);
}

}  // namespace
