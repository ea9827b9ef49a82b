// From files and --set to one tree: tables of files with the tree or the diagnostic they give.
// Why: people combine files in every order; the rule must be the same everywhere. Next: config_schema_test.cpp.
#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <tapedeck/base/error.h>
#include <tapedeck/base/fields.h>
#include <tapedeck/config/source.h>

using namespace tapedeck;
namespace fs = std::filesystem;

namespace {

/// A folder of its own for the files of one row.
struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "tapedeck-source-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  void write(const std::string& name, const std::string& content) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name, std::ios::binary) << content;
  }
  std::string at(const std::string& name) const { return (path / name).string(); }
};

using Files = std::map<std::string, std::string>;

LoadedExperiment load(const Folder& folder, const Files& files, const std::vector<std::string>& sets, Diagnostics& diagnostics) {
  for (const auto& [name, content] : files) folder.write(name, content);
  return load_experiment(folder.at("main.json"), sets, diagnostics);
}

std::string replaced(std::string s, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = s.find(from, at)) != std::string::npos; at += to.size()) s.replace(at, from.size(), to);
  return s;
}

Json parse(const std::string& text) { return parse_json(text, "test"); }

}  // namespace

TEST_CASE("merge: over onto base") {
  struct Row {
    std::string base, over, result;
  };
  const Row rows[] = {
      {R"({"a": 1})", R"({"b": 2})", R"({"a": 1, "b": 2})"},
      {R"({"a": {"x": 1, "y": 2}})", R"({"a": {"y": 3}})", R"({"a": {"x": 1, "y": 3}})"},
      {R"({"a": [1, 2]})", R"({"a": [3]})", R"({"a": [3]})"},
      {R"({"a": 1, "b": 2})", R"({"a": null})", R"({"b": 2})"},
      {R"({"a": {"x": 1}})", R"({"a": {"x": null}})", R"({"a": {}})"},
      {R"({"s": {"type": "linear", "warmup": "6%"}})", R"({"s": {"type": "cosine"}})", R"({"s": {"type": "cosine"}})"},
      {R"({"s": {"type": "linear", "warmup": "6%"}})", R"({"s": {"type": "linear", "end_lr": 1}})",
       R"({"s": {"type": "linear", "warmup": "6%", "end_lr": 1}})"},
      {R"({"s": {"type": "linear", "warmup": "6%"}})", R"({"s": {"end_lr": 1}})",
       R"({"s": {"type": "linear", "warmup": "6%", "end_lr": 1}})"},
      {R"({"s": {"type": "linear", "warmup": "6%"}})", R"({"s": "linear"})", R"({"s": {"type": "linear", "warmup": "6%"}})"},
      {R"({"s": {"type": "linear", "warmup": "6%"}})", R"({"s": "cosine"})", R"({"s": "cosine"})"},
      {R"({"s": "linear"})", R"({"s": {"warmup": "6%"}})", R"({"s": {"type": "linear", "warmup": "6%"}})"},
      {R"({"s": "linear"})", R"({"s": {"type": "linear", "warmup": "6%"}})", R"({"s": {"type": "linear", "warmup": "6%"}})"},
      {R"({"s": "linear"})", R"({"s": {"type": "cosine"}})", R"({"s": {"type": "cosine"}})"},
      {R"({"s": "linear"})", R"({"s": "cosine"})", R"({"s": "cosine"})"},
      {R"({"s": {"x": 1}})", R"({"s": "text"})", R"({"s": "text"})"},
      {R"({"s": 5})", R"({"s": {"x": 1}})", R"({"s": {"x": 1}})"},
      {R"({"s": {"x": 1}})", R"({"s": 5})", R"({"s": 5})"},
      {R"({"s": {"warmup": "6%"}})", R"({"s": {"type": "linear"}})", R"({"s": {"warmup": "6%", "type": "linear"}})"},
      {R"({"m": {"head": {"type": "mlp", "hidden": 3}, "pooling": "cls"}})", R"({"m": {"head": "linear"}})",
       R"({"m": {"head": "linear", "pooling": "cls"}})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.base);
    CAPTURE(row.over);
    CHECK(merge(parse(row.base), parse(row.over)).dump(-1) == row.result);
    CHECK(merge(parse(row.result), parse("{}")).dump(-1) == row.result);
    CHECK(merge(parse("{}"), parse(row.result)).dump(-1) == row.result);
  }
}

TEST_CASE("--set: assignment onto a tree") {
  const std::string tree =
      R"({"name": "n", "lr": 1, "schedule": "linear", "groups": [{"match": ["a"]}, "x"], "seeds": [1, 2], "o": {"type": "r", "a": 1}})";
  struct Row {
    std::string assignment, path, result;
  };  // path: dotted, within the result
  const Row rows[] = {
      {"lr=0.5", "lr", "0.5"},
      {"lr=1e-3", "lr", "0.001"},
      {"lr=-1", "lr", "-1"},
      {"name=other", "name", "\"other\""},
      {"name=\"5\"", "name", "\"5\""},
      {"name=", "name", "\"\""},
      {"name=a=b", "name", "\"a=b\""},
      {"name=3 epochs", "name", "\"3 epochs\""},
      {"lr=true", "lr", "true"},
      {"new.deep.key=1", "new", R"({"deep": {"key": 1}})"},
      {"schedule=cosine", "schedule", "\"cosine\""},
      {"schedule.warmup=6%", "schedule", R"({"type": "linear", "warmup": "6%"})"},
      {"schedule.type=cosine", "schedule", R"({"type": "cosine"})"},
      {"o={\"b\": 2}", "o", R"({"type": "r", "a": 1, "b": 2})"},
      {"o={\"type\": \"s\"}", "o", R"({"type": "s"})"},
      {"o.a=null", "o", R"({"type": "r"})"},
      {"groups.0.match=[\"b\"]", "groups", R"([{"match": ["b"]}, "x"])"},
      {"groups[0].decay=0", "groups", R"([{"match": ["a"], "decay": 0}, "x"])"},
      {"groups.1=y", "groups", R"([{"match": ["a"]}, "y"])"},
      {"groups.0.match.0=b", "groups", R"([{"match": ["b"]}, "x"])"},
      {"seed=3", "seeds", ""},
      {"seed=3", "seed", "3"},
      {"lr=null", "lr", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.assignment);
    Json json = parse(tree);
    Diagnostics diagnostics;
    apply_set(json, row.assignment, diagnostics);
    CHECK(diagnostics.render() == "");
    const Json::Member* member = json.find(row.path);
    CHECK((member ? member->value.dump(-1) : "") == row.result);
  }
  struct Broken {
    std::string assignment, code, words;
  };
  const Broken broken[] = {
      {"groups.2.x=1", "TD0204", "groups has no entry \"2\""},
      {"groups.x=1", "TD0204", "groups has no entry \"x\""},
      {"groups.99999999999999=1", "TD0204", "has no entry"},
      {"lr.x=1", "TD0204", "lr is not a section: it is 1"},
      {"lr.x.y=1", "TD0204", "lr is not a section"},
      {"extends=other.json", "TD0204", "can only be given in a file"},
      {"o={\"a\":", "TD0205", "not JSON"},
      {"groups=[1,]", "TD0205", "a comma before ]"},
      {"name=\"x", "TD0205", "not closed"},
      {"o={\"a\": 1, \"a\": 2}", "TD0205", "appears twice"},
      {"name=\xff", "TD0205", "UTF-8"},
  };
  for (const Broken& row : broken) {
    CAPTURE(row.assignment);
    Json json = parse(tree);
    Diagnostics diagnostics;
    apply_set(json, row.assignment, diagnostics);
    REQUIRE(diagnostics.list().size() == 1);
    CHECK(diagnostics.list()[0].code == row.code);
    CHECK(diagnostics.render().find(row.words) != std::string::npos);
    CHECK(diagnostics.render().find("(command line)") != std::string::npos);
    CHECK(json.dump(-1) == tree);
  }
  for (std::string bad : {"lr", "", "=1", ".a=1", "a.=1", "a..b=1", "a[]=1"}) {
    CAPTURE(bad);
    Json json = parse(tree);
    Diagnostics diagnostics;
    CHECK_THROWS_AS(apply_set(json, bad, diagnostics), Error);
  }
  Json json = parse(tree);
  Diagnostics diagnostics;
  CHECK_THROWS_AS(apply_set(json, replaced(std::string(100'000, 'a'), "a", "a.") + "b=1", diagnostics), Error);
}

TEST_CASE("files that load: the tree and where its values came from") {
  struct Row {
    Files files;
    std::vector<std::string> sets;
    std::string tree, origins;
  };
  const Row rows[] = {
      {{{"main.json", R"({"$schema": "s", "format": 1, "name": "n", "x": 1})"}},
       {},
       R"({"name": "n", "x": 1})",
       R"({"name": "main.json:1", "x": "main.json:1"})"},
      {{{"main.json", "{\"extends\": \"base.json\",\n \"name\": \"m\", \"a\": {\"y\": 2}}"},
        {"base.json", "{\"name\": \"b\",\n\n \"a\": {\"x\": 1, \"y\": 1}}"}},
       {"a.z=3"},
       R"({"name": "m", "a": {"x": 1, "y": 2, "z": 3}})",
       R"({"name": "main.json:2", "a.x": "base.json:3", "a.y": "main.json:2", "a.z": "--set a.z=3"})"},
      {{{"main.json", R"({"extends": ["one.json", "sub/two.json"]})"},
        {"one.json", R"({"name": "one", "a": 1, "b": 1})"},
        {"sub/two.json", R"({"extends": "three.json", "b": 2})"},
        {"sub/three.json", R"({"c": 3, "b": 3})"}},
       {},
       R"({"name": "one", "a": 1, "b": 2, "c": 3})",
       R"({"name": "one.json:1", "a": "one.json:1", "b": "sub/two.json:1", "c": "sub/three.json:1"})"},
      {{{"main.json", R"({"extends": ["base.json", "base.json"], "name": "n"})"}, {"base.json", R"({"a": 1})"}},
       {},
       R"({"a": 1, "name": "n"})",
       ""},
      {{{"main.json", R"({"extends": "base.json", "seeds": [1, 2]})"}, {"base.json", R"({"name": "n", "seed": 3})"}},
       {},
       R"({"name": "n", "seeds": [1, 2]})",
       ""},
      {{{"main.json", R"({"extends": null, "name": "n", "seeds": [1, 2]})"}}, {"seed=7"}, R"({"name": "n", "seed": 7})", ""},
      {{{"main.json", R"({"name": "n", "s": "linear", "g": [{"m": [1]}]})"}},
       {"s.w=6%"},
       R"({"name": "n", "s": {"type": "linear", "w": "6%"}, "g": [{"m": [1]}]})",
       R"({"name": "main.json:1", "s.type": "main.json:1", "s.w": "--set s.w=6%", "g.0.m": "main.json:1"})"},
      // variables
      {{{"main.json",
         R"({"name": "n", "vars": {"d": "/data", "n": 5, "l": [1, 2]}, "a": "${vars.d}/x", "b": "${vars.n}", "c": "w${vars.n}-${name}", "d": "${vars.l}"})"}},
       {},
       R"({"name": "n", "a": "/data/x", "b": 5, "c": "w5-n", "d": [1, 2]})",
       ""},
      {{{"main.json", R"({"name": "n", "vars": {"d": "/data"}, "a": "${vars.d}"})"}},
       {"vars.d=/other"},
       R"({"name": "n", "a": "/other"})",
       ""},
      {{{"main.json", R"({"extends": "base.json", "vars": {"d": "/mine"}})"},
        {"base.json", R"({"name": "n", "vars": {"d": "/d", "e": 1}, "a": "${vars.d}${vars.e}"})"}},
       {},
       R"({"name": "n", "a": "/mine1"})",
       ""},
      {{{"main.json",
         R"({"name": "n", "vars": {"d": "${env:TAPEDECK_TEST_VARIABLE}/y"}, "a": "${vars.d}", "b": ["${env:TAPEDECK_TEST_VARIABLE}"]})"}},
       {},
       R"({"name": "n", "a": "value${name}/y", "b": ["value${name}"]})",
       ""},
      {{{"main.json", R"({"name": "n", "seed": 4, "a": "${seed}", "b": "s${seed}"})"}},
       {},
       R"({"name": "n", "seed": 4, "a": 4, "b": "s4"})",
       ""},
      {{{"main.json", R"({"name": "n", "a": "s${seed}"})"}}, {}, R"({"name": "n", "a": "s0"})", ""},
      {{{"main.json", R"({"name": "n", "seeds": [9], "a": "s${seed}"})"}}, {}, R"({"name": "n", "seeds": [9], "a": "s9"})", ""},
      {{{"main.json", R"({"name": "n", "seeds": [1, 2], "a": "s${seed}"})"}},
       {},
       R"({"name": "n", "seeds": [1, 2], "a": "s${seed}"})",
       ""},
      {{{"main.json", R"({"name": "n", "a": "costs $5 {really}"})"}}, {}, R"({"name": "n", "a": "costs $5 {really}"})", ""},
  };
  ::setenv("TAPEDECK_TEST_VARIABLE", "value${name}", 1);
  for (const Row& row : rows) {
    const Folder folder;
    CAPTURE(row.files.at("main.json"));
    Diagnostics diagnostics;
    const LoadedExperiment loaded = load(folder, row.files, row.sets, diagnostics);
    CHECK(diagnostics.render() == "");
    CHECK(loaded.tree.dump(-1) == row.tree);
    CHECK(loaded.main_text == row.files.at("main.json"));
    CHECK(loaded.sources.front()->name == folder.at("main.json"));
    if (!row.origins.empty()) CHECK(replaced(origins(loaded.tree).dump(-1), folder.path.string() + "/", "") == row.origins);
  }
}

TEST_CASE("files that do not load: code, place, words") {
  struct Row {
    Files files;
    std::vector<std::string> sets;
    std::string code, place, words;
  };
  const Row rows[] = {
      {{{"main.json", "[1]"}}, {}, "TD0106", "main.json:1:1", "must be an object"},
      {{{"main.json", "{\"name\": \"n\",}"}}, {}, "TD0101", "main.json:1:13", "a comma before }"},
      {{{"main.json", "{\n \"extends\": \"bse.json\", \"name\": \"n\"}"}, {"base.json", "{}"}},
       {},
       "TD0201",
       "main.json:2:13",
       "did you mean \"base.json\"?"},
      {{{"main.json", "{\"extends\": \".\", \"name\": \"n\"}"}}, {}, "TD0201", "main.json:1:13", "it is a directory"},
      {{{"main.json", "{\"extends\": \"main.json\", \"name\": \"n\"}"}},
       {},
       "TD0202",
       "main.json:1:13",
       "main.json -> main.json"},
      {{{"main.json", "{\"extends\": \"b.json\", \"name\": \"n\"}"},
        {"b.json", "{\n\"extends\": [\"./c.json\"]}"},
        {"c.json", "{\"extends\": \"../X/b.json\"}"}},
       {},
       "TD0202",
       "c.json:1:13",
       "b.json -> c.json -> b.json"},
      {{{"main.json", "{\"extends\": [\"b.json\", \"b.json\"], \"name\": \"n\"}"},
        {"b.json", "{\"extends\": [\"c.json\", \"c.json\"]}"},
        {"c.json", "{\"extends\": [\"d.json\", \"d.json\"]}"},
        {"d.json", "{\"extends\": [\"e.json\", \"e.json\"]}"},
        {"e.json", "{\"extends\": [\"f.json\", \"f.json\"]}"},
        {"f.json", "{\"extends\": [\"g.json\", \"g.json\"]}"},
        {"g.json", "{\"extends\": [\"h.json\", \"h.json\"]}"},
        {"h.json", "{}"}},
       {},
       "TD0203",
       "",
       "more than 100 files"},
      {{{"main.json", "{\"extends\": 5, \"name\": \"n\"}"}}, {}, "TD0303", "main.json:1:13", "extends must be a file name"},
      {{{"main.json", "{\"extends\": [\"\"], \"name\": \"n\"}"}}, {}, "TD0303", "main.json:1:14", "extends must be a file name"},
      {{{"main.json", "{\"extends\": \"b.json\", \"name\": \"n\"}"}, {"b.json", "{\n  \"a\" 1}"}},
       {},
       "TD0101",
       "b.json:2:7",
       "without a colon"},
      {{{"main.json", "{\"extends\": \"b.json\", \"name\": \"n\"}"}, {"b.json", "{\n  \"format\": 2}"}},
       {},
       "TD0209",
       "b.json:2:13",
       "format 1, not 2"},
      {{{"main.json", "{\"format\": \"1\", \"name\": \"n\"}"}}, {}, "TD0209", "main.json:1:12", "format 1"},
      {{{"main.json", "{\"name\": \"n\"}"}}, {"format=3"}, "TD0209", "--set format=3", "format 1, not 3"},
      {{{"main.json", "{}"}}, {}, "TD0307", "main.json:1:1", "the experiment needs \"name\""},
      {{{"main.json", "{\"name\": \"a b\"}"}}, {}, "TD0210", "main.json:1:10", "\"a b\" cannot be the name"},
      {{{"main.json", "{\"name\": \"../x\"}"}}, {}, "TD0210", "main.json:1:10", "cannot be the name"},
      {{{"main.json", "{\"name\": \"..\"}"}}, {}, "TD0210", "main.json:1:10", "cannot be the name"},
      {{{"main.json", "{\"name\": \"\"}"}}, {}, "TD0210", "main.json:1:10", "cannot be the name"},
      {{{"main.json", "{\"name\": \"n\"}"}}, {"name=a/b"}, "TD0210", "--set name=a/b", "cannot be the name"},
      {{{"main.json", "{\"name\": \"n\", \"seed\": 1, \"seeds\": [1]}"}}, {}, "TD0206", "main.json:1:26", "exclude each other"},
      {{{"main.json", "{\"name\": \"n\", \"vars\": [1]}"}}, {}, "TD0303", "main.json:1:23", "vars must be an object"},
      {{{"main.json", "{\"name\": \"n\", \"vars\": {\"data\": 1},\n\"a\": \"x/${vars.dta}\"}"}},
       {},
       "TD0207",
       "main.json:2:9",
       "did you mean \"vars.data\"?"},
      {{{"main.json", "{\"name\": \"n\", \"vars\": {\"data\": 1},\n\"a\": \"${data}\"}"}},
       {},
       "TD0207",
       "main.json:2:7",
       "did you mean \"vars.data\"?"},
      {{{"main.json", "{\"name\": \"n\", \"a\": \"${\"}"}}, {}, "TD0207", "main.json:1:20", "never closed"},
      {{{"main.json", "{\"name\": \"n\", \"a\": \"${}\"}"}}, {}, "TD0207", "main.json:1:21", "there is no variable \"\""},
      {{{"main.json", "{\"name\": \"n\", \"vars\": {\"a\": [1]}, \"a\": \"x${vars.a}\"}"}},
       {},
       "TD0207",
       "main.json:1:40",
       "cannot be part of a string"},
      {{{"main.json", "{\"name\": \"n\", \"vars\": {\"a\": 1, \"b\": \"${vars.a}\"}}"}},
       {},
       "TD0207",
       "main.json:1:38",
       "variables cannot use each other"},
      {{{"main.json", "{\"name\": \"n\", \"a\": \"${env:TAPEDECK_NOT_SET}\"}"}},
       {},
       "TD0208",
       "main.json:1:21",
       "\"TAPEDECK_NOT_SET\" is not set"},
      {{{"main.json", "{\"name\": \"n\"}"}}, {"a=${vars.x}"}, "TD0207", "--set a=${vars.x}", "there is no variable"},
      {{{"main.json", "{\"name\": \"n\"}"}},
       {"name.x.y=1", "a.0=1", "a.b=[1", "a=1", "a.b=2"},
       "TD0204",
       "--set a.b=2",
       "a is not a section"},
  };
  for (const Row& row : rows) {
    const Folder folder;
    CAPTURE(row.files.at("main.json"));
    const std::string parent = folder.path.filename().string();
    Files files = row.files;
    for (auto& [name, content] : files) content = replaced(content, "../X/", "../" + parent + "/");
    Diagnostics diagnostics;
    load(folder, files, row.sets, diagnostics);
    const std::string shown = replaced(diagnostics.render(), folder.path.string() + "/", "");
    CAPTURE(shown);
    const auto hit = std::find_if(diagnostics.list().begin(), diagnostics.list().end(),
                                  [&](const Diagnostic& c) { return c.code == row.code; });
    REQUIRE(hit != diagnostics.list().end());
    CHECK(shown.find(row.words) != std::string::npos);
    CHECK(shown.find("\n  " + row.place) != std::string::npos);
  }
}

TEST_CASE("a main file that cannot be read ends with a config error") {
  const Folder folder;
  folder.write("trec.json", "{}");
  Diagnostics diagnostics;
  struct Row {
    std::string path, words;
  };
  const Row rows[] = {{folder.at("trek.json"), "did you mean \"trec.json\"?"},
                      {folder.path.string(), "it is a directory"},
                      {folder.at("trec.json/x.json"), "cannot read"},
                      {folder.at("no/such/x.json"), "No such file"}};
  for (const Row& row : rows) {
    CAPTURE(row.path);
    try {
      load_experiment(row.path, {}, diagnostics);
      FAIL("loaded");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::config);
      CHECK(std::string(error.what()).find(row.words) != std::string::npos);
    }
  }
}

TEST_CASE("the built-in experiment loads and takes --set") {
  Diagnostics diagnostics;
  const LoadedExperiment loaded = load_experiment("", {"name=mine", "training.batch_size=8"}, diagnostics);
  CHECK(diagnostics.render() == "");
  CHECK(loaded.tree.find("name")->value.string == "mine");
  CHECK(loaded.sources.front()->directory.empty());
}

TEST_CASE("paths belong to the file that contains them, or that defines the variable they begin with") {
  struct Reader : Part {
    Path own, base, variable, set, absolute;
    void describe(Fields& f) override {
      f("own", own, "");
      f("base", base, "");
      f("variable", variable, "");
      f("set", set, "");
      f("absolute", absolute, "");
    }
  };
  struct Root : Part {
    std::string name;
    Reader data;
    void describe(Fields& f) override {
      f("name", name, "");
      f("data", data, "");
    }
  } root;
  const Folder folder;
  Diagnostics diagnostics;
  const LoadedExperiment loaded =
      load(folder,
           {{"main.json", R"({"extends": "shared/base.json", "name": "n", "vars": {"d": "corpus"}, "data": {"own": "a.txt"}})"},
            {"shared/base.json",
             R"({"vars": {"d": "unused"}, "data": {"base": "../b.txt", "variable": "${vars.d}/c.txt", "absolute": "/x/y"}})"}},
           {"data.set=d.txt"}, diagnostics);
  read_fields(root, loaded.tree, "", diagnostics);
  CHECK(diagnostics.render() == "");
  CHECK(root.data.own.path == folder.at("a.txt"));
  CHECK(root.data.base.path == folder.at("b.txt"));
  CHECK(root.data.variable.path == folder.at("corpus/c.txt"));
  CHECK(root.data.set.path == "d.txt");
  CHECK(root.data.absolute.path == "/x/y");
  const Json from = origins(loaded.tree, write_fields(root));
  CHECK(from.find("data.set")->value.string == "--set data.set=d.txt");
  CHECK(replaced(from.find("data.base")->value.string, folder.path.string(), "") == "/shared/base.json:1");
}

TEST_CASE("origins of a resolved experiment name the defaults") {
  const Json tree = parse(R"({"a": "linear", "b": {"x": 1, "z": null}})");
  const Json resolved =
      parse(R"({"a": {"type": "linear", "warmup": "0 steps"}, "b": {"x": 1, "y": [1, 2], "z": 3}, "c": [{"d": 1}]})");
  CHECK(
      origins(tree, resolved).dump(-1) ==
      R"({"a.type": "test:1", "a.warmup": "default", "b.x": "test:1", "b.y": "default", "b.z": "default", "c.0.d": "default"})");
}

TEST_CASE("substitute_seed replaces what was left") {
  CHECK(substitute_seed(parse(R"({"a": "${seed}", "b": ["s${seed}-${seed}", 1, {"c": "none"}]})"), 12).dump(-1) ==
        R"({"a": 12, "b": ["s12-12", 1, {"c": "none"}]})");
}
