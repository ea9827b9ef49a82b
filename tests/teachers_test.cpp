// Teachers in whole runs: distillation reads a checkpoint, mean_teacher and temporal_ensembling carry what they know from step
// to step. Their values: contrastive_golden_test.cpp; resuming them: train_resume_test.cpp.
#include <doctest/doctest.h>

#include <numeric>
#include <sstream>

#include <tapedeck/base/error.h>
#include <tapedeck/run/run.h>

#include "support/run_contents.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

const std::string smoke = TAPEDECK_SOURCE_DIR "/configs/smoke/base.json";

RunResult run(const TempFolder& folder, const std::string& name, std::vector<std::string> sets) {
  for (const char* set : {"runtime.threads=1", "logging.every=1 steps", "evaluation.every=40 steps", "model.encoder.dropout=0",
                          R"(model.head={"type": "linear", "dropout": 0})", "optimizer.lr=0.01"})
    sets.insert(sets.begin(), set);
  return run_experiment(smoke, {.sets = sets, .output = folder / name, .progress = ProgressMode::none});
}

/// A number of every training record.
std::vector<double> logged(const std::string& run_folder, const char* name) {
  std::istringstream lines(read_raw(run_folder + "/metrics.jsonl"));
  std::vector<double> all;
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    if (json["split"] == "train" && json.contains(name)) all.push_back(json[name]);
  }
  return all;
}

}  // namespace

TEST_CASE("a student that learns from a teacher alone comes to agree with it") {
  const TempFolder folder(Medium::memory);
  const RunResult teacher = run(folder, "teacher", {"training.duration=20 steps"});
  const std::string notified = R"(objective={"type": "distillation", "weight": 1, "teacher": ")" + teacher.folder + "\"}";
  const RunResult student = run(folder, "student", {"training.duration=120 steps", notified, "seed=5"});
  const auto gap = logged(student.folder, "disagreement");
  REQUIRE(gap.size() == 120);
  const double first = std::accumulate(gap.begin(), gap.begin() + 12, 0.0),
               last = std::accumulate(gap.end() - 12, gap.end(), 0.0);
  CHECK(first > 0.1);  // sums over an epoch
  CHECK(last < 0.3 * first);
  // the same initial values and no step taken: the teacher itself
  const std::string still = run(folder, "still", {"training.duration=1 steps", "optimizer.lr=0"}).folder;
  const RunResult twin =
      run(folder, "twin",
          {"training.duration=1 steps", R"(objective={"type": "distillation", "weight": 1, "teacher": ")" + still + "\"}"});
  CHECK(logged(twin.folder, "disagreement").front() < 1e-6);
}

TEST_CASE("a teacher that is not there or does not fit is an error before training") {
  const TempFolder folder(Medium::memory);
  const std::string missing = R"(objective={"type": "distillation", "teacher": "/no/such/folder"})";
  CHECK_THROWS_AS(run(folder, "missing", {missing}), Error);
  const std::string other = run(folder, "other", {"training.duration=1 steps", "model.encoder.width=8"}).folder;
  CHECK_THROWS_AS(run(folder, "unlike", {R"(objective={"type": "distillation", "teacher": ")" + other + "\"}"}), Error);
}

TEST_CASE("what is remembered counts from the second sight on") {
  const TempFolder folder(Medium::memory);
  const auto of = [&](const std::string& objective) {
    return logged(run(folder, "run", {"training.duration=24 steps", "objective=" + objective}).folder, "disagreement");
  };
  const auto ensemble = of(R"({"type": "temporal_ensembling", "weight": 0})");  // 12 steps an epoch
  for (size_t step = 0; step < 24; ++step) CHECK((ensemble[step] == 0) == (step < 12));
  const auto follower = of(R"({"type": "mean_teacher", "weight": 0.1, "decay": 0.9, "teacher_dropout": false})");
  CHECK(follower[0] < 1e-12);  // the teacher starts as the student and lags behind from then on
  for (size_t step = 2; step < 24; ++step) CHECK(follower[step] > 1e-9);
}
