// Holds the house rule of floors.txt: parses every #include of the project and fails on an upward or circular edge.
// A table of small fake sources shows that each rule can fail. Next: floors.txt, support/sources.h.
#include <doctest/doctest.h>

#include <set>
#include <sstream>

#include "support/sources.h"

using namespace tapedeck::testing;

namespace {

using Words = std::vector<std::string>;

struct Only {
  Words paths;
  std::string text;
};
struct Rules {
  std::map<std::string, int> floors;     // name -> number
  std::map<std::string, int> beside;     // folder -> highest floor whose public headers it includes
  std::map<std::string, Words> kernels;  // floor name -> what it may include of kernels/
  Words hidden, never;
  std::vector<Only> only;
};

Words words_of(const std::string& line) {
  std::istringstream stream(line);
  Words words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

Rules read_rules(const std::string& text) {
  Rules rules;
  for (const std::string& line : lines_of(text)) {
    const size_t colon = line.find(" : ");
    Words words = words_of(line.substr(0, colon));
    if (words.empty() || words[0][0] == '#') continue;
    const std::string rule = words[0];
    words.erase(words.begin());
    if (rule == "floor") rules.floors[words.at(1)] = std::stoi(words.at(0));
    else if (rule == "beside") rules.beside[words.at(0)] = std::stoi(words.at(1));
    else if (rule == "kernels") rules.kernels[words.at(0)] = {words.begin() + 1, words.end()};
    else if (rule == "hidden") rules.hidden = words;
    else if (rule == "never") rules.never.push_back(line.substr(6));
    else if (rule == "only") rules.only.push_back({words, line.substr(colon + 3)});
    else FAIL("floors.txt: unknown rule: " << line);
  }
  return rules;
}

/// `allowed` is a path, or a folder or header prefix that ends in /.
bool covers(const std::string& allowed, const std::string& path) {
  return path == allowed || (allowed.back() == '/' && path.starts_with(allowed));
}
bool any_covers(const Words& allowed, const std::string& path) {
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& entry) { return covers(entry, path); });
}

std::string floor_name(const std::string& path) {
  if (path.starts_with("kernels/")) return "kernels";
  for (const std::string folder : {"src/", "include/tapedeck/"})
    if (path.starts_with(folder)) return path.substr(folder.size(), path.find('/', folder.size()) - folder.size());
  return "";
}

struct Include {
  std::string path;
  int line;
  bool ours;
};  // a header of another project keeps the path as written

std::vector<Include> includes_of(const std::string& path, const std::string& code, const Sources& sources) {
  namespace fs = std::filesystem;
  std::vector<Include> includes;
  int number = 0;
  for (const std::string& line : lines_of(code)) {
    ++number;
    const Words words = words_of(line.substr(0, line.find_first_of("\"<")));
    if (words != Words{"#include"} && words != Words{"#", "include"}) continue;
    const size_t open = line.find_first_of("\"<"), close = line.find_first_of("\">", open + 1);
    const std::string written = line.substr(open + 1, close - open - 1);
    Include include{written, number, false};
    for (const std::string& candidate :
         {(fs::path(path).parent_path() / written).lexically_normal().string(), written, "include/" + written})
      if (sources.contains(candidate)) {
        include = {candidate, number, true};
        break;
      }
    includes.push_back(include);
  }
  return includes;
}

/// The diagnostic about one include, or nothing.
std::string judge(const Rules& rules, const std::string& from, const Include& include) {
  const bool from_public = from.starts_with("include/"), to_public = include.path.starts_with("include/");
  if (!include.ours) return from_public && any_covers(rules.hidden, include.path) ? "a public header shows a hidden library" : "";
  std::string outer, home;  // of the folders around `from`, the first and the innermost one
  for (const auto& [folder, highest] : rules.beside) {
    if (include.path.starts_with(folder) && !from.starts_with(folder)) return "nobody includes " + folder;
    if (!from.starts_with(folder)) continue;
    home = folder;  // sorted: an inner folder follows the one that holds it
    if (outer.empty()) outer = folder;
  }
  if (!home.empty()) {
    if (include.path.starts_with(outer)) return "";
    if (!to_public) return home + " includes public headers only";
    return rules.floors.at(floor_name(include.path)) > rules.beside.at(home) ? home + " looks above its floor" : "";
  }
  const std::string here = floor_name(from), there = floor_name(include.path);
  if (!rules.floors.contains(here) || !rules.floors.contains(there)) return "a folder that is no floor";
  if (rules.floors.at(there) > rules.floors.at(here)) return "upward include";
  if (there == "kernels" && here != "kernels") {
    const auto allowed = rules.kernels.find(here);
    if (allowed == rules.kernels.end() || !any_covers(allowed->second, include.path)) return "this floor may not include it";
  }
  return from_public && !to_public ? "a public header includes a private one" : "";
}

using Edges = std::map<std::string, std::vector<std::string>>;

/// Removes files that include nothing that is left, until only cycles (and what leads to them) remain.
std::set<std::string> circular(Edges edges) {
  for (bool removed = true; removed;) {
    removed = std::erase_if(edges, [&](const auto& file) {
                return std::none_of(file.second.begin(), file.second.end(), [&](const auto& to) { return edges.contains(to); });
              }) > 0;
  }
  std::set<std::string> files;
  for (const auto& [file, to] : edges) files.insert(file);
  return files;
}

std::vector<std::string> diagnostics(const Rules& rules, const Sources& sources) {
  std::vector<std::string> found;
  Edges edges;
  for (const auto& [path, text] : sources) {
    const std::string code = code_of(text);
    for (const Include& include : includes_of(path, code, sources)) {
      if (include.ours) edges[path].push_back(include.path);
      const std::string verdict = judge(rules, path, include);
      if (!verdict.empty()) found.push_back(path + ":" + std::to_string(include.line) + ": " + include.path + ": " + verdict);
    }
    int number = 0;
    for (const std::string& line : lines_of(code)) {
      ++number;
      const std::string place = path + ":" + std::to_string(number) + ": ";
      for (const std::string& text_never : rules.never)
        if (line.find(text_never) != line.npos) found.push_back(place + text_never + " is not for this project");
      for (const Only& only : rules.only)
        if (line.find(only.text) != line.npos && !any_covers(only.paths, path))
          found.push_back(place + only.text + " has its own place");
    }
  }
  for (const std::string& file : circular(edges)) found.push_back(file + ": circular include, or it leads to one");
  return found;
}

Rules project_rules() { return read_rules(read_text(TAPEDECK_SOURCE_DIR "/tests/floors.txt")); }
Sources project_sources() { return read_sources({"kernels", "include", "src", "models"}, {".h", ".cpp"}); }

/// Small sources on trial stand in this house, whose files are empty.
const Sources house = {{"kernels/kernels.h", ""},
                       {"kernels/philox.h", ""},
                       {"kernels/dispatch.h", ""},
                       {"models/b.h", ""},
                       {"include/tapedeck/base/b.h", ""},
                       {"include/tapedeck/ops/b.h", ""},
                       {"include/tapedeck/data/b.h", ""},
                       {"include/tapedeck/objectives/b.h", ""},
                       {"src/nn/b.h", ""},
                       {"src/train/b.h", ""}};

struct Trial {
  const char* what;
  Sources sources;
  const char* verdict;
};  // verdict: part of the diagnostic, "" if allowed

const Trial trials[] = {
    {"a floor includes a lower one", {{"src/ops/a.cpp", "#include <tapedeck/base/b.h>\n"}}, ""},
    {"a floor includes a higher one", {{"src/base/a.cpp", "#include <tapedeck/ops/b.h>"}}, "a.cpp:1: include/tapedeck/ops/b.h: "},
    {"a private header, upward", {{"src/nn/a.h", "\n#  include \"src/train/b.h\""}}, "src/nn/a.h:2: src/train/b.h: upward"},
    {"a private header, by a climbing path", {{"src/nn/a.h", "#include \"../train/b.h\""}}, "src/train/b.h: upward"},
    {"a neighbour by its short name", {{"src/nn/a.cpp", "#include \"b.h\"\n"}}, ""},
    {"an include inside a comment", {{"src/base/a.cpp", "// #include <tapedeck/ops/b.h>\n/*\n#include \"src/nn/b.h\" */"}}, ""},
    {"an include inside a raw string", {{"src/base/a.cpp", "auto s = R\"x(\n#include <tapedeck/ops/b.h>\n)x\";"}}, ""},
    {"two headers include each other", {{"src/nn/c.h", "#include \"d.h\""}, {"src/nn/d.h", "#include \"c.h\""}}, "circular"},
    {"a circle of three",
     {{"src/nn/c.h", "#include \"d.h\""}, {"src/nn/d.h", "#include \"e.h\""}, {"src/nn/e.h", "#include \"c.h\""}},
     "circular"},
    {"a diamond is no circle", {{"src/nn/c.h", "#include \"d.h\"\n#include \"b.h\""}, {"src/nn/d.h", "#include \"b.h\""}}, ""},
    {"ops use kernels", {{"src/ops/a.cpp", "#include \"kernels/kernels.h\""}}, ""},
    {"layers use kernels", {{"src/nn/a.cpp", "#include \"kernels/kernels.h\""}}, "may not include it"},
    {"random keys use Philox", {{"src/base/a.cpp", "#include \"kernels/philox.h\""}}, ""},
    {"random keys use the table", {{"src/base/a.cpp", "#include \"kernels/kernels.h\""}}, "may not include it"},
    {"the trainer dispatches", {{"src/train/a.cpp", "#include \"kernels/dispatch.h\""}}, "may not include it"},
    {"a kernel looks up", {{"kernels/a.cpp", "#include <tapedeck/base/b.h>"}}, "upward include"},
    {"a model on public headers", {{"models/custom/a.cpp", "#include <tapedeck/objectives/b.h>\n#include \"models/b.h\""}}, ""},
    {"a model reads data", {{"models/a.cpp", "#include <tapedeck/data/b.h>"}}, "looks above its floor"},
    {"a reader of one's own", {{"models/custom/a.cpp", "#include <tapedeck/data/b.h>"}}, ""},
    {"a model opens what is one's own",
     {{"models/a.cpp", "#include \"models/custom/b.h\""}, {"models/custom/b.h", ""}},
     "nobody includes"},
    {"one's own opens src", {{"models/custom/a.cpp", "#include \"src/nn/b.h\""}}, "public headers only"},
    {"a model opens src", {{"models/a.cpp", "#include \"src/nn/b.h\""}}, "public headers only"},
    {"a floor opens a model", {{"src/train/a.cpp", "#include \"models/b.h\""}}, "nobody includes models/"},
    {"a public header shows JSON", {{"include/tapedeck/base/a.h", "#include <nlohmann/json.hpp>"}}, "hidden library"},
    {"a source uses JSON", {{"src/base/a.cpp", "#include <nlohmann/json.hpp>"}}, ""},
    {"a public header opens src", {{"include/tapedeck/nn/a.h", "#include \"src/nn/b.h\""}}, "includes a private one"},
    {"a folder of its own", {{"src/misc/a.cpp", "#include <tapedeck/base/b.h>"}}, "no floor"},
    {"a parallel region of OpenMP's", {{"kernels/a.cpp", "#pragma omp parallel for"}}, "kernels/a.cpp:1: #pragma omp parallel"},
    {"a thread upstairs", {{"src/ops/a.cpp", "std::thread t;"}}, "std::thread has its own place"},
    {"a parallel region upstairs", {{"src/ops/a.cpp", "x;\n#pragma omp parallel"}}, "src/ops/a.cpp:2: #pragma omp parallel"},
    {"simd in a kernel", {{"kernels/a.cpp", "#pragma omp simd"}}, ""},
    {"simd upstairs", {{"src/ops/a.cpp", "#pragma omp simd"}}, "#pragma omp has its own place"},
    {"the words in a string", {{"src/ops/a.cpp", "auto s = \"#pragma omp parallel std::shuffle\";"}}, ""},
    {"a library's normal", {{"src/data/a.cpp", "int n = 1'000;\nstd::normal_distribution<> d;"}}, "a.cpp:2: _distribution"},
    {"a library's shuffle", {{"src/data/a.cpp", "char c = '\"'; std::shuffle(a, b, c);"}}, "std::shuffle"},
    {"a flag for numbers", {{"src/train/a.cpp", "if (data.regression) f();"}}, ".regression is not for"},
    {"a task by its name", {{"src/objectives/a.cpp", "if (task->name == n) f();"}}, "->name == has its own place"},
    {"BLAS upstairs", {{"src/ops/a.cpp", "#include <cblas.h>"}}, "#include <cblas.h> has its own place"},
    {"fmt below the tool", {{"src/train/a.cpp", "#include <fmt/core.h>"}}, "#include <fmt/ has its own place"},
};

TEST_CASE("each rule allows what it should and fails what it should") {
  const Rules rules = project_rules();
  for (const Trial& trial : trials) {
    CAPTURE(std::string(trial.what));
    Sources sources = trial.sources;
    sources.insert(house.begin(), house.end());
    const std::vector<std::string> found = diagnostics(rules, sources);
    const std::string first = found.empty() ? "" : found[0];
    if (*trial.verdict == '\0') CHECK(first == "");
    else CHECK_MESSAGE(first.find(trial.verdict) != std::string::npos, "expected: " << trial.verdict << ", got: " << first);
  }
}

TEST_CASE("the house has the floors of its plan, and every folder is one of them") {
  const Rules rules = project_rules();
  CHECK(rules.floors.size() == 18);
  for (const auto& source : project_sources()) {
    const std::string& path = source.first;
    CAPTURE(path);
    CHECK((path.starts_with("models/") || rules.floors.contains(floor_name(path))));
  }
}

TEST_CASE("no file of the project breaks a rule") {
  const Sources sources = project_sources();
  REQUIRE(sources.size() > 50);
  for (const std::string& diagnostic : diagnostics(project_rules(), sources)) FAIL_CHECK(diagnostic);
}

}  // namespace
