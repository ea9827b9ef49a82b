// The generated schema and reference texts: the schema must accept what the binder accepts and refuse what it refuses.
// Why: an editor that disagrees with the tool is worse than none. Next: base_fields_test.cpp for the binder.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include <tapedeck/base/error.h>
#include <tapedeck/base/registry.h>
#include <tapedeck/config/schema.h>

#include "support/json_schema.h"

using namespace tapedeck;
using testing::Validator;
using Unit = Duration::Unit;
using Kind = Json::Kind;

namespace {

struct Feed : Part {
  static constexpr const char* kind = "reader";
};
struct Table : Feed {
  Path train;
  std::optional<int64_t> limit;
  std::map<std::string, std::string> columns;
  void describe(Fields& f) override {
    f("train", train, "file to train on").required();
    f("limit", limit, "read only so many rows").at_least(1);
    f("columns", columns, "which column holds what");
  }
};
struct Generated : Feed {};
struct Method : Part {
  static constexpr const char* kind = "objective";
};
struct Plain : Method {
  double smoothing = 0;
  void describe(Fields& f) override { f("label_smoothing", smoothing, "share given away").at_least(0).below(1); }
};
struct Twice : Method {
  double alpha = 1;
  Choice<Method> loss{"plain"};
  void describe(Fields& f) override {
    f("alpha", alpha, "weight of the agreement").at_least(0);
    f("loss", loss, "what is wrapped");
  }
};
TAPEDECK_PART(Feed, Table, "table", "Rows of a file.");
TAPEDECK_PART(Feed, Generated, "generated", "Sentences of a grammar. No file needed.");
TAPEDECK_PART(Method, Plain, "plain", "The task loss. Nothing else.");
TAPEDECK_PART(Method, Twice, "twice", "Two passes must agree.");

struct Pattern : Part {
  std::vector<std::string> match;
  double decay = 0;
  void describe(Fields& f) override {
    f("match", match, "patterns").required().length(1, 3);
    f("decay", decay, "weight decay").at_least(0);
  }
};
struct Length : Part {
  Duration duration{3, Unit::epochs}, warmup{0, Unit::steps};
  int64_t batch_size = 32;
  std::vector<double> betas{0.9, 0.999};
  std::string order = "shuffled";
  bool verbose = false;
  std::vector<Pattern> groups;
  Json threads = Json::of("auto");
  void describe(Fields& f) override {
    f("duration", duration, "how long");
    f("warmup", warmup, "linear rise").in({Unit::steps, Unit::percent});
    f("batch_size", batch_size, "examples per update").at_least(1);
    f("betas", betas, "decay of the moments").range(0, 1).below(1).length(2, 2);
    f("order", order, "of the examples").one_of({"shuffled", "sorted"});
    f("verbose", verbose, "more output");
    f.list("groups", groups, "options by parameter name");
    f("threads", threads, "a count or \"auto\"");
  }
};
struct Whole : Part {
  std::string name;
  std::optional<int64_t> seed;
  std::vector<int64_t> seeds;
  Choice<Feed> data{"generated"};
  Choice<Method> objective{"plain"};
  Length training;
  void describe(Fields& f) override {
    f("name", name, "of the run");
    f("seed", seed, "once").at_least(0);
    f("seeds", seeds, "several times").at_least(0);
    f("data", data, "where examples come from");
    f("objective", objective, "training method");
    f("training", training, "length and batches");
  }
};

struct Extra : Part {
  static constexpr const char* kind = "extra";
};

Json parse(const std::string& text) { return parse_json(text, "test"); }

}  // namespace

TEST_CASE("the schema accepts what the binder accepts and refuses what it refuses") {
  Whole whole;
  const Json schema = json_schema(whole);
  const Validator validator(schema);
  struct Row {
    std::string json;
    bool good;
  };
  const Row rows[] = {
      {R"({})", true},
      {R"({"name": "x", "seed": 3})", true},
      {R"({"seed": -1})", false},
      {R"({"seed": 1.5})", false},
      {R"({"seed": 2.0})", true},
      {R"({"seeds": [1, 2]})", true},
      {R"({"seeds": [1, -2]})", false},
      {R"({"sed": 1})", false},
      {R"({"data": "generated"})", true},
      {R"({"data": "table"})", false},
      {R"({"data": "unheard_of"})", false},
      {R"({"data": {"type": "table", "train": "a", "limit": 3, "columns": {"text": "t"}}})", true},
      {R"({"data": {"type": "table", "train": 5}})", false},
      {R"({"data": {"type": "table", "train": ""}})", false},
      {R"({"data": {"type": "table", "train": "a", "columns": {"text": 1}}})", false},
      {R"({"data": {"type": "table", "train": "a", "limit": 0}})", false},
      {R"({"data": {"type": "generated", "train": "a"}})", false},
      {R"({"data": {"type": "unheard_of"}})", false},
      {R"({"data": 5})", false},
      {R"({"data": null})", true},
      {R"({"objective": {"type": "twice", "alpha": 0.5, "loss": "plain"}})", true},
      {R"({"objective": {"type": "twice", "loss": {"type": "twice", "loss": {"type": "plain", "label_smoothing": 0.1}}}})", true},
      {R"({"objective": {"type": "twice", "loss": {"type": "twice", "loss": {"type": "plain", "label_smoothing": 1}}}})", false},
      {R"({"objective": {"type": "twice", "loss": {"type": "plain", "alpha": 1}}})", false},
      {R"({"objective": {"type": "plain", "alpha": 1}})", false},
      {R"({"training": {"duration": "5 epochs", "warmup": "6%"}})", true},
      {R"({"training": {"duration": "2.5 h", "warmup": "1 step"}})", true},
      {R"({"training": {"warmup": "2 epochs"}})", false},
      {R"({"training": {"duration": 5}})", false},
      {R"({"training": {"duration": "5 parsecs"}})", false},
      {R"({"training": {"batch_size": 0}})", false},
      {R"({"training": {"batch_size": "32"}})", false},
      {R"({"training": {"batch_size": null}})", true},
      {R"({"training": {"betas": [0.5, 0.9]}})", true},
      {R"({"training": {"betas": [0.5]}})", false},
      {R"({"training": {"betas": [0.5, 1.0]}})", false},
      {R"({"training": {"betas": [0.5, "x"]}})", false},
      {R"({"training": {"betas": 0.5}})", false},
      {R"({"training": {"order": "sorted"}})", true},
      {R"({"training": {"order": "random"}})", false},
      {R"({"training": {"verbose": true}})", true},
      {R"({"training": {"verbose": 1}})", false},
      {R"({"training": {"groups": [{"match": ["*.bias"], "decay": 0}]}})", true},
      {R"({"training": {"groups": [{"match": []}]}})", false},
      {R"({"training": {"groups": [{"match": ["a"], "lr": 1}]}})", false},
      {R"({"training": {"groups": {}}})", false},
      {R"({"training": {"threads": 4}})", true},
      {R"({"training": {"threads": "auto"}})", true},
      {R"({"training": {"epochs": 4}})", false},
      {R"({"training": []})", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.json);
    CHECK(validator.accepts(parse(row.json)) == row.good);
    Whole read;
    Diagnostics diagnostics;
    read_fields(read, parse(row.json), "", diagnostics);
    CHECK(diagnostics.empty() == row.good);
  }
}

TEST_CASE("the schema also knows what concerns whole files: format, extends, vars, variables, partial parts") {
  Whole whole;
  const Json schema = json_schema(whole);
  const Validator validator(schema);
  struct Row {
    std::string json;
    bool good;
  };
  const Row rows[] = {
      {R"({"$schema": "x", "format": 1, "extends": "base.json", "vars": {"a": [1]}, "name": "x"})", true},
      {R"({"format": 2})", false},
      {R"({"extends": ["a", "b"]})", true},
      {R"({"extends": 5})", false},
      {R"({"name": "a b"})", false},
      {R"({"seed": 1, "seeds": [1]})", false},
      {R"({"training": {"batch_size": "${vars.b}", "duration": "${vars.d}", "order": "${vars.o}", "betas": "${vars.l}", "verbose": "${vars.v}"}})",
       true},
      {R"({"training": {"batch_size": "b${vars.b}"}})", false},
      {R"({"data": {"train": "a"}})", true},
      {R"({"data": {"type": "table"}})", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.json);
    CHECK(validator.accepts(parse(row.json)) == row.good);
  }
  CHECK(parse_json(schema.dump(), "schema").dump() == schema.dump());
  CHECK(schema.find("definitions")->value.members.size() == 6);
}

TEST_CASE("explain: every topic gives the text a person needs") {
  Whole whole;
  const std::vector<PartDoc> docs = part_docs(whole);
  struct Row {
    std::string topic;
    std::vector<std::string> words;
  };
  const Row rows[] = {
      {"TD0301", {"TD0301: unknown option", "What to do:"}},
      {"twice",
       {"objective \"twice\"", "Two passes must agree.", "alpha", "a number, at least 0 (default 1.0)", "weight of the agreement",
        "an objective (default \"plain\")", "\"type\": \"twice\""}},
      {"objective.plain", {"a number, at least 0 and less than 1 (default 0.0)"}},
      {"table", {"a path (required)", "\"train\": \"...\"", "limit  ", "a whole number, at least 1\n"}},
      {"objective", {"kind \"objective\"", "  plain", "The task loss\n", "  twice", "Two passes must agree\n"}},
      {"data", {"a reader (default \"generated\")", "kind \"reader\"", "  table"}},
      {"training",
       {"section \"training\"", "a duration such as \"500 steps\" or \"6%\" (default \"0 steps\")", "\"shuffled\" or \"sorted\"",
        "a list of 2 numbers, at least 0 and less than 1 (default [0.9, 0.999])", "true or false (default false)"}},
      {"training.batch_size", {"section \"training\"\n  batch_size", "examples per update"}},
      {"training.groups", {"section \"training.groups\"", "patterns", "a list of texts (required)"}},
      {"batch_size", {"section \"training\"", "examples per update"}},
      {"data.limit", {"reader \"table\"", "read only so many rows"}},
      {"objective.alpha", {"objective \"twice\"", "weight of the agreement"}},
      {"generated", {"It has no options."}},
      {"experiment", {"section \"experiment\"", "objective", "training method"}},
  };
  for (const Row& row : rows) {
    const std::string shown = explain(docs, row.topic);
    CAPTURE(row.topic);
    CAPTURE(shown);
    for (const std::string& word : row.words) {
      CAPTURE(word);
      CHECK(shown.find(word) != std::string::npos);
    }
    CHECK(shown.ends_with('\n'));
  }
  struct Miss {
    std::string topic, hint;
  };
  for (const Miss& miss : {Miss{"twise", "\"twice\""}, Miss{"batchsize", "\"batch_size\""}, Miss{"TD0399", "\"TD03"},
                           Miss{"zzz", ""}, Miss{"", ""}}) {
    CAPTURE(miss.topic);
    try {
      explain(docs, miss.topic);
      FAIL("explained");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      CHECK(error.hint().find(miss.hint) != std::string::npos);
    }
  }
}

TEST_CASE("parts are listed once, sections first; further kinds can be added") {
  Registry<Extra>::add(
      "one", []() -> std::unique_ptr<Extra> { return std::make_unique<Extra>(); }, "The only one.");
  Whole whole;
  const Choice<Extra> extra;
  std::vector<std::string> names;
  for (const PartDoc& doc : part_docs(whole, {&extra})) names.push_back(doc.kind + " " + doc.name);
  CHECK(names == std::vector<std::string>{"section experiment", "section training", "section training.groups", "extra one",
                                          "objective plain", "objective twice", "reader generated", "reader table"});
  CHECK(explain_part(extra, "one").find("The only one.") != std::string::npos);
  CHECK_THROWS_AS(explain_part(extra, "two"), Error);
}
