// The binder as a table of broken experiments: for each the code, the place and the words a person should see.
// Why: every mistake must be reported at once and at its place. Next: config_source_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include <tapedeck/base/error.h>
#include <tapedeck/base/error_codes.h>
#include <tapedeck/base/fields.h>
#include <tapedeck/base/registry.h>
#include <tapedeck/base/words.h>

using namespace tapedeck;
using Unit = Duration::Unit;

namespace {

struct Schedule : Part {
  static constexpr const char* kind = "schedule";
};
struct Linear : Schedule {
  Duration warmup{0, Unit::steps};
  double end_lr = 0;
  void describe(Fields& f) override {
    f("warmup", warmup, "rise").in({Unit::steps, Unit::percent});
    f("end_lr", end_lr, "last rate").at_least(0);
  }
};
struct Constant : Schedule {};
struct Reader : Part {
  static constexpr const char* kind = "data";
};
struct Glue : Reader {
  std::string task;
  Path dir;
  void describe(Fields& f) override {
    f("task", task, "which task").required().one_of({"sst2", "cola", "mrpc"});
    f("dir", dir, "folder").required();
  }
};
struct Loss : Part {
  static constexpr const char* kind = "objective";
};
struct CrossEntropy : Loss {
  double smoothing = 0;
  void describe(Fields& f) override { f("label_smoothing", smoothing, "share given to other classes").range(0, 1).below(1); }
};
struct RDrop : Loss {
  double alpha = 1;
  Choice<Loss> loss{"cross_entropy"};
  void describe(Fields& f) override {
    f("alpha", alpha, "weight").at_least(0);
    f("loss", loss, "what is wrapped");
  }
};
TAPEDECK_PART(Schedule, Linear, "linear", "Rises, then falls.");
TAPEDECK_PART(Schedule, Constant, "constant", "Stays.");
TAPEDECK_PART(Reader, Glue, "glue", "GLUE tasks.");
TAPEDECK_PART(Loss, CrossEntropy, "cross_entropy", "Minus log likelihood.");
TAPEDECK_PART(Loss, RDrop, "r_drop", "Two passes agree.");

enum class Norm { pre, post };

struct Group : Part {
  std::vector<std::string> match;
  std::optional<double> weight_decay;
  void describe(Fields& f) override {
    f("match", match, "patterns").required().length(1, 4);
    f("weight_decay", weight_decay, "decay").at_least(0);
  }
};
struct Optimizer : Part {
  double lr = 1e-3;
  std::vector<double> betas = {0.9, 0.999};
  std::vector<Group> groups;
  void describe(Fields& f) override {
    f("lr", lr, "learning rate").above(0);
    f("betas", betas, "decay of the moments").range(0, 1).below(1).length(2, 2);
    f.list("groups", groups, "options by name");
  }
};
struct Training : Part {
  Duration duration;
  int64_t batch_size = 32;
  std::optional<int64_t> micro_batch_size;
  bool shuffle = true;
  Norm norm = Norm::pre;
  std::vector<std::string> to = {"console"};
  std::map<std::string, std::string> columns;
  Json anything;
  void describe(Fields& f) override {
    f("duration", duration, "how long").required();
    f("batch_size", batch_size, "examples").at_least(1);
    f("micro_batch_size", micro_batch_size, "at a time").at_least(1);
    f("shuffle", shuffle, "order");
    f.names("norm", norm, {{"pre", Norm::pre}, {"post", Norm::post}}, "where");
    f("to", to, "outputs").one_of({"console", "jsonl", "html"});
    f("columns", columns, "names");
    f("anything", anything, "free");
  }
};
struct Experiment : Part {
  std::string name = "x";
  Choice<Reader> data;
  Choice<Schedule> schedule{"constant"};
  Choice<Loss> objective;
  Optimizer optimizer;
  Training training;
  std::vector<Path> plugins;
  void describe(Fields& f) override {
    f("name", name, "name");
    f("data", data, "data");
    f("schedule", schedule, "schedule");
    f("objective", objective, "objective");
    f("optimizer", optimizer, "optimizer");
    f("training", training, "training");
    f("plugins", plugins, "libraries");
  }
};

std::shared_ptr<Source> source_of(std::string text, std::string directory = "") {
  auto source = std::make_shared<Source>();
  source->name = "test.json";
  source->text = std::move(text);
  source->directory = std::move(directory);
  return source;
}

Diagnostics read(Experiment& experiment, const std::string& json, const std::string& directory = "") {
  Diagnostics diagnostics;
  const Json tree = parse_json(source_of(json, directory), diagnostics);
  REQUIRE(diagnostics.empty());
  read_fields(experiment, tree, "", diagnostics);
  return diagnostics;
}

// Most rows are about one section: this is an experiment that is complete but for the text in question.
std::string with(const std::string& section) { return "{\"training\": {\"duration\": \"1 epoch\"},\n" + section + "}"; }
std::string in_training(const std::string& option) { return "{\"training\": {\"duration\": \"1 epoch\",\n" + option + "}}"; }

}  // namespace

TEST_CASE("broken experiments: code, place, words") {
  struct Row {
    std::string json, code, place, words;
  };
  const Row rows[] = {
      // unknown keys
      {with("\"optimiser\": {}"), "TD0301", "2:1",
       "the experiment has no section \"optimiser\"|did you mean \"optimizer\"?|sections: name, data"},
      {with("\"optimizer\": {\"learning_rate\": 1}"), "TD0301", "2:15",
       "optimizer has no option \"learning_rate\"|did you mean \"lr\"?|options: lr, betas, groups"},
      {with("\"schedule\": {\"type\": \"linear\", \"warm_up\": \"6%\"}"), "TD0301", "2:32",
       "schedule \"linear\" has no option \"warm_up\"|did you mean \"warmup\"?|options: warmup, end_lr"},
      {with("\"schedule\": {\"type\": \"constant\", \"x\": 1}"), "TD0301", "2:34",
       "schedule \"constant\" has no option \"x\"|it has no options"},
      {with("\"optimizer\": {\"type\": \"adamw\"}"), "TD0301", "2:15", "optimizer has no option \"type\""},
      {with("\"objective\": {\"type\": \"r_drop\", \"loss\": {\"type\": \"cross_entropy\", \"labelsmoothing\": 0}}"), "TD0301",
       "2:67", "objective.loss \"cross_entropy\" has no option|did you mean \"label_smoothing\"?"},
      {with("\"optimizer\": {\"groups\": [{\"match\": [\"*\"]}, {\"match\": [\"*\"], \"decay\": 0}]}"), "TD0301", "2:61",
       "optimizer.groups.1 has no option \"decay\"|did you mean \"weight_decay\"?"},
      {in_training("\"zebra\": 1"), "TD0301", "2:1", "training has no option \"zebra\"|options: duration, batch_size"},
      // unknown parts
      {with("\"schedule\": \"liner\""), "TD0302", "2:13",
       "there is no schedule \"liner\"|did you mean \"linear\"?|known: constant, linear"},
      {with("\"schedule\": {\"type\": \"\"}"), "TD0302", "2:22", "there is no schedule \"\"|known: constant, linear"},
      {with("\"objective\": {\"type\": \"rdrop\"}"), "TD0302", "2:23",
       "there is no objective \"rdrop\"|did you mean \"r_drop\"?"},
      {with("\"objective\": {\"type\": \"r_drop\", \"loss\": \"mse\"}"), "TD0302", "2:41", "there is no objective \"mse\""},
      // wrong types
      {with("\"optimizer\": {\"lr\": \"0.1\"}"), "TD0303", "2:21",
       "optimizer.lr must be a number, found a string|write 0.1 without quotes"},
      {with("\"optimizer\": {\"lr\": true}"), "TD0303", "2:21", "optimizer.lr must be a number, found true"},
      {with("\"optimizer\": {\"lr\": [1]}"), "TD0303", "2:21", "optimizer.lr must be a number, found a list"},
      {with("\"optimizer\": 5"), "TD0303", "2:14", "optimizer must be an object, found 5"},
      {with("\"optimizer\": \"adamw\""), "TD0303", "2:14", "optimizer must be an object, found a string"},
      {with("\"optimizer\": {\"groups\": {}}"), "TD0303", "2:25", "optimizer.groups must be a list, found an object"},
      {with("\"optimizer\": {\"groups\": [1]}"), "TD0303", "2:26", "optimizer.groups.0 must be an object, found 1"},
      {with("\"optimizer\": {\"groups\": [{\"match\": \"*.bias\"}]}"), "TD0303", "2:36",
       "optimizer.groups.0.match must be a list|write [\"*.bias\"]"},
      {with("\"schedule\": 3"), "TD0303", "2:13",
       "schedule must be the name of a part or an object, found 3|known: constant, linear"},
      {with("\"schedule\": {\"type\": 3}"), "TD0303", "2:22", "schedule.type must be a string, found 3"},
      {with("\"schedule\": []"), "TD0303", "2:13", "schedule must be the name of a part"},
      {with("\"name\": 5"), "TD0303", "2:9", "name must be a string, found 5"},
      {with("\"plugins\": [\"a\", 2]"), "TD0303", "2:18", "plugins.1 must be a path, found 2"},
      {with("\"plugins\": [\"\"]"), "TD0303", "2:13", "plugins.0 must be a path, not \"\""},
      {with("\"plugins\": [\"a\\u0000b\"]"), "TD0303", "2:13", "plugins.0 must be a path, not \"a\\u0000b\""},
      {in_training("\"batch_size\": 1.5"), "TD0303", "2:15", "training.batch_size must be a whole number, found 1.5"},
      {in_training("\"batch_size\": 1e30"), "TD0303", "2:15", "training.batch_size must be a whole number, found 1e+30"},
      {in_training("\"batch_size\": \"32\""), "TD0303", "2:15",
       "training.batch_size must be a whole number, found a string|write 32 without quotes"},
      {in_training("\"shuffle\": 1"), "TD0303", "2:12", "training.shuffle must be true or false, found 1"},
      {in_training("\"shuffle\": \"true\""), "TD0303", "2:12", "found a string|write true without quotes"},
      {in_training("\"columns\": [\"a\"]"), "TD0303", "2:12", "training.columns must be an object, found a list"},
      {in_training("\"columns\": {\"text\": 3}"), "TD0303", "2:21", "training.columns.text must be a string, found 3"},
      {"[]", "TD0303", "1:1", "the experiment must be an object, found a list"},
      {"5", "TD0303", "1:1", "the experiment must be an object, found 5"},
      // ranges
      {with("\"optimizer\": {\"lr\": -1}"), "TD0304", "2:21", "optimizer.lr must be greater than 0"},
      {with("\"optimizer\": {\"lr\": 0}"), "TD0304", "2:21", "optimizer.lr must be greater than 0"},
      {with("\"optimizer\": {\"betas\": [0.9, 1.0]}"), "TD0304", "2:30", "optimizer.betas.1 must be at least 0 and less than 1"},
      {with("\"schedule\": {\"type\": \"linear\", \"end_lr\": -0.1}"), "TD0304", "2:42", "schedule.end_lr must be at least 0"},
      {with("\"objective\": {\"type\": \"cross_entropy\", \"label_smoothing\": 1}"), "TD0304", "2:59",
       "at least 0 and less than 1"},
      {in_training("\"batch_size\": 0"), "TD0304", "2:15", "training.batch_size must be at least 1"},
      {in_training("\"micro_batch_size\": -3"), "TD0304", "2:21", "training.micro_batch_size must be at least 1"},
      // durations
      {"{\"training\": {\"duration\": 3}}", "TD0305", "1:27",
       "training.duration must be a duration, found 3 without a unit|did you mean \"3 steps\"?|for example \"500 steps\""},
      {"{\"training\": {\"duration\": true}}", "TD0305", "1:27", "training.duration must be a duration, found true"},
      {"{\"training\": {\"duration\": \"3 epoks\"}}", "TD0305", "1:27", "training.duration: \"3 epoks\" is not a duration"},
      {"{\"training\": {\"duration\": \"-3 epochs\"}}", "TD0305", "1:27", "\"-3 epochs\" is not a duration"},
      {"{\"training\": {\"duration\": \"nan epochs\"}}", "TD0305", "1:27", "\"nan epochs\" is not a duration"},
      {with("\"schedule\": {\"type\": \"linear\", \"warmup\": \"2 epochs\"}"), "TD0305", "2:42",
       "schedule.warmup cannot be given in epochs|for example \"500 steps\" or \"6%\""},
      // choices
      {in_training("\"norm\": \"pree\""), "TD0306", "2:9",
       "training.norm cannot be \"pree\"|did you mean \"pre\"?|choices: pre, post"},
      {in_training("\"to\": [\"console\", \"htlm\"]"), "TD0306", "2:19",
       "training.to.1 cannot be \"htlm\"|did you mean \"html\"?"},
      {with("\"data\": {\"type\": \"glue\", \"task\": \"sst-2\", \"dir\": \"d\"}"), "TD0306", "2:34",
       "data.task cannot be \"sst-2\"|did you mean \"sst2\"?"},
      // missing
      {"{\"training\": {}}", "TD0307", "1:14", "training needs \"duration\""},
      {"{}", "TD0307", "1:1", "training needs \"duration\""},
      {"{\"training\": {\"duration\": null}}", "TD0307", "1:14", "training needs \"duration\""},
      {with("\"data\": {\"type\": \"glue\"}"), "TD0307", "2:9", "data \"glue\" needs \"task\" and \"dir\""},
      {with("\"optimizer\": {\"groups\": [{}]}"), "TD0307", "2:26", "optimizer.groups.0 needs \"match\""},
      {with("\"schedule\": {\"warmup\": \"6%\"}"), "TD0308", "2:13",
       "schedule does not say which schedule it is|add \"type\": \"constant\"|known: constant, linear"},
      {with("\"data\": \"glue\""), "TD0309", "2:9",
       "data \"glue\" cannot be written as just its name: it needs \"task\" and \"dir\""},
      // lengths
      {with("\"optimizer\": {\"betas\": [0.9]}"), "TD0310", "2:24", "optimizer.betas must have 2 entries, found 1"},
      {with("\"optimizer\": {\"groups\": [{\"match\": []}]}"), "TD0310", "2:36",
       "optimizer.groups.0.match must have 1 to 4 entries, found 0"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.json);
    Experiment experiment;
    const Diagnostics diagnostics = read(experiment, row.json);
    const std::string shown = diagnostics.render();
    CAPTURE(shown);
    const auto hit = std::find_if(diagnostics.list().begin(), diagnostics.list().end(),
                                  [&](const Diagnostic& c) { return c.code == row.code; });
    REQUIRE(hit != diagnostics.list().end());
    CHECK(text(hit->where.line, ":", hit->where.column) == row.place);
    std::stringstream words(row.words);
    for (std::string part; std::getline(words, part, '|');) {
      CAPTURE(part);
      CHECK(shown.find(part) != std::string::npos);
    }
    if (row.json[0] == '{') CHECK(diagnostics.list().size() == 1);
  }
}

TEST_CASE("all mistakes are reported at once, in the order of the file") {
  Experiment experiment;
  const std::string shown =
      read(experiment,
           "{\n\"schedule\": \"liner\",\n\"optimizer\": {\"lr\": -1, \"beta\": 0},\n\"training\": {\"batch_size\": \"x\"},\n"
           "\"objective\": {\"type\": \"r_drop\", \"loss\": {\"type\": \"cross_entropy\", \"label_smoothing\": 2}},\n\"nmae\": "
           "1\n}")
          .render();
  size_t at = 0;
  for (const char* next : {"there is no schedule", "optimizer.lr must", "no option \"beta\"", "training needs",
                           "training.batch_size must", "objective.loss.label_smoothing must", "no section \"nmae\"",
                           "7 errors; nothing was run (exit 3). More: tapedeck explain TD0302"}) {
    CAPTURE(next);
    at = shown.find(next, at);
    REQUIRE(at != std::string::npos);
  }
}

TEST_CASE("good values arrive; null and absence keep defaults") {
  Experiment e;
  const Diagnostics diagnostics =
      read(e,
           R"({"name": "n", "data": {"type": "glue", "task": "cola", "dir": "../d/cola"}, "schedule": "linear",
    "objective": {"type": "r_drop", "alpha": 2, "loss": {"type": "r_drop"}},
    "optimizer": {"lr": 1, "betas": [0, 0.5], "groups": [{"match": ["*.bias"], "weight_decay": 0}, {"match": ["a", "b"]}]},
    "training": {"duration": "90 min", "batch_size": 1e2, "micro_batch_size": 8, "shuffle": false, "norm": "post", "to": [],
                 "columns": {"text": "a", "label": "b"}, "anything": {"x": [1, null]}},
    "plugins": ["lib.so", "/abs/lib.so"]})",
           "configs");
  CHECK(diagnostics.render() == "");
  CHECK(dynamic_cast<Glue&>(*e.data).task == "cola");
  CHECK(dynamic_cast<Glue&>(*e.data).dir.path == "d/cola");
  CHECK(e.schedule.name() == "linear");
  CHECK(dynamic_cast<RDrop&>(*e.objective).alpha == 2);
  CHECK(dynamic_cast<RDrop&>(*dynamic_cast<RDrop&>(*e.objective).loss).loss.name() == "cross_entropy");
  CHECK(e.optimizer.betas == std::vector<double>{0, 0.5});
  REQUIRE(e.optimizer.groups.size() == 2);
  CHECK(e.optimizer.groups[0].weight_decay == 0.0);
  CHECK_FALSE(e.optimizer.groups[1].weight_decay.has_value());
  CHECK(e.training.duration.amount == 5400);
  CHECK(e.training.batch_size == 100);
  CHECK(e.training.micro_batch_size == 8);
  CHECK_FALSE(e.training.shuffle);
  CHECK(e.training.norm == Norm::post);
  CHECK(e.training.to.empty());
  CHECK(e.training.columns.at("label") == "b");
  CHECK(e.training.anything.dump(-1) == "{\"x\": [1, null]}");
  CHECK(e.plugins[0].path == "configs/lib.so");
  CHECK(e.plugins[1].path == "/abs/lib.so");

  Experiment defaults;
  CHECK(
      read(
          defaults,
          R"({"schedule": null, "optimizer": {"lr": null, "groups": null}, "training": {"duration": "1 epoch", "shuffle": null}})")
          .empty());
  CHECK(defaults.schedule.name() == "constant");
  CHECK(defaults.optimizer.lr == 1e-3);
  CHECK(defaults.training.shuffle);
}

TEST_CASE("what is written reads back the same") {
  const char* rows[] = {
      R"({"training": {"duration": "1 epoch"}})",
      R"({"data": {"type": "glue", "task": "sst2", "dir": "/d"}, "schedule": {"type": "linear", "warmup": "6.5%"},
          "objective": {"type": "r_drop", "alpha": 0.1, "loss": "r_drop"}, "optimizer": {"groups": [{"match": ["x"]}]},
          "training": {"duration": "500 steps", "norm": "post", "columns": {"a": "b"}, "anything": [true]}, "plugins": ["/x"]})",
  };
  for (const char* row : rows) {
    Experiment first, second;
    REQUIRE(read(first, row).empty());
    const std::string written = write_fields(first).dump();
    const Diagnostics diagnostics = read(second, written);
    CHECK(diagnostics.render() == "");
    CHECK(write_fields(second).dump() == written);
  }
  Experiment experiment;
  REQUIRE(read(experiment, rows[1]).empty());
  CHECK(
      write_fields(experiment).find("objective")->value.dump(-1) ==
      R"({"type": "r_drop", "alpha": 0.1, "loss": {"type": "r_drop", "alpha": 1.0, "loss": {"type": "cross_entropy", "label_smoothing": 0.0}}})");
}

TEST_CASE("durations") {
  struct Row {
    std::string given;
    Unit unit;
    double amount;
    std::string printed;
  };
  const Row rows[] = {
      {"500 steps", Unit::steps, 500, "500 steps"},
      {"1 step", Unit::steps, 1, "1 step"},
      {"3 epochs", Unit::epochs, 3, "3 epochs"},
      {"0.5 epochs", Unit::epochs, 0.5, "0.5 epochs"},
      {"1 epoch", Unit::epochs, 1, "1 epoch"},
      {"2 evaluations", Unit::evaluations, 2, "2 evaluations"},
      {"1000 examples", Unit::examples, 1000, "1000 examples"},
      {"6%", Unit::percent, 6, "6%"},
      {" 6.5 % ", Unit::percent, 6.5, "6.5%"},
      {"90 s", Unit::seconds, 90, "90 s"},
      {"15min", Unit::seconds, 900, "15 min"},
      {"2 h", Unit::seconds, 7200, "2 h"},
      {"1e3 steps", Unit::steps, 1000, "1000 steps"},
      {"0 steps", Unit::steps, 0, "0 steps"},
      {"0 s", Unit::seconds, 0, "0 s"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.given);
    const auto duration = Duration::parse(row.given);
    REQUIRE(duration.has_value());
    CHECK(duration->unit == row.unit);
    CHECK(duration->amount == row.amount);
    CHECK(duration->str() == row.printed);
    CHECK(Duration::parse(duration->str())->amount == row.amount);
  }
  for (const char* bad : {"", " ", "5", "epochs", "-1 steps", "+1 steps", "1.5 steps", "0.5 examples", "101%", "1 fortnight",
                          "nan steps", "inf s", "1 step s", "1e999 steps", "5 % steps", "0x10 steps", "steps 5"}) {
    CAPTURE(bad);
    CHECK_FALSE(Duration::parse(bad).has_value());
  }
}

TEST_CASE("the catalogue of diagnostics matches the source and the tests") {
  namespace fs = std::filesystem;
  const auto codes_in = [](const fs::path& folder, const std::string& suffix) {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (!name.ends_with(suffix) || name == "error_codes.cpp") continue;
      std::ifstream file(entry.path());
      const std::string content{std::istreambuf_iterator<char>(file), {}};
      for (size_t at = content.find("\"TD"); at != std::string::npos; at = content.find("\"TD", at + 1)) {
        if (content.size() > at + 7 && content[at + 7] == '"') found[content.substr(at + 1, 6)] = name;
      }
    }
    return found;
  };
  const fs::path root(TAPEDECK_SOURCE_DIR);
  const auto emitted = codes_in(root / "src", ".cpp"), tested = codes_in(root / "tests", "_test.cpp");
  std::string previous;
  for (const ErrorCode& row : error_codes()) {
    CAPTURE(row.code);
    CHECK(std::string(row.code) > previous);
    previous = row.code;
    CHECK(emitted.count(previous) == 1);
    CHECK(tested.count(previous) == 1);
    CHECK(find_error_code(row.code) == &row);
    CHECK(explain(row).find(row.hint) != std::string::npos);
  }
  std::ifstream guide(root / "docs/guide/errors.md");
  const std::string pages{std::istreambuf_iterator<char>(guide), {}};
  for (const ErrorCode& row : error_codes()) {
    const std::string line = text("| ", row.code, " | ", row.title, " | ", row.explanation, " ", row.hint, " |\n");
    CAPTURE(line);
    CHECK(pages.find(line) != std::string::npos);
  }
  for (const auto& code_and_file : emitted) {
    CAPTURE(code_and_file.second);
    CAPTURE(code_and_file.first);
    CHECK(find_error_code(code_and_file.first) != nullptr);
  }
  CHECK(find_error_code("td0301") == find_error_code("TD0301"));
  CHECK(find_error_code("TD9999") == nullptr);
}

TEST_CASE("names in messages cannot disturb a terminal") {
  CHECK(in_quotes("a\x1b[31mb\n") == "\"a\\u001B[31mb\\n\"");
  CHECK(in_quotes(std::string(1000, 'x')).size() < 100);
  CHECK(join({}) == "");
  CHECK(join({"a", "b"}, " and ") == "a and b");
}
