// Stages: each starts where the one before ended, and a run that is stopped in any of them ends in the same bytes.
// What a file may say: broken_experiments_test.cpp.
#include <doctest/doctest.h>

#include <tapedeck/base/error.h>
#include <tapedeck/run/run.h>
#include <tapedeck/train/checkpoint.h>

#include "support/compare.h"
#include "support/run_contents.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

const std::string smoke = TAPEDECK_SOURCE_DIR "/configs/smoke/stages.json";

std::map<std::string, Tensor> parameters(const std::string& folder, const char* which) {
  const auto pointer = nlohmann::json::parse(read_raw(folder + "/checkpoints/" + which + ".json"));
  const SafeTensors file = read_safetensors(folder + "/checkpoints/" + pointer["path"].get<std::string>() + "/model.safetensors");
  return {file.tensors.begin(), file.tensors.end()};
}

RunOptions quiet(const TempFolder& folder) {
  return {.sets = {"runtime.threads=1"}, .output = folder / "runs", .progress = ProgressMode::none};
}

}  // namespace

TEST_CASE("a stage starts from the parameters of the one before") {
  const TempFolder folder(Medium::memory);
  RunOptions options = quiet(folder);
  options.sets.push_back("stages.0.training.duration=12 steps");
  const RunResult result = run_experiment(smoke, options);
  CHECK(result.exit_code == 0);
  CHECK(result.seeds[0].folder == result.folder + "/stage-classify");
  CHECK(result.seeds[0].best.contains("accuracy"));
  const auto first = parameters(result.folder + "/stage-contrast", "best"),
             second = parameters(result.folder + "/stage-classify", "last");
  int shared = 0;
  for (auto& [name, tensor] : second) {
    CAPTURE(name);
    if (!name.starts_with("encoder.")) continue;
    CHECK(same_bits(tensor, first.at(name)));  // frozen
    ++shared;
  }
  CHECK(shared > 8);
  CHECK_FALSE(same_bits(second.at("head.weight"), first.at("head.weight")));
  CHECK(first.contains("projection.out.weight"));
  CHECK_FALSE(second.contains("projection.out.weight"));
  CHECK(seed_folders(result.folder) == std::vector<std::string>{result.folder + "/stage-classify"});
  CHECK(open_run(seed_folders(result.folder)[0], "best")->store.find("projection.out.weight") == nullptr);
}

TEST_CASE("a stage says what it loads, what is new and what is left behind") {
  const TempFolder folder(Medium::memory);
  RunOptions options = quiet(folder);
  options.sets.push_back("stages.1.tokenizer.max_length=12");
  const RunResult result = run_experiment(smoke, options);
  const std::string log = read_raw(result.folder + "/stage-classify/log.txt");
  for (const char* said : {"starts from ", "unused: ", "encoder.embeddings.position from row 12 on", "projection.in.weight"})
    CHECK(log.find(said) != log.npos);
  const auto first = parameters(result.folder + "/stage-contrast", "best"),
             second = parameters(result.folder + "/stage-classify", "last");
  const Tensor &whole = first.at("encoder.embeddings.position"), &cut = second.at("encoder.embeddings.position");
  CHECK(cut.shape() == Shape{12, 16});
  for (int64_t i = 0; i < cut.size(); ++i) CHECK(cut.item(i) == whole.item(i));
}

TEST_CASE("stopped in any stage, a run with seeds ends in the same bytes") {
  const TempFolder folder(Medium::memory);
  RunOptions options = quiet(folder);
  options.sets.push_back("seeds=[3, 4]");
  const RunResult whole = run_experiment(smoke, options);
  REQUIRE(whole.exit_code == 0);
  for (const int stop_after : {3, 9, 15, 30}) {  // updates, counted through stages and seeds: 6 + 6 + 12 + 12
    CAPTURE(stop_after);
    std::atomic<int> stop{0};
    int updates = 0;
    RunOptions stopped = options;
    stopped.stop_signal = &stop;
    stopped.after_step = [&](int64_t) {
      if (++updates == stop_after) stop = 15;
    };
    const RunResult half = run_experiment(smoke, stopped);
    CHECK(half.exit_code == 128 + 15);
    // the folder of a stage means the run it belongs to
    const RunResult end =
        resume_run(stop_after < 12 ? half.folder + "/stage-contrast" : half.folder, {.progress = ProgressMode::none});
    CHECK(end.exit_code == 0);
    CHECK_FALSE(end.nothing_left);
    CHECK(end.folder == half.folder);
    for (const char* part :
         {"stage-contrast/seed-3", "stage-contrast/seed-4", "stage-classify/seed-3", "stage-classify/seed-4"}) {
      CAPTURE(part);
      CHECK(figures(end.folder + "/" + part) == figures(whole.folder + "/" + part));
      CHECK(last_checkpoint(end.folder + "/" + part) == last_checkpoint(whole.folder + "/" + part));
    }
  }
  CHECK(resume_run(whole.folder, {.progress = ProgressMode::none}).nothing_left);
}

TEST_CASE("stages that cannot follow each other") {
  struct Row {
    const char* set;
    const char* message;
  };
  for (const Row& row :
       {Row{"stages.1.tokenizer.max_length=12", ""}, Row{"stages.1.tokenizer={\"type\": \"character\"}", "another vocabulary"},
        Row{R"(stages.1.model.encoder={"width": 8, "feed_forward": 8})", "no parameter"},
        Row{"stages.1.model.encoder.feed_forward=16", "encoder.layers.0.feed_forward.in.weight was [32,16], is [16,16]"},
        Row{"stages.1.model.encoder.layers=0", "encoder.layers.0.attention.qkv.weight is not in this stage"},
        Row{"stages.1.model.encoder.layers=2", ""}}) {
    INFO(row.set);
    const TempFolder folder(Medium::memory);
    RunOptions options = quiet(folder);
    options.sets.push_back(row.set);
    options.sets.push_back("stages.1.model.head={\"type\": \"mlp\"}");
    options.sets.push_back("stages.1.freeze=[]");
    std::string message;
    try {
      run_experiment(smoke, options);
    } catch (const Error& e) { message = e.what(); }
    INFO(message);
    if (std::string(row.message).empty()) CHECK(message == "");
    else CHECK(message.find(row.message) != message.npos);
  }
}
