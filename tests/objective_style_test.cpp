// A training method is a page: its loss and its run are short, and they speak of passes only through the verbs of Step. So
// nothing in src/objectives (but the verbs themselves) names a model, a tape or a sweep. Next: style_test.cpp, habits of every
// file.
#include <doctest/doctest.h>

#include <iostream>
#include <regex>

#include "support/sources.h"

using namespace tapedeck::testing;

namespace {

constexpr int longest = 40;  // lines of loss or run
const std::regex method(R"(\b(Tensor|double) (\w+::)?(loss|run|term)\(Step& \w+[^)]*\)[^;]*\{)");
/// How one would reach past the verbs: into models, passes, tapes and sweeps.
const std::regex beyond(
    R"(#include ["<](models/|tapedeck/(tape/|nn/(model|transformer|text|pass))|src/(nn|tape|ops))|\b(Model|Tape|Pass|Watch)\b[ &*>]|(^|[^.\w])(gradients?|backward)\()");

/// Lines of the function that opens on lines[first], counted to the brace that closes it.
int length_of(const std::vector<std::string>& lines, size_t first) {
  int depth = 0;
  for (size_t i = first; i < lines.size(); ++i) {
    for (char c : lines[i]) depth += c == '{' ? 1 : c == '}' ? -1 : 0;
    if (depth == 0) return int(i - first) + 1;
  }
  return longest;  // never closed
}

std::vector<std::string> diagnostics(const std::string& path, const std::string& source, int& methods) {
  std::vector<std::string> found;
  const std::vector<std::string> lines = lines_of(code_of(source));
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string &code = lines[i], place = path + ":" + std::to_string(i + 1) + ": ";
    if (std::regex_search(code, beyond)) found.push_back(place + "reaches past the verbs");
    if (!std::regex_search(code, method)) continue;
    ++methods;
    if (length_of(lines, i) >= longest) found.push_back(place + std::to_string(length_of(lines, i)) + " lines");
  }
  return found;
}

struct Trial {
  const char *what, *text, *verdict;
};
const std::string long_loss = "Tensor loss(Step& step) override {\n" + std::string(45, '\n') + "}\n";
const Trial trials[] = {
    {"a page", "Tensor loss(Step& step) override {\n  return step.loss(step.forward());\n}\n", ""},
    {"one line", "double run(Step& step) override { step.backward(loss(step)); }\n", ""},
    {"too long", long_loss.c_str(), "47 lines"},
    {"a model", "#include \"models/text.h\"\n", "past the verbs"},
    {"a layer's header", "#include <tapedeck/nn/transformer.h>\n", "past the verbs"},
    {"a model by name", "void f(const Model& m);\n", "past the verbs"},
    {"a sweep of its own", "auto g = gradients(loss, x);\n", "past the verbs"},
    {"a verb", "auto g = step.backward(loss);\n", ""},
    {"a comment", "// the Model is elsewhere\n", ""},
};

}  // namespace

TEST_CASE("the habits of methods allow what they should and fail what they should") {
  for (const Trial& trial : trials) {
    CAPTURE(trial.what);
    int methods = 0;
    const auto found = diagnostics("a.cpp", trial.text, methods);
    const std::string first = found.empty() ? "" : found[0];
    if (*trial.verdict == '\0') CHECK(first == "");
    else CHECK(first.find(trial.verdict) != std::string::npos);
  }
}

TEST_CASE("every objective is a page of verbs") {
  int methods = 0, files = 0;
  for (const auto& [path, source] : read_sources({"src/objectives"}, {".cpp"})) {
    if (path.ends_with("/step.cpp") || path.ends_with("/pieces.cpp")) continue;  // the verbs
    ++files;
    for (const std::string& diagnostic : diagnostics(path, source, methods)) FAIL_CHECK(diagnostic);
  }
  CHECK(files >= 14);
  CHECK(methods >= 19);
  std::cout << "objectives: " << methods << " losses and runs in " << files << " files, each below " << longest << " lines\n";
}
