// A part from outside is treated exactly like a built-in one, in each place where it can be: a program that was built with it, as
// with models/custom/, and a plugin. And names that are taken. Next: extend_test.cpp for the tutorials, consumer/ for programs of
// one's own.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <tapedeck/base/error.h>
#include <tapedeck/base/registry.h>
#include <tapedeck/tape/op_table.h>

#include "support/process.h"
#include "support/sources.h"

using namespace tapedeck::testing;
namespace fs = std::filesystem;
using Parsed = nlohmann::json;

namespace {

const fs::path consumer = fs::path(TAPEDECK_SOURCE_DIR) / "tests/consumer";

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

/// Where the parts of consumer/parts.cpp are: the tool to call, and how it learns about them.
struct Place {
  const char* name;
  std::string program, plugin;
  TempFolder folder;

  Place(const char* name, std::string program, std::string plugin)
      : name(name), program(std::move(program)), plugin(std::move(plugin)) {
    fs::copy(consumer / "reviews.txt", folder.path());
    Parsed experiment = Parsed::parse(read_text(consumer / "experiment.json"), nullptr, true, /*comments*/ true);
    if (!this->plugin.empty()) experiment["plugins"] = {this->plugin};
    write_raw(folder / "mine.json", experiment.dump());
  }
  Finished run(std::vector<std::string> words) const {
    if (!plugin.empty() && words[0] != "look" && words[0] != "run") words.insert(words.end(), {"--plugin", plugin});
    return run_tool(words, {.program = program, .directory = folder.path()});
  }
  std::string output(const std::vector<std::string>& words) const {
    const Finished finished = run(words);
    CAPTURE(finished.err);
    CHECK(finished.exit_code == 0);
    return finished.out;
  }
};

struct Mine {
  const char *kind, *name;
};
const Mine mine[] = {{"op", "soft_cap"}, {"head", "capped"}, {"objective", "twice"}};

void check_reference(const Place& place) {
  const std::string listed = place.output({"list"}), schema = place.output({"schema"});
  for (const Mine& part : mine) {
    CAPTURE(std::string(part.name));
    CHECK(has(listed, std::string("\n  ") + part.name + " "));
    const bool op = std::string(part.kind) == "op";
    const std::string qualified = std::string(part.kind) + "." + part.name, explained = place.output({"explain", qualified});
    CHECK(explained == place.output({"explain", part.name}));
    for (const char* words : {"xample: ", "ost there", "ept for backward", "ackward", "hecks: tapedeck gradcheck "})
      CHECK_MESSAGE(
          (has(explained, words) || (std::string(part.kind) == "objective" && std::string(words) == "ept for backward")),
          words << " in\n"
                << explained);
    if (!op) CHECK(has(schema, std::string("\"") + part.name + "\""));
    CHECK(has(place.output({"gradcheck", qualified}), "keeps its promises"));
  }
}

void check_recording(const Place& place) {
  const Parsed records = Parsed::parse(place.output({"look", "list", "mine.json", "--json"}));
  int forward = 0, backward = 0;
  for (const Parsed& record : records) {
    if (record["op"] != "soft_cap") continue;
    CHECK(record["scope"] == "head");
    CHECK(record["attributes"]["cap"] == "4");
    (record["phase"] == "forward" ? forward : backward) += 1;
  }
  CHECK(forward == 2);  // the objective makes two passes
  CHECK(backward == 2);
  CHECK(has(place.output({"look", "list", "mine.json", "--op", "soft_cap"}), "soft_cap'[cap=4]"));
  CHECK(has(place.output({"look", "saved", "mine.json"}), "soft_cap: the slope is 1 - (y / c)^2"));
  CHECK(has(place.output({"look", "verify", "mine.json"}), "records give the same bits"));
}

void check_training(const Place& place) {
  place.output({"run", "mine.json"});
  CHECK(Parsed::parse(read_raw(place.folder / "runs/consumer/latest/metrics.json"))["best"]["accuracy"] > 0.9);
}

struct Thing : tapedeck::Part {
  static constexpr const char* kind = "thing";
};

}  // namespace

TEST_CASE("a part from outside is listed, explained, described, checked, recorded and trained, wherever it is") {
  const Place custom("built in", TAPEDECK_CUSTOM_TOOL, ""), plugin("a plugin", TAPEDECK_BINARY, TAPEDECK_PARTS_PLUGIN);
  for (const Place* place : {&custom, &plugin}) {
    CAPTURE(std::string(place->name));
    check_reference(*place);
    check_recording(*place);
    check_training(*place);
  }
  const auto without_times = [](const Place& place) {
    Parsed records = Parsed::parse(place.output({"look", "list", "mine.json", "--json"}));
    for (Parsed& record : records) record.erase("ns");
    return records;
  };
  CHECK(without_times(custom) == without_times(plugin));  // to the hash of every value
}

TEST_CASE("two parts of one name are refused, with both places and what to do") {
  const Finished program = run_tool({"list"}, {.program = TAPEDECK_CLASH_TOOL});
  CHECK(program.exit_code == 3);
  const Finished plugin = run_tool({"list", "--plugin", TAPEDECK_TWICE_PLUGIN});
  CHECK(plugin.exit_code == 2);
  CHECK(has(plugin.err, "twice_plugin.so\" contradicts itself: "));
  for (const Finished* refused : {&program, &plugin}) {
    CAPTURE(refused->err);
    CHECK(has(refused->err, "two ops are called \"soft_cap\": "));
    CHECK(has(refused->err, "consumer/parts.cpp"));
    CHECK(has(refused->err, "outside/again.cpp"));
    CHECK(has(refused->err, "give one of them another name and build"));
    CHECK(refused->out.empty());
  }
  CHECK(has(program.err, "two parts of the kind \"objective\" are called \"twice\": "));
  const TempFolder folder;
  write_raw(folder / "mine.json", std::string(R"({"plugins": [")") + TAPEDECK_TWICE_PLUGIN + R"("]})");
  const Finished experiment = run_tool({"check", folder / "mine.json"});
  CHECK(experiment.exit_code == 3);
  CHECK(has(experiment.err, "TD0326"));
  CHECK(has(experiment.err, "mine.json:1:"));
}

TEST_CASE("a plugin that brings a name that is taken is refused, be it an op's or a part's") {
  struct Trial {
    const char *tool, *first, *second, *said;
  };
  const Trial trials[] = {
      {TAPEDECK_CUSTOM_TOOL, nullptr, TAPEDECK_AGAIN_PLUGIN, "brings the op \"soft_cap\", which exists already ("},
      {TAPEDECK_BINARY, TAPEDECK_PARTS_PLUGIN, TAPEDECK_AGAIN_PLUGIN, "which exists already (the plugin \""},
      {TAPEDECK_CUSTOM_TOOL, nullptr, TAPEDECK_LISTINGS_PLUGIN, "brings the op \"squared_relu\", which exists already ("},
  };
  for (const Trial& trial : trials) {
    std::vector<std::string> words{"list"};
    for (const char* plugin : {trial.first, trial.second})
      if (plugin) words.insert(words.end(), {"--plugin", plugin});
    const Finished refused = run_tool(words, {.program = trial.tool});
    CAPTURE(refused.err);
    CHECK(refused.exit_code == 2);
    CHECK(has(refused.err, trial.said));
    CHECK(has(refused.err, "give it another name"));
  }
}

TEST_CASE("the clash of names is noted once, and the first part stays") {
  using namespace tapedeck;
  const auto make = []() -> std::unique_ptr<Thing> { return std::make_unique<Thing>(); };
  CHECK(Registry<Thing>::add("one", make, "The first."));
  CHECK_NOTHROW(require_different_names());
  CHECK_FALSE(Registry<Thing>::add("one", make, "The second."));
  CHECK(Registry<Thing>::find("one")->doc == "The first.");
  const size_t ops = op_table().size();
  CHECK_FALSE(add_op({"softmax", "Another.", nullptr, nullptr}));
  CHECK(op_table().size() == ops);
  try {
    require_different_names();
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::config);
    CHECK(has(error.message(), "two parts of the kind \"thing\" are called \"one\": "));
    CHECK(has(error.message(), "two ops are called \"softmax\": "));
    CHECK(has(error.message(), "softmax.cpp and "));
    CHECK(has(error.message(), "outside_test.cpp"));
  }
  CHECK(take_name_clashes().size() == 2);
  CHECK_NOTHROW(require_different_names());
}
