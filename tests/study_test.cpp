// Many runs of milliseconds through the real tool: comparisons, listings and sweeps say what the files of the runs say.
// Next: statistics_test.cpp, sweep_test.cpp.
#include <sstream>

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/process.h"

using namespace tapedeck::testing;
namespace fs = std::filesystem;
using Parsed = nlohmann::json;

namespace {

constexpr const char* tiny = R"({
  "name": "tiny",
  "data": {"type": "builtin", "train": 40, "validation": 16, "test": 16},
  "model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "feed_forward": 16}},
  "training": {"duration": "6 steps", "batch_size": 8},
  "evaluation": {"every": "3 steps"},
  "runtime": {"threads": 1}
}
)";

/// Runs of one experiment and of a changed one, made once for all cases.
struct Runs {
  TempFolder folder{Medium::memory};
  Runs() {
    write_raw(folder / "tiny.json", tiny);
    for (const auto& extra : std::vector<std::vector<std::string>>{
             {"--set", "seeds=[1,2,3,4,5,6,7]"},
             {"--set", "seeds=[2,3,4,5,6,7,8]", "--set", "name=fast", "--set", "optimizer.lr=0.05"},
             {"--set", "name=alone", "--set", "seed=9", "--set", "training.batch_size=4"}}) {
      std::vector<std::string> words = {"run", "tiny.json", "-q"};
      words.insert(words.end(), extra.begin(), extra.end());
      REQUIRE(run(words).exit_code == 0);
    }
  }
  Finished run(const std::vector<std::string>& words) const { return run_tool(words, {.directory = folder.path()}); }
  Parsed json(const std::string& name) const { return Parsed::parse(read_raw(folder / name)); }
};
const Runs& runs() {
  static const Runs all;
  return all;
}

int lines_with(const std::string& text, const std::string& word) {
  std::istringstream lines(text);
  int count = 0;
  for (std::string line; std::getline(lines, line);) count += line.find(word) != std::string::npos;
  return count;
}

}  // namespace

TEST_CASE("compare pairs by seed and says what the files say") {
  const Finished finished = runs().run({"compare", "tiny", "runs/fast/latest", "--json"});
  CAPTURE(finished.err);
  REQUIRE(finished.exit_code == 0);
  const Parsed c = Parsed::parse(finished.out);
  CHECK(c["seeds"] == Parsed::array({2, 3, 4, 5, 6, 7}));
  CHECK(c["only_in_a"] == Parsed::array({1}));
  CHECK(c["only_in_b"] == Parsed::array({8}));
  CHECK(c["changes"] == Parsed::array({"optimizer.lr: 0.001 -> 0.05"}));
  const Parsed& first = c["metrics"][0];
  CHECK(first["split"] == "test");
  CHECK(first["metric"] == "accuracy");
  double difference = 0;
  for (size_t i = 0; i < 6; ++i) {
    const std::string seed = "/latest/seed-" + std::to_string(i + 2) + "/metrics.json";
    const double a = runs().json("runs/tiny" + seed)["test"]["accuracy"], b = runs().json("runs/fast" + seed)["test"]["accuracy"];
    CHECK(first["a"][i] == a);
    CHECK(first["b"][i] == b);
    difference += (b - a) / 6;
  }
  CHECK(first["difference"].get<double>() == doctest::Approx(difference));
  CHECK(c["predictions"].size() == 6);
  CHECK(c["predictions"][0]["rows"] == 16);
  const std::string answer = c["words"][0];
  const bool evidence = first["evidence"];
  CHECK((answer.find("is better than") != std::string::npos) == evidence);
  CHECK((answer.find("Not enough evidence") != std::string::npos) == !evidence);
  const Finished shown = runs().run({"compare", "tiny", "fast", "--metric", "loss", "--split", "validation"});
  for (const char* word : {"validation loss", "McNemar p", "changed: optimizer.lr: 0.001 -> 0.05", "95 % interval"})
    CHECK(shown.out.find(word) != std::string::npos);
}

TEST_CASE("a run compared with itself is no evidence, and mistakes are said with what to do") {
  const Finished same = runs().run({"compare", "tiny", "runs/tiny/latest"});
  CHECK(same.out.find("Not enough evidence") != std::string::npos);
  struct Mistake {
    std::vector<std::string> words;
    int exit_code;
    const char* says;
  };
  for (const Mistake& m :
       {Mistake{{"compare", "tiny", "fats"}, 2, "did you mean \"fast\""},
        Mistake{{"compare", "tiny", "alone"}, 2, "no seed is in both"},
        Mistake{{"compare", "tiny", "fast", "--metric", "acuracy"}, 2, "did you mean \"accuracy\""},
        Mistake{{"compare", "tiny", "tiny.json"}, 2, "there is no run"},
        Mistake{{"compare", "tiny", "runs"}, 2, "more than once"}, Mistake{{"ls", "nowhere"}, 2, "there is no folder nowhere"},
        Mistake{{"ls", "acuracy>0.9"}, 2, "no run has \"acuracy\""}, Mistake{{"ls", "type=adamw"}, 2, "could be"}}) {
    const Finished finished = runs().run(m.words);
    CAPTURE(finished.err);
    CHECK(finished.exit_code == m.exit_code);
    CHECK(finished.err.find(m.says) != std::string::npos);
  }
}

TEST_CASE("ls finds runs by any option and metric") {
  const auto found = [](std::vector<std::string> words) {
    words.insert(words.begin(), "ls");
    words.emplace_back("--json");
    const Finished finished = runs().run(words);
    CAPTURE(finished.err);
    REQUIRE(finished.exit_code == 0);
    std::vector<std::string> names;
    for (const Parsed& run : Parsed::parse(finished.out)) names.push_back(run["name"]);
    return names;
  };
  using Names = std::vector<std::string>;
  CHECK(found({}).size() == 3);
  CHECK(found({"optimizer.lr=0.05"}) == Names{"fast"});
  CHECK(found({"lr>0.01"}) == Names{"fast"});
  CHECK(found({"name=*t*"}).size() == 2);
  CHECK(found({"name=*t*", "training.batch_size!=8"}) == Names{});
  CHECK(found({"training.duration=6 steps"}).size() == 3);
  CHECK(found({"accuracy>=0"}).size() == 3);
  CHECK(found({"accuracy>1"}) == Names{});
  CHECK(found({"--sort", "training.batch_size", "--limit", "1"}) == Names{"alone"});
  CHECK(found({"runs/fast"}) == Names{"fast"});
  const Names best = found({"--sort", "best.loss"});
  std::map<std::string, double> loss;
  for (const Parsed& run : Parsed::parse(runs().run({"ls", "--json"}).out)) loss[run["name"]] = run["values"]["best.loss"];
  CHECK(loss[best[0]] <= loss[best[1]]);
  CHECK(loss[best[1]] <= loss[best[2]]);
  const Finished shown = runs().run({"ls", "--columns", "name,lr,test.accuracy"});
  CHECK(lines_with(shown.out, "fast") == 1);
  CHECK(shown.out.find("0.05") != std::string::npos);
  const Finished differing = runs().run({"ls"});
  for (const char* word : {"optimizer.lr", "training.batch_size", "finished"})
    CHECK(differing.out.find(word) != std::string::npos);
}
