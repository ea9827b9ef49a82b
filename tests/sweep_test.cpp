// Sweeps of runs of milliseconds through the real tool: what is planned is what runs, a killed sweep goes on, failures stop
// nothing, and every result has the bits of the run alone. Next: study_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include <tapedeck/base/error.h>
#include <tapedeck/study/sweep.h>

#include "support/process.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;
using Parsed = nlohmann::json;

namespace {

constexpr const char* tiny = R"({
  "name": "tiny",
  "data": {"type": "tsv", "train": "train.tsv", "validation": "20%"},
  "model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "feed_forward": 16}},
  "training": {"duration": "6 steps", "batch_size": 8},
  "evaluation": {"every": "3 steps"},
  "runtime": {"threads": 1}
}
)";

std::string rows(int count) {
  std::string all = "text\tlabel\n";
  for (int i = 0; i < count; ++i)
    all += (i % 2 ? "a good film number " : "a bad film number ") + std::to_string(i % 7) + (i % 2 ? "\t1\n" : "\t0\n");
  return all;
}

struct Fixture {
  TempFolder folder{Medium::memory};
  Fixture() {
    write_raw(folder / "tiny.json", tiny);
    write_raw(folder / "train.tsv", rows(60));
  }
  Finished run(const std::vector<std::string>& words, Launch launch = {}) const {
    launch.directory = folder.path();
    return run_tool(words, launch);
  }
  Parsed plan(std::vector<std::string> words) const {
    words.insert(words.begin(), {"plan", "tiny.json"});
    words.emplace_back("--json");
    const Finished finished = run(words);
    CAPTURE(finished.err);
    REQUIRE(finished.exit_code == 0);
    return Parsed::parse(finished.out);
  }
  int count(const Parsed& plan, const std::string& state) const {
    return int(std::count_if(plan["runs"].begin(), plan["runs"].end(), [&](const Parsed& run) { return run["state"] == state; }));
  }
};

std::string model_in(const std::string& run_folder) {
  for (auto& entry : fs::recursive_directory_iterator(run_folder))
    if (entry.path().filename() == "model.safetensors" && entry.path().string().find("step-000006") != std::string::npos)
      return read_raw(entry.path().string());
  return "";
}

std::vector<std::string> with(std::vector<std::string> first, const std::vector<std::string>& more) {
  first.insert(first.end(), more.begin(), more.end());
  return first;
}

}  // namespace

TEST_CASE("a killed sweep of 24 runs goes on, and each result has the bits of the run alone") {
  const Fixture tool;
  const auto command = with({"run", "tiny.json", "--jobs", "2"}, {"--sweep", "optimizer.lr=0.001,0.01,0.02,0.05", "--sweep",
                                                                  "training.batch_size=4,8", "--set", "seeds=[1,2,3]"});
  const std::vector<std::string> asked(command.begin() + 4, command.end());
  REQUIRE(tool.plan(asked)["runs"].size() == 24);
  const auto finished_now = [&] {
    int finished = 0;
    std::error_code problem;
    for (fs::directory_iterator at(tool.folder / "runs/tiny/points", problem), end; !problem && at != end; at.increment(problem))
      finished += fs::exists(at->path() / "metrics.json");
    return finished;
  };
  const Finished killed = tool.run(command, {.meanwhile = [&](pid_t process) {
                                     if (finished_now() >= 9) kill(process, SIGKILL);
                                   }});
  REQUIRE(killed.signal == SIGKILL);
  const int before = finished_now();
  CHECK(before >= 9);
  CHECK(before < 24);
  std::map<std::string, fs::file_time_type> written;
  for (const Parsed& run : tool.plan(asked)["runs"])
    if (const std::string path = run["folder"].get<std::string>() + "/metrics.json"; run["state"] == "finished")
      written[path] = fs::last_write_time(path);
  const Finished again = tool.run(command);
  CAPTURE(again.err);
  REQUIRE(again.exit_code == 0);
  for (const auto& [path, time] : written) CHECK(fs::last_write_time(path) == time);
  const Parsed done = tool.plan(asked);
  CHECK(tool.count(done, "finished") == 24);
  for (size_t i = 0; i < 24; i += 5) {
    const Parsed& run = done["runs"][i];
    std::vector<std::string> alone = {"run", "tiny.json", "-q", "--folder", "alone-" + std::to_string(i)};
    for (const Parsed& set : run["point"]) alone.insert(alone.end(), {"--set", set});
    alone.insert(alone.end(), {"--set", "seed=" + std::to_string(run["seed"].get<int>())});
    REQUIRE(tool.run(alone).exit_code == 0);
    const std::string mine = model_in(run["folder"]), other = model_in(tool.folder / alone[4]);
    CHECK(mine.size() > 100);
    CHECK(mine == other);
  }
  const Finished nothing = tool.run(command);
  CHECK(nothing.out.find("0 trained, 24 were there, 0 failed") != std::string::npos);
  for (const char* file : {"sweep.json", "results.csv"})
    CHECK(fs::exists(tool.folder / ("runs/tiny/latest-sweep/" + std::string(file))));
  const Finished compared =
      tool.run({"compare", "runs/tiny/latest-sweep/1_lr=0.001_batch_size=4", "runs/tiny/latest-sweep/3_lr=0.01_batch_size=4"});
  CAPTURE(compared.err);
  CHECK(compared.exit_code == 0);
  CHECK(compared.out.find("seeds in both: 1, 2, 3") != std::string::npos);
}

TEST_CASE("three failing runs are reported, and stop nothing") {
  const Fixture tool;
  const Finished finished =
      tool.run(with({"run", "tiny.json"}, {"--sweep", "optimizer.lr=0.001,1e38", "--set", "seeds=[1,2,3]"}));
  CAPTURE(finished.out);
  CHECK(finished.exit_code == 7);
  CHECK(finished.out.find("3 failed") != std::string::npos);
  CHECK(finished.out.find("0.001") != std::string::npos);
  CHECK(finished.err.find("[6/6]") != std::string::npos);
  const Parsed sweep = Parsed::parse(read_raw(tool.folder / "runs/tiny/latest-sweep/sweep.json"));
  int failed = 0;
  for (const Parsed& trial : sweep["trials"]) {
    failed += trial["state"] == "failed";
    if (trial["state"] == "failed") CHECK(trial["problem"].get<std::string>().find("error") == 0);
  }
  CHECK(failed == 3);
  const Finished refused = tool.run({"run", "tiny.json", "--sweep", "optimizer.lr=0.001,-1"});
  CHECK(refused.exit_code == 7);
  CHECK(refused.out.find("must be at least 0") != std::string::npos);
}

TEST_CASE("a run is found again by what it depends on") {
  const Fixture tool;
  const std::string file = tool.folder / "tiny.json";
  const auto hash = [&](std::vector<std::string> sets) { return content_hash(file, sets); };
  const std::string plain = hash({"seed=1"});
  for (const char* free : {"notes=\"later\"", "runtime.threads=2", "logging.every=\"1 steps\"", "name=other", "output=elsewhere"})
    CHECK(hash({"seed=1", free}) == plain);
  for (const char* matters : {"seed=2", "training.duration=7 steps", "optimizer.lr=0.5", "training.batch_size=4",
                              "evaluation.every=1 steps", "runtime.dtype=f64", "data.validation=10%"})
    CHECK(hash({"seed=1", matters}) != plain);
  write_raw(tool.folder / "moved.tsv", rows(60));
  CHECK(hash({"seed=1", "data.train=" + (tool.folder / "moved.tsv")}) == plain);
  write_raw(tool.folder / "train.tsv", rows(61));
  CHECK(hash({"seed=1"}) != plain);
}

TEST_CASE("plan says the points: grid, random, successive halving") {
  const Fixture tool;
  const Parsed grid = tool.plan(
      {"--sweep", "objective=cross_entropy,r_drop", "--sweep", "schedule={\"type\":\"linear\",\"warmup\":\"1 steps\"},constant"});
  CHECK(grid["runs"].size() == 4);
  CHECK(grid["runs"][0]["point"][1] == "schedule={\"type\":\"linear\",\"warmup\":\"1 steps\"}");
  CHECK(tool.count(grid, "missing") == 4);
  CHECK(grid["estimated_seconds"].get<double>() > 0);
  const auto random = [&](int runs) {
    return tool.plan({"--set", "sweep={\"type\":\"random\",\"runs\":" + std::to_string(runs) +
                                   ",\"over\":{\"optimizer.lr\":{\"log_uniform\":[1e-4,1e-2]}}}"});
  };
  const Parsed few = random(3), more = random(5);
  for (size_t i = 0; i < 3; ++i) CHECK(few["runs"][i] == more["runs"][i]);
  for (const Parsed& run : more["runs"]) {
    const double lr = std::stod(run["point"][0].get<std::string>().substr(13));
    CHECK(lr >= 1e-4);
    CHECK(lr <= 1e-2);
  }
  const Finished halving =
      tool.run({"run", "tiny.json", "--set",
                "sweep={\"type\":\"successive_halving\",\"runs\":6,\"rungs\":2,\"goal\":\"loss\",\"over\":{\"optimizer.lr\":{"
                "\"log_uniform\":[1e-4,1e-1]}}}"});
  CAPTURE(halving.err);
  REQUIRE(halving.exit_code == 0);
  CHECK(halving.out.find("8 trained") != std::string::npos);
  const Parsed sweep = Parsed::parse(read_raw(tool.folder / "runs/tiny/latest-sweep/sweep.json"));
  std::vector<std::pair<double, int>> losses;  // the two best of the first rung are those of the second
  std::set<int> second;
  for (const Parsed& trial : sweep["trials"]) {
    const Parsed metrics = Parsed::parse(read_raw(trial["folder"].get<std::string>() + "/metrics.json"));
    CHECK(metrics["steps"] == (trial["rung"] == 0 ? 2 : 6));
    if (trial["rung"] == 0) losses.emplace_back(metrics["best"]["loss"], trial["point"]);
    else second.insert(trial["point"].get<int>());
  }
  std::sort(losses.begin(), losses.end());
  CHECK(second == std::set<int>{losses[0].second, losses[1].second});
}

TEST_CASE("mistakes on the command line are said with what to type") {
  const Fixture tool;
  struct Mistake {
    std::vector<std::string> words;
    int exit_code;
    const char* says;
  };
  for (const Mistake& m : {Mistake{{"run", "tiny.json", "--sweep", "optimizer.lr"}, 2, "--sweep optimizer.lr=1e-4,3e-4"},
                           Mistake{{"run", "tiny.json", "--sweep", "optimizer.lr=1,,2"}, 2, "remove a comma"},
                           Mistake{{"run", "tiny.json", "--jobs", "2"}, 2, "--sweep"},
                           Mistake{{"run", "tiny.json", "--sweep", "seed=1,2"}, 3, "seeds"},
                           Mistake{{"run", "tiny.json", "--folder", "here", "--sweep", "optimizer.lr=1,2"}, 2, "-o DIR"},
                           Mistake{{"run", "tiny.json", "--folder", "."}, 2, "exists already"}}) {
    const Finished finished = tool.run(m.words);
    CAPTURE(finished.err);
    CHECK(finished.exit_code == m.exit_code);
    CHECK(finished.err.find(m.says) != std::string::npos);
  }
}
