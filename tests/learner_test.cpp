// What somebody who studies a training step asks, each question answered by one command of the real tool, and the answer held
// against what follows from `look list --json`. Next: docs/guide/look.md, look_views_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include <tapedeck/base/error.h>

#include "support/process.h"

using namespace tapedeck;
using namespace tapedeck::testing;
using Parsed = nlohmann::json;

namespace {

constexpr const char* tiny = R"({
  "name": "tiny",
  "data": {"type": "builtin", "train": 40, "validation": 16, "test": 16},
  "model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "feed_forward": 16}},
  "training": {"duration": "10 steps", "batch_size": 8},
  "runtime": {"threads": 1}
})";

struct Workshop {
  TempFolder folder{Medium::memory};
  Workshop() { write_raw(folder / "tiny.json", tiny); }
  Finished run(const std::vector<std::string>& arguments) const { return run_tool(arguments, {.directory = folder.path()}); }
};

}  // namespace

TEST_CASE("step takes its commands from a pipe, from an experiment or from a recording, and ends with them") {
  const Workshop shop;
  REQUIRE(shop.run({"look", "list", "tiny.json", "--save", "tape.tdt", "-o", "list.txt"}).exit_code == 0);
  const Parsed records = Parsed::parse(shop.run({"look", "list", "tape.tdt", "--json"}).out);
  const auto attention = std::find_if(records.begin(), records.end(), [](auto& x) { return x["op"] == "attention"; });
  REQUIRE(attention != records.end());
  const std::string at = std::to_string((*attention)["index"].get<int>()), out = std::to_string((*attention)["out"][0]["id"].get<int>());
  struct Row { const char *from, *commands; std::vector<std::string> words; };
  for (const Row& row : std::vector<Row>{
           {"tiny.json", "", {tapedeck::text(records.size(), " records"), "#0 of"}},
           {"tiny.json", "find attention\ninto\n", {"inside #" + at + " attention: its reference", "softmax"}},
           {"tiny.json", "break op attention\ncontinue\n\n", {"#" + at + " of " + std::to_string(records.size()), "%" + out, "attention'["}},
           {"tape.tdt", "find attention\ninto\nvalue %0\n", {"holds no ops", "encoder.embeddings.word", "rms"}},
           {"tiny.json", "fnid attention\nquit\nnext\n", {"did you mean \"find\"", "!#1 of"}},
           {"tiny.json", "next", {"#1 of"}}}) {
    const Finished finished = run_tool({"step", row.from}, {.directory = shop.folder.path(), .input = row.commands});
    CAPTURE(std::string(row.commands));
    CAPTURE(finished.out);
    CHECK(finished.exit_code == 0);
    CHECK(finished.err.empty());
    CHECK(finished.out.find("> ") == std::string::npos);                 // a prompt is for a terminal
    for (const std::string& word : row.words)
      CHECK((finished.out.find(word[0] == '!' ? word.substr(1) : word) == std::string::npos) == (word[0] == '!'));
  }
}

