// The book's listings are what its commands print: every ```console block of docs/book/ is run and compared. Written anew with
// TAPEDECK_WRITE_PAGES=1. Next: extend_test.cpp for the tutorials.
#include <doctest/doctest.h>

#include <cstdlib>
#include <sstream>

#include "support/process.h"
#include "support/sources.h"

using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

const fs::path book = fs::path(TAPEDECK_SOURCE_DIR) / "docs/book";

/// "tapedeck explain gelu" or "first_tape"; its output with spaces at line ends removed.
std::string output_of(const std::string& command) {
  std::istringstream stream(command);
  std::string program;
  stream >> program;
  std::vector<std::string> arguments;
  for (std::string word; stream >> word;) arguments.push_back(word);
  if (program != "tapedeck" && program != "first_tape") return "the book does not run \"" + program + "\"\n";
  const Finished finished = run_tool(arguments, {.program = program == "tapedeck" ? TAPEDECK_BINARY : TAPEDECK_FIRST_TAPE});
  return finished.exit_code == 0 ? finished.out : "exit code " + std::to_string(finished.exit_code) + "\n" + finished.err;
}

/// The page with every block made anew: "```console", "$ COMMAND", the output, "```".
std::string run_again(const std::string& page, int& blocks) {
  std::string out;
  const std::vector<std::string> lines = lines_of(page);
  for (size_t i = 0; i < lines.size(); ++i) {
    out += lines[i] + "\n";
    if (lines[i] != "```console" || i + 1 == lines.size() || !lines[i + 1].starts_with("$ ")) continue;
    ++blocks;
    const std::string command = lines[++i].substr(2);
    out += lines[i] + "\n" + output_of(command) + "```\n";
    while (i + 1 < lines.size() && lines[i] != "```") ++i;
  }
  return out;
}

}  // namespace

TEST_CASE("every listing of the book is what its command prints") {
#if defined(__clang__)
  MESSAGE("skipped: clang computes the operands of a - b in another order than gcc, so rows are numbered otherwise");
  return;
#endif
  int pages = 0, blocks = 0;
  for (const auto& entry : fs::directory_iterator(book)) {
    if (entry.path().extension() != ".md") continue;
    ++pages;
    CAPTURE(entry.path().filename().string());
    const std::string page = read_text(entry.path()), again = run_again(page, blocks);
    if (std::getenv("TAPEDECK_WRITE_PAGES")) write_raw(entry.path().string(), again);
    const std::vector<std::string> was = lines_of(page), is = lines_of(again);
    for (size_t i = 0; i < std::max(was.size(), is.size()); ++i) {
      const std::string a = i < was.size() ? was[i] : "(the page ends)", b = i < is.size() ? is[i] : "(the output ends)";
      if (a == b) continue;
      FAIL_CHECK("line " << i + 1 << " of the page: " << a << "\n  the command prints: " << b << "\n  TAPEDECK_WRITE_PAGES=1 book_test writes it");
      break;
    }
  }
  CHECK(pages >= 3);
  CHECK(blocks >= 5);
}

TEST_CASE("the standalone example stays short and says in the book what it prints") {
  CHECK(lines_of(read_text(book / "first_tape.cpp")).size() < 80);
}

TEST_CASE("a listing that is out of date is noticed") {
  int blocks = 0;
  const std::string page = "a\n```console\n$ first_tape\nnothing\n```\nb\n", again = run_again(page, blocks);
  CHECK(blocks == 1);
  CHECK(again != page);
  CHECK(again.starts_with("a\n```console\n$ first_tape\ny = x^2"));
  CHECK(again.ends_with("```\nb\n"));
  CHECK(run_again(again, blocks) == again);
  CHECK(run_again("```console\n$ rm x\n```\n", blocks).find("does not run") != std::string::npos);
}
