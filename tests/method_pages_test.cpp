// Each training method has a page, docs/guide/methods/NAME.md, and the part of it between the two marks is what
// `tapedeck explain NAME` prints before its example: it cannot be out of date. docs/guide/losses.md holds the same for losses,
// heads and regularisers. TAPEDECK_WRITE_PAGES=1 writes those parts anew.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include <tapedeck/config/schema.h>
#include <tapedeck/run/run.h>

#include "support/temp_folder.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

const fs::path pages = fs::path(TAPEDECK_SOURCE_DIR) / "docs/guide/methods";
const std::string begin = "<!-- begin: tapedeck explain ", end = "<!-- end -->\n";

/// Everything between the marks, marks included.
std::string generated(const std::string& name, const std::vector<PartDoc>& docs) {
  return begin + name + " -->\n```text\n" + explain(docs, name) + "```\n" + end;
}

std::string with_generated(const std::string& page, const std::string& name, const std::string& block) {
  const size_t from = page.find(begin), to = page.find(end);
  if (from == page.npos || to == page.npos) return page.empty() ? "# " + name + "\n\n" + block : page + block;
  return page.substr(0, from) + block + page.substr(to + end.size());
}

/// Losses and heads are short: they share a page.
bool shares_page(const PartDoc& part) { return part.kind == "loss" || (part.kind == "head" && part.method); }

}  // namespace

TEST_CASE("the page of losses and regularisers holds what explain prints") {
  const std::string first = "<!-- begin: generated -->\n";
  const fs::path file = pages.parent_path() / "losses.md";
  ExperimentConfig root;
  std::string all = first;
  for (const PartDoc& part : part_docs(root)) {
    const bool regulariser = part.name == "transformer.noise" || part.name == "training.penalties";
    if (shares_page(part) || regulariser) all += "\n### " + part.name + "\n\n```text\n" + explain_part(part) + "```\n";
  }
  all += end;
  const std::string page = read_raw(file.string());
  if (std::getenv("TAPEDECK_WRITE_PAGES")) return write_raw(file.string(), page.substr(0, page.find(first)) + all);
  CHECK_MESSAGE(page.ends_with(all), "run this test once with TAPEDECK_WRITE_PAGES=1");
}

TEST_CASE("the page of a method holds what explain prints") {
  ExperimentConfig root;
  const std::vector<PartDoc> docs = part_docs(root);
  std::set<std::string> names, losses;
  for (const PartDoc& part : docs) {
    if (part.method && !shares_page(part)) names.insert(part.name);
    if (part.kind == "loss") losses.insert(part.name);
  }
  CHECK(names.size() >= 3);
  for (const std::string& name : names) {
    CAPTURE(name);
    const fs::path file = pages / (name + ".md");
    const std::string page = fs::exists(file) ? read_raw(file.string()) : "", block = generated(name, docs);
    if (std::getenv("TAPEDECK_WRITE_PAGES")) {
      fs::create_directories(pages);
      write_raw(file.string(), with_generated(page, name, block));
      continue;
    }
    CHECK_MESSAGE(page.find(block) != page.npos, "run this test once with TAPEDECK_WRITE_PAGES=1");
    CHECK(page.starts_with("# " + name + "\n"));
    CHECK_MESSAGE(page.find(begin) > name.size() + 80, "say above the generated part when to use the method");
  }
  for (const PartDoc& part : docs) {
    if (part.kind != "objective" || losses.contains(part.name)) continue;  // a loss under its own name needs no page
    CAPTURE(part.name);
    CHECK_MESSAGE(part.method, "give TAPEDECK_PART a Method: equation, source, cost, pitfalls");
  }
  for (const auto& entry : fs::directory_iterator(pages)) {
    CAPTURE(entry.path());
    CHECK_MESSAGE(names.contains(entry.path().stem().string()), "a page without a method");
  }
}

namespace {

/// What the page of originals calls a part: "average `ema`", "noise `drop_path`"; objectives by their name alone.
std::vector<std::string> rows_of_originals() {
  static const std::map<std::string, std::string> words{
      {"objective", ""},        {"adversary", "adversary "}, {"average", "average "},     {"embedding_loss", "embedding loss "},
      {"loss", "loss "},        {"metric", "metric "},       {"optimizer", "optimizer "}, {"sampler", "sampler "},
      {"schedule", "schedule "}},
      sections{{"transformer.noise", "noise "}, {"training.penalties", "penalty "}};
  std::vector<std::string> rows;
  ExperimentConfig root;
  for (const PartDoc& part : part_docs(root)) {
    if (const auto section = sections.find(part.name); section != sections.end())
      for (const OptionDoc& option : part.options)
        if (option.name != "match") rows.push_back(section->second + "`" + option.name + "`");
    if (const auto word = words.find(part.kind); word != words.end()) rows.push_back(word->second + "`" + part.name + "`");
    else if (part.method && part.kind != "section") rows.push_back(part.kind + " `" + part.name + "`");
  }
  return rows;
}

/// The cells of a row of a table, without their blanks.
std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> found;
  std::istringstream rest(line.substr(std::min<size_t>(1, line.size())));
  for (std::string cell; std::getline(rest, cell, '|');) {
    const size_t from = cell.find_first_not_of(' '), to = cell.find_last_not_of(' ');
    found.push_back(from == cell.npos ? "" : cell.substr(from, to - from + 1));
  }
  return found;
}

}  // namespace

TEST_CASE("whatever can be compared with published code has a row in the page of originals, which names the test that holds it") {
  std::map<std::string, std::string> held;  // "loss `focal`": the last column
  std::istringstream lines(read_raw((pages.parent_path() / "originals.md").string()));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| ") || line.find('`') == line.npos) continue;
    const std::vector<std::string> row = cells(line);
    CAPTURE(line);
    REQUIRE(row.size() == 6);
    CHECK_MESSAGE(!row[3].empty(), "say how large the difference is, or why there is none");
    const std::string word = row[0].substr(0, row[0].find('`'));  // "| loss `a`, `b` |" is a row of both
    for (size_t at = word.size(); at < row[0].size();) {
      const size_t end = row[0].find('`', at + 1);
      held[word + row[0].substr(at, end + 1 - at)] = row[5];
      at = row[0].find('`', end + 1);
    }
  }
  for (const std::string& row : rows_of_originals()) {
    CAPTURE(row);
    REQUIRE_MESSAGE(held.contains(row), "docs/guide/originals.md has no row");
    std::istringstream tests(held[row]);
    int64_t named = 0;
    for (std::string name; std::getline(tests, name, ',');) {
      name.erase(0, name.find_first_not_of(' '));
      CHECK_MESSAGE(fs::exists(fs::path(TAPEDECK_SOURCE_DIR) / "tests" / (name + ".cpp")), "there is no test " << name);
      ++named;
    }
    CHECK_MESSAGE(named > 0, "name the test that holds it");
  }
}

TEST_CASE("a method says everything its page needs") {
  ExperimentConfig root;
  for (const PartDoc& part : part_docs(root)) {
    if (part.kind == "loss") CHECK_MESSAGE(part.method, part.name << ": give TAPEDECK_PART a Method");
    if (!part.method) continue;
    CAPTURE(part.name);
    CHECK_FALSE(part.method.source.empty());
    CHECK_FALSE(part.method.cost.empty());
    CHECK_FALSE(part.method.pitfalls.empty());
    const std::string text = explain_part(part);
    for (const char* heading : {"Equation:", "Source:", "Cost of an update:", "Pitfalls:"})
      CHECK(text.find(heading) != text.npos);
    CHECK((part.options.empty() || text.find("Written out:") != text.npos));
  }
}
