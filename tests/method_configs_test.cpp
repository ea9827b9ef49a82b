// Every file of configs/methods trains for two updates on the data it names: a broken recipe fails here, not after an hour.
// Without the data sets beside the project they bind, which configs_test.cpp checks, and do not run.
#include <doctest/doctest.h>

#include <cmath>
#include <iostream>

#include <tapedeck/run/run.h>

#include "support/run_contents.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

const fs::path methods = fs::path(TAPEDECK_SOURCE_DIR) / "configs/methods";
const bool have_data = fs::is_directory(fs::path(TAPEDECK_SOURCE_DIR).parent_path() / "shared/data");

/// What turns a recipe into a dry_run: two updates of one seed on the first rows of its files.
std::vector<std::string> dry_run(const std::string& file) {
  std::vector<std::string> sets = {"seeds=[1]", "training.duration=4 steps", "evaluation.every=2 steps", "runtime.threads=1"};
  Diagnostics diagnostics;
  const LoadedExperiment loaded = load_experiment(file, {}, diagnostics);
  const Json::Member* data = loaded.tree.find("data");
  REQUIRE(data);
  bool nested = false;
  for (const char* part : {"train", "evaluation", "labelled", "unlabelled"}) {  // readers inside the reader
    const Json::Member* inner = data->value.find(part);
    if (!inner || !inner->value.find("type")) continue;
    nested = true;
    sets.push_back(std::string("data.") + part + ".limit=200");
  }
  if (!nested) sets.push_back("data.limit=200");
  if (const Json::Member* stages = loaded.tree.find("stages"))
    for (size_t i = 0; i < stages->value.items.size(); ++i) sets.push_back(text("stages.", i, ".training.duration=4 steps"));
  return sets;
}

bool distills(const std::string& file) { return read_raw(file).find("\"distillation\"") != std::string::npos; }

}  // namespace

TEST_CASE("every recipe of configs/methods trains") {
  if (!have_data) {
    std::cout << "skipped: no data sets in ../shared/data, the recipes of configs/methods do not run\n";
    return;
  }
  const TempFolder folder(Medium::memory);
  int files = 0;
  for (const auto& entry : fs::directory_iterator(methods)) {
    if (entry.path().extension() != ".json") continue;
    const std::string file = entry.path().string();
    CAPTURE(file);
    std::vector<std::string> sets = dry_run(file);
    if (distills(file)) {  // who learns from a run needs one
      const std::string plain = (methods / "supervised.json").string();
      const RunResult teacher =
          run_experiment(plain, {.sets = dry_run(plain), .output = folder / "teacher", .progress = ProgressMode::none});
      sets.push_back("objective.teacher=" + teacher.seeds[0].folder);
    }
    const RunResult result =
        run_experiment(file, {.sets = sets, .output = folder / entry.path().stem().string(), .progress = ProgressMode::none});
    CHECK(result.exit_code == 0);
    for (const SeedResult& seed : result.seeds) {
      CHECK(seed.steps == 4);
      CHECK(std::isfinite(seed.last.at("loss")));
    }
    ++files;
  }
  CHECK(files >= 32);
}
