// Holds CONTRIBUTING.md: what it says of adding a part is a diff that applies to the tree as it is, and of the size it says.
// Next: ../CONTRIBUTING.md.
#include <doctest/doctest.h>

#include <cstdlib>

#include "support/sources.h"

using namespace tapedeck::testing;

namespace {

struct Addition {
  const char* diff;
  size_t files, most_lines;
};
constexpr Addition additions[] = {
    {"unary_op", 1, 1},
    {"fused_op", 2, 100},
};

std::string path_of(const Addition& a) { return std::string(TAPEDECK_SOURCE_DIR "/docs/guide/extend/") + a.diff + ".diff"; }

}  // namespace

TEST_CASE("every kind of addition touches as many files as CONTRIBUTING.md says") {
  const std::string page = read_text(TAPEDECK_SOURCE_DIR "/CONTRIBUTING.md");
  for (const Addition& a : additions) {
    CAPTURE(a.diff);
    CHECK(page.find(std::string(a.diff) + ".diff") != std::string::npos);
    size_t files = 0, lines = 0;
    for (const std::string& line : lines_of(read_text(path_of(a)))) {
      files += line.starts_with("+++ ");
      lines += line.starts_with("+") && !line.starts_with("+++ ");
    }
    CHECK(files == a.files);
    CHECK(lines > 0);
    CHECK(lines <= a.most_lines);
  }
}

TEST_CASE("a task and a model are a file each, with public headers only") {
  for (const char* listing : {"task.cpp", "model.cpp"}) {
    CAPTURE(listing);
    const std::string text = read_text(std::string(TAPEDECK_SOURCE_DIR "/docs/guide/extend/") + listing);
    CHECK(lines_of(text).size() > 20);
    CHECK(lines_of(text).size() < 80);
    CHECK(text.find("#include \"") == text.npos);
  }
}

TEST_CASE("every diff of CONTRIBUTING.md applies to this tree") {
  if (std::system("git --version >/dev/null 2>&1") != 0) {
    MESSAGE("skipped: no git");
    return;
  }
  for (const Addition& a : additions) {
    CAPTURE(a.diff);
    CHECK(std::system(("cd '" TAPEDECK_SOURCE_DIR "' && git apply --check '" + path_of(a) + "'").c_str()) == 0);
  }
}
