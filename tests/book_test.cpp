// The book's listings are what its commands print: every ```console block of docs/book/ is run and compared. Written anew with
// TAPEDECK_WRITE_PAGES=1. Next: extend_test.cpp for the tutorials.
#include <doctest/doctest.h>

#include <cstdlib>
#include <regex>
#include <sstream>

#include "support/process.h"
#include "support/sources.h"

using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

const fs::path book = fs::path(TAPEDECK_SOURCE_DIR) / "docs/book";

/// A file of docs/book/ is a program of that name.
bool is_program(const std::string& name) { return fs::exists(book / (name + ".cpp")); }

/// What differs between releases is shown as ~: the hash of an experiment with all its defaults.
std::string without_hash(const std::string& text) {
  return std::regex_replace(text, std::regex("config_hash [0-9a-f]+"), "config_hash ~");
}

/// The output of "tapedeck explain gelu" or "first_tape", run in the checkout.
std::string output_of(const std::string& command) {
  std::istringstream stream(command);
  std::string program;
  stream >> program;
  std::vector<std::string> arguments;
  for (std::string word; stream >> word; arguments.push_back(word)) std::erase(word, '\'');  // quotes are for the shell
  if (program != "tapedeck" && !is_program(program)) return "the book does not run \"" + program + "\"\n";
  const std::string path = program == "tapedeck" ? TAPEDECK_BINARY : TAPEDECK_BOOK_PROGRAMS + program;
  const Finished finished = run_tool(arguments, {.program = path, .directory = TAPEDECK_SOURCE_DIR});
  return finished.exit_code == 0 ? without_hash(finished.out)
                                 : "exit code " + std::to_string(finished.exit_code) + "\n" + finished.err;
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

std::string flush_left(const std::string& code) {
  std::string out;
  for (const std::string& line : lines_of(code)) out += line.substr(std::min(line.find_first_not_of(' '), line.size())) + "\n";
  return out;
}

/// The texts of the files that a page names in its line "Source: `a`, `b`.", indentation removed.
std::string sources_of(const std::string& page) {
  std::string all;
  for (const std::string& line : lines_of(page)) {
    if (!line.starts_with("Source: ")) continue;
    for (size_t at = line.find('`'); at != line.npos; at = line.find('`', line.find('`', at + 1) + 1)) {
      const fs::path file = fs::path(TAPEDECK_SOURCE_DIR) / line.substr(at + 1, line.find('`', at + 1) - at - 1);
      CHECK_MESSAGE(fs::exists(file), "no such source: " << file);
      all += flush_left(read_text(file));
    }
  }
  return all;
}

/// Every ```cpp block of a page.
std::vector<std::string> cpp_blocks(const std::string& page) {
  std::vector<std::string> blocks;
  for (size_t at = page.find("```cpp\n"); at != page.npos; at = page.find("```cpp\n", at + 1))
    blocks.push_back(page.substr(at + 7, page.find("```", at + 7) - at - 7));
  return blocks;
}

std::string read_all_pages() {
  std::string all;
  for (const auto& [path, page] : read_sources({"docs/book"}, {".md"})) all += page;
  return all;
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
      FAIL_CHECK("line " << i + 1 << " of the page: " << a << "\n  the command prints: " << b
                         << "\n  TAPEDECK_WRITE_PAGES=1 book_test writes it");
      break;
    }
  }
  CHECK(pages >= 12);
  CHECK(blocks >= 24);
}

TEST_CASE("the programs of the book are short and use what is installed") {
  int programs = 0;
  for (const auto& [path, code] : read_sources({"docs/book"}, {".cpp"})) {
    CAPTURE(path);
    ++programs;
    CHECK(lines_of(code).size() < 80);
    for (const std::string& line : lines_of(code))
      if (line.starts_with("#include"))
        CHECK_MESSAGE((line.starts_with("#include <tapedeck/") || line.find('/') == line.npos), line);
    const std::string name = fs::path(path).stem();
    CHECK_MESSAGE(read_all_pages().find("```console\n$ " + name) != std::string::npos, "no page runs it");
  }
  CHECK(programs >= 9);
}

TEST_CASE("the code that a chapter quotes stands in a source that it names") {
  int blocks = 0;
  for (const auto& [path, page] : read_sources({"docs/book"}, {".md"})) {
    CAPTURE(path);
    const std::string sources = sources_of(page);
    for (const std::string& code : cpp_blocks(page)) {
      ++blocks;
      CHECK_MESSAGE(sources.find(flush_left(code)) != sources.npos, code);
    }
  }
  CHECK(blocks >= 14);
  CHECK(cpp_blocks("a\n```cpp\nint x;\n```\n```cpp\n  y;\n```\n") == std::vector<std::string>{"int x;\n", "  y;\n"});
  CHECK(sources_of("Source: `tests/floors.txt`.\n").find("int x;") == std::string::npos);
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
