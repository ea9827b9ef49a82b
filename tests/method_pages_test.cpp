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

TEST_CASE("whatever can be compared with published code has a row in the page of originals") {
  const std::string page = read_raw((pages.parent_path() / "originals.md").string());
  const std::map<std::string, std::string> words{
      {"objective", ""}, {"adversary", "adversary "}, {"loss", "loss "}, {"embedding_loss", "embedding loss "}};
  ExperimentConfig root;
  for (const PartDoc& part : part_docs(root)) {
    const auto word = words.find(part.kind);
    if (word == words.end()) continue;
    bool found = false;  // "| loss `a`, `b` |": the first column of some row
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);) {
      const std::string first = line.substr(0, line.find(" |"));
      found |= first.starts_with("| " + word->second + "`") && first.find("`" + part.name + "`") != first.npos;
    }
    CHECK_MESSAGE(found, part.kind << " " << part.name << ": docs/guide/originals.md has no row");
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
