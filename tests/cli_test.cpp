// The commands on an experiment of milliseconds: what a run folder holds, that eval and predict agree with it, that every
// listing is JSON, that everything registered is explained. Next: cli_resume_test.cpp, determinism_test.cpp.
#include <sstream>

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <tapedeck/base/error_codes.h>
#include <tapedeck/config/schema.h>
#include <tapedeck/run/run.h>
#include <tapedeck/tape/op_table.h>
#include <tapedeck/train/checkpoint.h>

#include "support/process.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;
using Parsed = nlohmann::json;

namespace {

constexpr const char* tiny = R"(// a comment that must survive
{
  "extends": "base.json",
  "name": "tiny",
  "data": {"type": "builtin", "train": 40, "validation": 16, "test": 16},
  "training": {"duration": "10 steps", "batch_size": 8},
  "evaluation": {"every": "4 steps"},
  "logging": {"every": "3 steps"},
  "runtime": {"threads": 1}
}
)";
constexpr const char* base = R"({
  "model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "feed_forward": 16}}
})";

struct ToolFixture {
  TempFolder folder;
  ToolFixture() {
    write_raw(folder / "tiny.json", tiny);
    write_raw(folder / "base.json", base);
  }
  Finished run(const std::vector<std::string>& arguments) const { return run_tool(arguments, {.directory = folder.path()}); }
  Parsed json(const std::string& name) const {
    CAPTURE(name);
    const std::string text = read_raw(folder / name);
    REQUIRE_FALSE(text.empty());
    return Parsed::parse(text);
  }
};

}  // namespace

TEST_CASE("a run folder holds everything that went in and came out") {
  const ToolFixture tool;
  const Finished finished = tool.run({"run", "tiny.json", "--set", "optimizer.lr=0.01"});
  CAPTURE(finished.err);
  REQUIRE(finished.exit_code == 0);
  for (const char* word : {"best (validation)", "last (validation)", "test", "accuracy", "run directory: runs/tiny/"})
    CHECK(finished.out.find(word) != std::string::npos);
  for (const char* word : {"threads 1", "eval step 4", "step 10/10"}) CHECK(finished.err.find(word) != std::string::npos);
  CHECK(finished.err.find('\x1b') == std::string::npos);

  const std::string run = "runs/tiny/latest/";
  CHECK(read_raw(tool.folder / (run + "experiment.json")) == tiny);
  CHECK(read_raw(tool.folder / (run + "sources/base.json")) == base);
  CHECK(tool.json(run + "resolved.json")["optimizer"]["lr"] == 0.01);
  CHECK(tool.json(run + "origins.json")["optimizer.lr"] == "--set optimizer.lr=0.01");
  CHECK(tool.json(run + "origins.json")["training.duration"] == "tiny.json:6");
  const Parsed environment = tool.json(run + "environment.json");
  for (const char* key : {"tapedeck", "build", "machine", "command_line", "working_directory", "git", "input_files"})
    CHECK(environment.contains(key));
  const Parsed status = tool.json(run + "status.json");
  CHECK(status["state"] == "finished");
  CHECK(status["stop_reason"] == "duration");
  CHECK(status["step"] == 10);
  CHECK(status["exit_code"] == 0);
  CHECK(status["resumable"] == false);
  const Parsed metrics = tool.json(run + "metrics.json");
  for (const char* part : {"best", "last", "test"})
    for (const char* key : {"step", "loss", "accuracy"}) CHECK(metrics[part].contains(key));
  CHECK(metrics["timings"]["seconds"].get<double>() > 0);
  for (const char* part : {"parameters", "gradients", "activations", "batch"}) CHECK(metrics["memory"][part].get<int64_t>() > 0);
  CHECK(metrics["memory"]["moments"] == 2 * metrics["memory"]["parameters"].get<int64_t>());
  CHECK(metrics["memory"]["peak"] < metrics["memory"]["resident_peak"]);
  CHECK(tool.json(run + "summary.json")["n"] == 1);
  CHECK(tool.json(run + "checkpoints/best.json").contains("path"));
  CHECK(fs::exists(tool.folder / (run + "checkpoints/step-000010/model.safetensors")));
  CHECK(tool.json(run + "labels.json")["labels"] == Parsed::array({"negative", "positive"}));
  CHECK(read_raw(tool.folder / (run + "log.txt")).find("eval step 10") != std::string::npos);
}

TEST_CASE("metrics.jsonl has one record per logged step and evaluation") {
  const ToolFixture tool;
  REQUIRE(tool.run({"run", "tiny.json", "-q"}).exit_code == 0);
  std::vector<std::pair<int, std::string>> records;
  std::istringstream lines(read_raw(tool.folder / "runs/tiny/latest/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const Parsed record = Parsed::parse(line);
    CHECK(record.contains("t"));
    CHECK(record.contains("loss"));
    records.emplace_back(record["step"].get<int>(), record["split"].get<std::string>());
  }
  const std::pair<int, std::string> test = records.back();
  CHECK(test.second == "test");
  records.pop_back();
  CHECK(records == std::vector<std::pair<int, std::string>>{{1, "train"},
                                                            {3, "train"},
                                                            {4, "validation"},
                                                            {6, "train"},
                                                            {8, "validation"},
                                                            {9, "train"},
                                                            {10, "train"},
                                                            {10, "validation"}});
}

TEST_CASE("runs are never overwritten, and resolved.json is an experiment itself") {
  const ToolFixture tool;
  for (int i = 0; i < 3; ++i) REQUIRE(tool.run({"run", "tiny.json", "-q", "-o", "out"}).exit_code == 0);
  std::vector<fs::path> runs;
  for (const auto& entry : fs::directory_iterator(tool.folder / "out/tiny")) runs.push_back(entry.path());
  CHECK(runs.size() == 3);
  REQUIRE(tool.run({"run", (runs[0] / "resolved.json").string(), "-q", "-o", "again"}).exit_code == 0);
  const fs::path again = fs::directory_iterator(tool.folder / "again/tiny")->path();
  for (const fs::path& other : {runs[1], again}) {
    Parsed a = Parsed::parse(read_raw((runs[0] / "metrics.json").string())),
           b = Parsed::parse(read_raw((other / "metrics.json").string()));
    for (const char* measured : {"timings", "memory", "crc32"}) a.erase(measured), b.erase(measured);
    CHECK(a == b);
    CHECK(read_raw((runs[0] / "resolved.json").string()) == read_raw((other / "resolved.json").string()));
  }
}

TEST_CASE("eval and predict agree with the run, without its data where they can") {
  const ToolFixture tool;
  REQUIRE(tool.run({"run", "tiny.json", "-q"}).exit_code == 0);
  const Parsed metrics = tool.json("runs/tiny/latest/metrics.json");
  const Finished best = tool.run({"eval", "runs/tiny/latest", "--json"}),
                 last = tool.run({"eval", "runs/tiny/latest", "--json", "--checkpoint", "last"});
  REQUIRE(best.exit_code == 0);
  for (const char* metric : {"accuracy", "loss"}) {
    CHECK(Parsed::parse(best.out)[0]["validation"][metric] == metrics["best"][metric]);
    CHECK(Parsed::parse(best.out)[0]["test"][metric] == metrics["test"][metric]);
    CHECK(Parsed::parse(last.out)[0]["validation"][metric] == metrics["last"][metric]);
  }
  CHECK(Parsed::parse(best.out)[0]["classes"] == metrics["classes"]);
  CHECK(metrics["classes"]["test"]["per_class"]["positive"].contains("roc_auc"));
  const std::string tables = tool.run({"eval", "runs/tiny/latest"}).out;
  for (const char* word : {"classes of test", "average_precision", "label \\ predicted"}) CHECK(tables.find(word) != tables.npos);
  std::string texts, labelled;
  std::vector<std::string> expected;
  int right = 0;
  std::istringstream lines(read_raw(tool.folder / "runs/tiny/latest/predictions/validation-best.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const Parsed record = Parsed::parse(line);
    texts += record["text"].get<std::string>() + "\n";
    labelled += record["text"].get<std::string>() + "\t" + record["label"].get<std::string>() + "\n";
    expected.push_back(record["predicted"]);
    right += record["predicted"] == record["label"];
  }
  CHECK(expected.size() == 16);
  CHECK(right / 16.0 == doctest::Approx(metrics["best"]["accuracy"].get<double>()));
  write_raw(tool.folder / "texts.txt", texts);
  write_raw(tool.folder / "labelled.txt", labelled);
  const Finished predicted = tool.run({"predict", "runs/tiny/latest", "texts.txt"});
  REQUIRE(predicted.exit_code == 0);
  std::istringstream answers(predicted.out);
  size_t i = 0;
  for (std::string line; std::getline(answers, line); ++i) CHECK(Parsed::parse(line)["predicted"] == expected.at(i));
  CHECK(i == expected.size());
  const Finished file = tool.run({"eval", "runs/tiny/latest", "--json", "--data", "labelled.txt"});
  CHECK(Parsed::parse(file.out)[0]["labelled.txt"]["accuracy"] == metrics["best"]["accuracy"]);
  CHECK(tool.run({"predict", "runs/tiny/latest", "texts.txt", "-o", "answers.jsonl"}).out.empty());
  CHECK(read_raw(tool.folder / "answers.jsonl") == predicted.out);
}

TEST_CASE("texts that are piped in get the predictions of a file, vectors and neighbours") {
  const ToolFixture tool;
  REQUIRE(tool.run({"run", "tiny.json", "-q"}).exit_code == 0);
  const std::string texts = "a fine film\na dull , slow film\nfine actors\n";
  write_raw(tool.folder / "texts.txt", texts);
  const auto piped = [&](std::vector<std::string> words, const std::string& input) {
    Launch launch;
    launch.directory = tool.folder / "";
    launch.input = input;
    return run_tool(words, launch);
  };
  const Finished file = tool.run({"predict", "runs/tiny/latest", "texts.txt"});
  REQUIRE(file.exit_code == 0);
  CHECK(piped({"predict", "runs/tiny/latest", "-"}, texts).out == file.out);
  const std::string as_json =
      "{\"text\": \"a fine film\"}\n\"a dull , slow film\"\r\n{\"text\": \"fine actors\", \"label\": null}";
  CHECK(piped({"predict", "runs/tiny/latest", "-"}, as_json).out == file.out);
  struct Broken {
    std::string line, said;
  };
  for (const Broken& broken : std::vector<Broken>{{"{\"txt\": 1}", "has no \"text\""},
                                                  {"{\"text\": 1}", "\"text\" is not a text"},
                                                  {"{\"text\"", "is no JSON"},
                                                  {"\xff", "UTF-8"}}) {
    CAPTURE(broken.line);
    const Finished refused = piped({"predict", "runs/tiny/latest", "-"}, "fine\n" + broken.line + "\n");
    CHECK(refused.exit_code == 4);
    CHECK(refused.err.find("standard input:2: ") != std::string::npos);
    CHECK(refused.err.find(broken.said) != std::string::npos);
  }
  REQUIRE(tool.run({"embed", "runs/tiny/latest", "texts.txt", "-o", "v.safetensors"}).exit_code == 0);
  REQUIRE(piped({"embed", "runs/tiny/latest", "-", "-o", "v.npy"}, texts).exit_code == 0);
  const Tensor vectors = read_safetensors(tool.folder / "v.safetensors").tensors.at(0).second;
  const std::string npy = read_raw(tool.folder / "v.npy");
  CHECK(npy.substr(0, 8) == std::string("\x93NUMPY\x01\x00", 8));
  CHECK(npy.find("'shape': (3, " + std::to_string(vectors.shape()[1]) + ")") != std::string::npos);
  const size_t bytes = size_t(vectors.size()) * 4;
  CHECK((npy.size() - bytes) % 64 == 0);
  CHECK(npy.substr(npy.size() - bytes) == std::string(reinterpret_cast<const char*>(vectors.raw<float>()), bytes));
  const Finished near = tool.run({"similar", "runs/tiny/latest", "texts.txt", "fine actors", "--json", "-k", "2"});
  const Parsed found = Parsed::parse(near.out);
  REQUIRE(found.size() == 2);
  CHECK(found[0]["line"] == 3);
  CHECK(found[0]["cosine"].get<double>() == doctest::Approx(1).epsilon(1e-6));
  double dot = 0, a = 0, b = 0;  // of the second, by hand
  const int64_t other = found[1]["line"].get<int64_t>() - 1, width = vectors.shape()[1];
  for (int64_t i = 0; i < width; ++i) {
    const double x = vectors.item(2 * width + i), y = vectors.item(other * width + i);
    dot += x * y, a += x * x, b += y * y;
  }
  CHECK(found[1]["cosine"].get<double>() == doctest::Approx(dot / std::sqrt(a * b)));
  CHECK(tool.run({"embed", "runs/tiny/latest", "texts.txt", "-o", "v.txt"}).exit_code == 2);
  CHECK(tool.run({"similar", "runs/tiny/latest", "missing.txt", "x"}).exit_code == 4);
}

TEST_CASE("several seeds: a folder each, statistics over them, one split for all") {
  const ToolFixture tool;
  const Finished finished = tool.run({"run", "tiny.json", "--progress", "none", "--set", "seeds=[3,4,5]"});
  REQUIRE(finished.exit_code == 0);
  for (const char* word : {"3 seeds", "95 % interval", "test accuracy"}) CHECK(finished.out.find(word) != std::string::npos);
  const std::string run = "runs/tiny/latest/";
  std::vector<double> accuracies;
  std::vector<std::string> texts;
  for (const char* seed : {"seed-3/", "seed-4/", "seed-5/"}) {
    accuracies.push_back(tool.json(run + seed + "metrics.json")["test"]["accuracy"]);
    std::string all;
    std::istringstream lines(read_raw(tool.folder / (run + seed + "predictions/validation-best.jsonl")));
    for (std::string line; std::getline(lines, line);) all += Parsed::parse(line)["text"].get<std::string>();
    texts.push_back(all);
  }
  CHECK(texts[0] == texts[1]);
  CHECK(texts[0] == texts[2]);
  const Statistics s = statistics(accuracies);
  const Parsed test = tool.json(run + "summary.json")["test"]["accuracy"];
  CHECK(test["n"] == 3);
  CHECK(test["mean"].get<double>() == doctest::Approx(s.mean));
  CHECK(test["sd"].get<double>() == doctest::Approx(s.sd));
  CHECK(test["interval_95"][1].get<double>() == doctest::Approx(s.interval_high));
  CHECK(Parsed::parse(tool.run({"eval", "runs/tiny/latest", "--json"}).out).size() == 3);
  CHECK(tool.run({"predict", "runs/tiny/latest", "tiny.json"}).err.find("seed-3") != std::string::npos);
}

TEST_CASE("statistics by hand") {
  const Statistics s = statistics({1, 2, 3, 4});
  CHECK(s.n == 4);
  CHECK(s.mean == doctest::Approx(2.5));
  CHECK(s.sd == doctest::Approx(1.2909944));
  CHECK(s.low == 1);
  CHECK(s.high == 4);
  CHECK(s.interval_low == doctest::Approx(2.5 - 3.182 * 1.2909944 / 2));
  CHECK(statistics({7}).interval_high == 7);
  CHECK(statistics(std::vector<double>(40, 2.0)).interval_low == doctest::Approx(2));
}

TEST_CASE("progress for machines is the records themselves, and none is nothing") {
  const ToolFixture tool;
  const Finished records = tool.run({"run", "tiny.json", "--progress", "json"});
  CHECK(records.err == read_raw(tool.folder / "runs/tiny/latest/metrics.jsonl"));
  const Finished none = tool.run({"run", "tiny.json", "--progress", "none"});
  CHECK(none.err.empty());
  CHECK(none.out.find("run directory") != std::string::npos);
  CHECK(tool.run({"run", "tiny.json", "--progress", "live"}).err.find("epoch 1/2") != std::string::npos);
}

TEST_CASE("every listing is JSON when asked for") {
  const ToolFixture tool;
  REQUIRE(tool.run({"run", "tiny.json", "-q"}).exit_code == 0);
  const std::vector<std::vector<std::string>> calls = {{"list", "--json"},
                                                       {"list", "objective", "--json"},
                                                       {"list", "ops", "--json"},
                                                       {"list", "metric", "--json"},
                                                       {"explain", "r_drop", "--json"},
                                                       {"schema"},
                                                       {"schema", "--json"},
                                                       {"show", "tiny.json"},
                                                       {"show", "tiny.json", "--json"},
                                                       {"show", "tiny.json", "--origin", "--json"},
                                                       {"check", "tiny.json", "--json"},
                                                       {"eval", "runs/tiny/latest", "--json"},
                                                       {"doctor", "--json"},
                                                       {"version", "--json"}};
  for (const auto& call : calls) {
    const Finished finished = tool.run(call);
    CAPTURE(call[0]);
    CAPTURE(finished.err);
    CHECK(finished.exit_code == 0);
    CHECK(Parsed::accept(finished.out));
    CHECK(finished.out.size() > 10);
  }
}

TEST_CASE("check says what a run will cost") {
  const ToolFixture tool;
  const Parsed check = Parsed::parse(tool.run({"check", "tiny.json", "--json"}).out);
  CHECK(check["train_examples"] == 40);
  CHECK(check["steps"] == 10);
  CHECK(check["steps_per_epoch"] == 5);
  CHECK(check["parameters"].get<int>() > 500);
  CHECK(check["peak_bytes"].get<int64_t>() > 4 * 4 * 500);
  CHECK(check["memory"]["peak"] == check["peak_bytes"]);
  CHECK(check["seconds_per_step"].get<double>() > 0);
  const Finished parameters = tool.run({"check", "tiny.json", "--parameters"});
  CHECK(parameters.out.find("encoder.embeddings.word") != std::string::npos);
  CHECK_FALSE(fs::exists(tool.folder / "runs"));
}

TEST_CASE("show says where each value comes from") {
  const ToolFixture tool;
  const Finished shown = tool.run({"show", "tiny.json", "--origin", "--set", "training.batch_size=4"});
  const auto row = [&](const std::string& start) {
    const size_t at = shown.out.find(start);
    REQUIRE(at != std::string::npos);
    return shown.out.substr(at, shown.out.find('\n', at) - at);
  };
  CHECK(row("training.batch_size = 4").find("--set") != std::string::npos);
  CHECK(row("model.encoder.width = 8").find("base.json:2") != std::string::npos);
  CHECK(row("optimizer.type = \"adamw\"").find("default") != std::string::npos);
}

TEST_CASE("everything that has a name is explained") {
  ExperimentConfig root;
  const Choice<Metric> metric;
  const std::vector<PartDoc> parts = part_docs(root, {&metric});
  CHECK(parts.size() > 30);
  const ToolFixture tool;
  const Parsed listed = Parsed::parse(tool.run({"list", "--json"}).out);
  for (const PartDoc& part : parts) {
    CAPTURE(part.name);
    CHECK(part.doc.size() > 5);
    CHECK(explain(parts, part.kind == "section" ? part.name : part.kind + "." + part.name).find(part.doc.substr(0, 20)) !=
          std::string::npos);
    CHECK(std::any_of(listed.begin(), listed.end(),
                      [&](const Parsed& row) { return row["kind"] == part.kind && row["name"] == part.name; }));
  }
  CHECK(op_table().size() > 30);
  for (const OpEntry& op : op_table())
    CHECK(std::any_of(listed.begin(), listed.end(),
                      [&](const Parsed& row) { return row["kind"] == "op" && row["name"] == op.name; }));
  for (const ErrorCode& code : error_codes()) CHECK(explain(parts, std::string(code.code)).find(code.title) != std::string::npos);
  for (const char* topic : {"r_drop", "training.batch_size", "TD0301", "tanh", "objective"}) {
    const Finished finished = tool.run({"explain", topic});
    CAPTURE(topic);
    CHECK(finished.exit_code == 0);
    CHECK(finished.out.size() > 40);
  }
}

TEST_CASE("help and version") {
  const ToolFixture tool;
  const Finished help = tool.run({"--help"});
  CHECK(help.exit_code == 0);
  for (const char* command : {"run", "resume", "check", "show", "eval", "predict", "embed", "similar", "list", "explain", "look",
                              "step", "schema", "doctor"}) {
    CHECK(help.out.find(std::string("\n  ") + command) != std::string::npos);
    CHECK(tool.run({command, "--help"}).exit_code == 0);
  }
  CHECK(tool.run({"--version"}).out == "tapedeck " + std::string(version()) + "\n");
  CHECK(tool.run({"doctor"}).out.find("all good") != std::string::npos);
}
