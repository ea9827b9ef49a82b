// Adding your own: the pages of docs/guide/extend/, their code as a plugin, what `tapedeck new` writes, and every way in which
// a plugin can be refused. Next: consumer/, a project that uses the installed package.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <tapedeck/config/plugin.h>
#include <tapedeck/run/run.h>

#include "support/process.h"
#include "support/sources.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;
using Parsed = nlohmann::json;

namespace {

struct Page {
  const char *kind, *name, *struct_name;
};
const Page pages[] = {{"op", "squared_relu", "SquaredRelu"},       {"layer", "gated_head", "GatedHead"},
                      {"encoder", "averaging", "Averaging"},       {"model", "concat_pooling", "ConcatPooling"},
                      {"loss", "spherical", "Spherical"},          {"objective", "calm", "Calm"},
                      {"adversary", "cube_corner", "CubeCorner"},  {"task", "ordinal", "Ordinal"},
                      {"reader", "colon_lines", "ColonLines"},     {"tokenizer", "blank_separated", "BlankSeparated"},
                      {"sampler", "short_first", "ShortFirst"},    {"optimizer", "signum", "Signum"},
                      {"schedule", "inverse_root", "InverseRoot"}, {"metric", "mean_recall", "MeanRecall"}};

std::string guide(const std::string& file) { return read_text(fs::path(TAPEDECK_SOURCE_DIR) / "docs/guide/extend" / file); }

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

/// Every part but the op is a tutorial's.
constexpr const char* experiment = R"({
  "name": "mine",
  "plugins": ["@"],
  "data": {"type": "colon_lines", "train": "train.txt", "validation": "train.txt"},
  "tokenizer": {"type": "blank_separated", "max_length": 16},
  "model": {"type": "concat_pooling", "encoder": {"type": "averaging", "width": 8}, "head": {"type": "gated_head", "layers": 2}},
  "objective": {
    "type": "adversarial",
    "adversary": {"type": "cube_corner", "epsilon": 0.01},
    "loss": {"type": "calm", "weight": 0.001, "loss": "spherical"}
  },
  "optimizer": {"type": "signum", "lr": 0.01},
  "schedule": {"type": "inverse_root"},
  "training": {"duration": "40 steps", "batch_size": 8, "sampler": "short_first"},
  "evaluation": {"every": "20 steps", "metrics": ["accuracy", "mean_recall"], "best": "mean_recall"},
  "runtime": {"threads": 1}
}
)";

/// A folder with a copy of the plugin, data and an experiment that uses nothing but the tutorials' parts where it can.
struct Workshop {
  TempFolder folder;
  std::string library = read_raw(TAPEDECK_LISTINGS_PLUGIN);
  Workshop() {
    write_raw(folder / "mine.so", library);
    std::string lines;
    for (int i = 0; i < 32; ++i) lines += i % 2 ? "good: a fine film\n\n" : "bad: a dull film\n";
    write_raw(folder / "train.txt", lines);
    write_raw(folder / "mine.json", replaced(experiment, "@", "mine.so"));
  }
  Finished run(const std::vector<std::string>& arguments) const { return run_tool(arguments, {.directory = folder.path()}); }
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("each tutorial shows the code that is built, in under 60 lines") {
  for (const Page& page : pages) {
    CAPTURE(std::string(page.kind));
    const std::string code = guide(std::string(page.kind) + ".cpp"), text = guide(std::string(page.kind) + ".md");
    CHECK(lines_of(code).size() < 60);
    CHECK(code.starts_with(std::string("// ") + page.name + ": "));
    CHECK_MESSAGE(has(text, "```cpp\n" + code + "```\n"), "the listing in the page differs from the file");
  }
}

TEST_CASE("new writes the tutorial's part under another name, and nothing over what is there") {
  const Workshop shop;
  for (const Page& page : pages) {
    CAPTURE(std::string(page.kind));
    const std::string name = std::string("my_") + page.kind, kind = page.kind;
    const Finished made = shop.run({"new", kind, name});
    CHECK(made.exit_code == 0);
    CHECK(has(made.out, "wrote ./" + name + ".cpp"));
    std::string camel = "My" + kind;
    camel[2] = char(camel[2] - 'a' + 'A');
    CHECK(read_raw(shop.folder / (name + ".cpp")) ==
          replaced(replaced(guide(kind + ".cpp"), page.name, name), page.struct_name, camel));
    CHECK(has(shop.run({"new", kind, name}).err, "exists already"));
  }
  CHECK(shop.run({"new", "head", "my_head"}).exit_code == 0);  // the names that list has for two of them
  CHECK(read_raw(shop.folder / "my_head.cpp") ==
        replaced(replaced(guide("layer.cpp"), "gated_head", "my_head"), "GatedHead", "MyHead"));
  CHECK(shop.run({"new", "data", "my_data"}).exit_code == 0);
  struct Trial {
    std::vector<std::string> words;
    const char* said;
  };
  const Trial trials[] = {{{"new", "los", "mine"}, "did you mean \"loss\""},
                          {{"new", "loss", "Mine"}, "is no name"},
                          {{"new", "loss", "../mine"}, "is no name"},
                          {{"new", "loss", "focal"}, "already"},
                          {{"new", "op", "softmax"}, "already"},
                          {{"new", "op", "mine", "--to", "nowhere"}, "cannot write"}};
  for (const Trial& trial : trials) {
    const Finished refused = shop.run(trial.words);
    CHECK_MESSAGE(has(refused.err, trial.said), "expected: " << trial.said << ", got: " << refused.err);
    CHECK(refused.exit_code == (has(trial.said, "write") ? 4 : 2));
  }
}

TEST_CASE("the parts of a plugin are listed, explained, described and checked like built-in ones") {
  const Workshop shop;
  const Finished listed = shop.run({"list", "--plugin", "mine.so"}), schema = shop.run({"schema", "--plugin", "mine.so"});
  for (const Page& page : pages) {
    CAPTURE(std::string(page.name));
    CHECK(has(listed.out, std::string("  ") + page.name + " "));
    CHECK_FALSE(has(shop.run({"list"}).out, std::string("  ") + page.name + " "));
    const Finished explained = shop.run({"explain", page.name, "--plugin", "mine.so"});
    CHECK(explained.exit_code == 0);
    CHECK(has(explained.out, page.name));
    if (std::string(page.kind) != "op") CHECK(has(schema.out, std::string("\"") + page.name + "\""));
  }
  const Finished checked = shop.run({"gradcheck", "squared_relu", "--plugin", "mine.so", "--json"});
  CHECK(checked.exit_code == 0);
  const Parsed report = Parsed::parse(checked.out)["reports"][0];
  CHECK(report["sound"] == true);
  CHECK(report["checks"].size() == 11);
  for (const Parsed& check : report["checks"]) CHECK_MESSAGE(check["ran"].get<int>() > 0, check.dump());
  for (const char* part : {"spherical", "gated_head", "averaging", "concat_pooling", "calm", "cube_corner"}) {
    const Finished of_part = shop.run({"gradcheck", part, "--plugin", "mine.so"});
    CAPTURE(of_part.out);
    CHECK(of_part.exit_code == 0);
    CHECK(has(of_part.out, "keeps its promises"));
  }
  CHECK(has(shop.run({"gradcheck", "squared_rellu", "--plugin", "mine.so"}).err, "did you mean \"squared_relu\""));
}

TEST_CASE("an experiment trains with the parts of a plugin, and its run knows them") {
  const Workshop shop;
  const Finished finished = shop.run({"run", "mine.json"});
  CAPTURE(finished.err);
  REQUIRE(finished.exit_code == 0);
  const std::string run = "runs/mine/latest/";
  CHECK(Parsed::parse(read_raw(shop.folder / (run + "metrics.json")))["best"]["mean_recall"] == 1.0);
  const Parsed environment = Parsed::parse(read_raw(shop.folder / (run + "environment.json")));
  CHECK(has(environment["input_files"].dump(), "mine.so"));
  const Finished evaluated = shop.run({"eval", run});
  CHECK_MESSAGE(evaluated.exit_code == 0, evaluated.err);
  const std::string train = shop.folder / "train.txt";
  write_raw(train, read_raw(train) + "no label here\n");
  const Finished broken = shop.run({"run", "mine.json"});
  CHECK(broken.exit_code == 4);
  CHECK(has(broken.err, "train.txt:49: no \": \""));
}

TEST_CASE("a plugin that does not fit is refused, with a reason and a hint") {
  const Workshop shop;
  const std::string& good = shop.library;
  const std::string tag(plugin_tag()), mark = "tapedeck-plugin:";
  CHECK(tag.starts_with(std::string(version()) + " headers "));
  std::string other_machine = good, older = replaced(good, mark + tag, mark + "0.0.9" + tag.substr(5)), other_headers = good;
  other_machine[18] = char(other_machine[18] + 1);
  char& digit = other_headers[good.find(mark + tag) + mark.size() + 15];
  digit = digit == '0' ? '1' : '0';
  struct Trial {
    const char* what;
    std::string bytes;
    const char* said;
  };
  const Trial trials[] = {
      {"empty", "", "is not a shared library"},
      {"text", "#!/bin/sh\nexit 0\n", "is not a shared library"},
      {"four bytes", "\177ELF", "is not a shared library"},
      {"only a header", good.substr(0, 64), "is not a complete shared library"},
      {"half of it", good.substr(0, good.size() / 2), "is not a complete shared library"},
      {"another machine's", other_machine, "is not a complete shared library"},
      {"no tag", replaced(good, mark, "tapedeck-nothing"), "has no tag"},
      {"another version", older, "was built for tapedeck \"0.0.9"},
      {"other headers", other_headers, "was built for tapedeck \""},
      {"calls what is not there", replaced(good, "_ZN8tapedeck6add_op", "_ZN8tapedeck6odd_op"), "undefined symbol"},
  };
  for (const Trial& trial : trials) {
    CAPTURE(std::string(trial.what));
    write_raw(shop.folder / "mine.so", trial.bytes);
    const Finished listed = shop.run({"list", "--plugin", "mine.so"}), ran = shop.run({"run", "mine.json"});
    CHECK(listed.exit_code == 2);
    CHECK_MESSAGE(has(listed.err, trial.said), "expected: " << trial.said << ", got: " << listed.err);
    CHECK(ran.exit_code == 3);
    CHECK(has(ran.err, "TD0326"));
    CHECK(has(ran.err, "mine.json:3:"));
    CHECK_MESSAGE(has(ran.err, trial.said), "expected: " << trial.said << ", got: " << ran.err);
  }
  write_raw(shop.folder / "mine.so", good);
  write_raw(shop.folder / "again.so", good);
  const Finished twice = shop.run({"list", "--plugin", "mine.so", "--plugin", "again.so"});
  CHECK(has(twice.err, "\"again.so\" brings the op \"squared_relu\", which exists already (the plugin \"mine.so\")"));
  CHECK(shop.run({"list", "--plugin", "mine.so", "--plugin", "./mine.so"}).exit_code == 0);
  CHECK(has(shop.run({"list", "--plugin", "nowhere.so"}).err, "cannot be found"));
  CHECK(has(shop.run({"list", "--plugin", "."}).err, "is not a file"));
}
