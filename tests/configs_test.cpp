// Every file in configs/: the small ones run, the large ones bind, the schema accepts all, and running a file leaves what
// its commentary promises. Next: cli_test.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include <tapedeck/config/schema.h>
#include <tapedeck/run/run.h>

#include "support/experiments.h"
#include "support/json_schema.h"
#include "support/run_contents.h"
#include "support/tiny_run.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

const fs::path configs = fs::path(TAPEDECK_SOURCE_DIR) / "configs";

/// Names of the parts a resolved experiment uses: every "type".
void collect_types(const Json& json, std::set<std::string>& types) {
  for (const Json::Member& member : json.members) {
    if (member.key == "type") types.insert(member.value.string);
    collect_types(member.value, types);
  }
  for (const Json& item : json.items) collect_types(item, types);
}

}  // namespace

TEST_CASE("every smoke experiment runs") {
  const TempFolder folder(Medium::memory);
  const auto files = experiments_in(configs / "smoke");
  CHECK(files.size() >= 25);
  for (const std::string& file : files) {
    CAPTURE(file);
    const RunResult result =
        run_experiment(file, {.sets = {"runtime.threads=1"}, .output = folder / "runs", .progress = ProgressMode::none});
    CHECK(result.exit_code == 0);
    for (const SeedResult& seed : result.seeds) {
      CHECK(seed.steps >= 6);
      CHECK(std::isfinite(seed.best.at("loss")));
      CHECK(std::isfinite(seed.last.at("loss")));
      const auto json = figures(seed.folder);
      CHECK(json["steps"] == seed.steps);
      CHECK(last_checkpoint(seed.folder).size() >= 4);
    }
  }
}

TEST_CASE("the smoke experiments use every part there is") {
  std::set<std::string> used = {"builtin"};
  for (const std::string& file : experiments_in(configs / "smoke")) {
    Diagnostics diagnostics;
    LoadedExperiment loaded = load_experiment(file, {}, diagnostics);
    ExperimentConfig config;
    bind_experiment(loaded.tree, config, diagnostics);
    REQUIRE(diagnostics.empty());
    collect_types(resolved_tree(config), used);
    collect_types(loaded.tree, used);  // a resolved experiment is one point of its sweep
    used.insert(config.evaluation.metrics.begin(), config.evaluation.metrics.end());
  }
  ExperimentConfig root;
  for (const PartDoc& part : part_docs(root)) {
    if (part.kind == "section" || part.name == "distillation") continue;  // the latter needs a run: teachers_test.cpp
    CAPTURE(part.kind);
    CAPTURE(part.name);
    CHECK(used.contains(part.name));
  }
}

TEST_CASE("a recipe without its data says where they come from and how to get them") {
  int recipes = 0;
  for (const std::string& file : experiments_in(configs)) {
    const std::string folder = fs::path(file).parent_path().filename();
    if (file.find("/smoke/") != std::string::npos || folder == "configs" || folder == "pretrained" ||
        fs::path(file).filename() == "distillation.json")
      continue;
    CAPTURE(file);
    const std::string said = thrown([&] { check_experiment(file, {"vars.data=/nowhere"}); }, ErrorKind::data);
    CHECK(said.find("it comes from ") != std::string::npos);
    CHECK(said.find("./deck fetch ") != std::string::npos);
    ++recipes;
  }
  CHECK(recipes > 40);
}

TEST_CASE("the schema accepts every file, and every file binds without diagnostic") {
  ExperimentConfig root;
  const Json rules = json_schema(root);  // the validator keeps a reference
  const Validator schema(rules);
  for (const std::string& file : experiments_in(configs)) {
    CAPTURE(file);
    auto source = std::make_shared<Source>();
    source->name = file;
    source->text = read_raw(file);
    Diagnostics diagnostics;
    CHECK(schema.accepts(parse_json(source, diagnostics)));
    LoadedExperiment loaded = load_experiment(file, {}, diagnostics);
    ExperimentConfig config;
    bind_experiment(loaded.tree, config, diagnostics);
    CHECK(diagnostics.render() == "");
    CHECK(schema.accepts(resolved_tree(config)));
    CHECK_FALSE(config.notes.empty());
  }
}

TEST_CASE("a resolved experiment binds to itself") {
  for (const std::string& file : experiments_in(configs)) {
    CAPTURE(file);
    Diagnostics diagnostics;
    LoadedExperiment loaded = load_experiment(file, {}, diagnostics);
    ExperimentConfig config, again;
    bind_experiment(loaded.tree, config, diagnostics);
    const std::string once = resolved_tree(config).dump();
    const TempFolder folder(Medium::memory);
    write_raw(folder / "resolved.json", once);
    LoadedExperiment second = load_experiment(folder / "resolved.json", {}, diagnostics);
    bind_experiment(second.tree, again, diagnostics);
    CHECK(diagnostics.render() == "");
    CHECK(resolved_tree(again).dump() == once);
  }
}

TEST_CASE("the built-in experiment is the quickstart") {
  Diagnostics diagnostics;
  CHECK(load_experiment("", {}, diagnostics).main_text == read_raw((configs / "quickstart.json").string()));
  CHECK(diagnostics.empty());
}
