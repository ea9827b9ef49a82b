// The benchmarks run, print JSON whose figures are possible, and refuse what they cannot measure. No figure is held to a
// speed here: tests/bench/compare.py does that on a quiet machine.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/process.h"

using namespace tapedeck::testing;
using Parsed = nlohmann::json;

namespace {

const std::vector<std::string> small = {"--layers", "1", "--width",  "16", "--heads",      "2",
                                        "--batch",  "4", "--length", "6",  "--vocabulary", "20"};

Finished bench(std::vector<std::string> words, const std::vector<std::string>& more = {}) {
  words.insert(words.begin(), "bench");
  words.insert(words.end(), more.begin(), more.end());
  return run_tool(words);
}

Parsed report_of(std::vector<std::string> words, const std::vector<std::string>& more = {}) {
  words.push_back("--json");
  const Finished finished = bench(words, more);
  CAPTURE(finished.err);
  REQUIRE(finished.exit_code == 0);
  return Parsed::parse(finished.out);
}

/// Of three steps of the small model after one more.
Parsed steps(const char* what, std::vector<std::string> words) {
  words.insert(words.end(), {"--steps", "3", "--warmup", "1", "--threads", "1"});
  words.insert(words.begin(), what);
  return report_of(words, small);
}
Parsed train(const std::vector<std::string>& more) { return steps("train", more); }

}  // namespace

TEST_CASE("bench roofline measures every figure it has") {
  const Parsed report = report_of({"roofline", "--seconds", "0.001", "--threads", "2"});
  CHECK(report["machine"]["threads"] == 2);
  for (const char* what : {"multiply-add f32", "multiply-add f64", "multiply-add bf16", "triad L2", "in place L2", "triad L3",
                           "in place L3", "triad memory", "in place memory"}) {
    CAPTURE(what);
    const auto& rows = report["rows"];
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const Parsed& r) { return r["what"] == what; });
    REQUIRE(row != rows.end());
    REQUIRE((*row)["per_second"].size() == 2);
    for (const Parsed& rate : (*row)["per_second"])
      if (!rate.is_null()) CHECK(rate.get<double>() > 1e6);
      else CHECK(std::string(what) == "multiply-add bf16");
  }
}

TEST_CASE("bench gemm has a row for each shape, form and backend") {
  const Parsed report = report_of(
      {"gemm", "--precision", "f32", "--shape", "33x20x17", "--shape", "4x8x16", "--repeats", "1", "--seconds", "0.0001"});
  CHECK(report["rows"].size() == 2 * 3 * 2);
  for (const Parsed& row : report["rows"]) {
    const double flops = 2.0 * row["m"].get<double>() * row["n"].get<double>() * row["k"].get<double>();
    CHECK(row["flops_per_second"].get<double>() == doctest::Approx(flops / row["seconds"].get<double>()));
    CHECK(row["share_of_peak"].get<double>() ==
          doctest::Approx(row["flops_per_second"].get<double>() / row["fma_peak"].get<double>()));
  }
}

TEST_CASE("bench ops measures forward and backward of every op it lists, and the update") {
  const Parsed rows = report_of({"ops", "--repeats", "1", "--seconds", "0.0001"}, small)["rows"];
  std::map<std::string, int> directions;
  for (const Parsed& row : rows) {
    ++directions[row["op"].get<std::string>()];
    CHECK(row["seconds"].get<double>() > 0);
    CHECK(row["bytes"].get<double>() > 0);
    CHECK(row["share_of_roofline"].get<double>() > 0);
  }
  for (const auto& [op, count] : directions) {
    CAPTURE(op);
    CHECK(count == (op == "adamw" || op == "gradient norm" ? 1 : 2));
  }
  CHECK(directions.size() == 16);
}

TEST_CASE("bench train reports time, loss and memory of real steps") {
  const Parsed report = train({});
  CHECK(report["seconds"]["p10"].get<double>() > 0);
  CHECK(report["seconds"]["p10"] <= report["seconds"]["median"]);
  CHECK(report["seconds"]["median"] <= report["seconds"]["p90"]);
  CHECK(report["tokens_per_step"] == 24);
  CHECK(report["losses"].size() == 4);
  CHECK(report["losses"][0].get<double>() > 0);
  CHECK(report["parameters"] ==
        20 * 16 + 6 * 16 + 2 * 16 + 4 * (16 * 16 + 16) + (64 * 16 + 64) + (64 * 16 + 16) + 4 * 16 + (6 * 16 + 6));
  // forward: 24 tokens x 2 (4 16^2 + 2 16 64) in linear layers, 4 sequences x 4 6^2 16 in attention and 2 16 6 in the head
  CHECK(report["model_flops"] == 3 * (24 * 2 * (4 * 256 + 2 * 1024) + 4 * (4 * 36 * 16 + 2 * 16 * 6)));
  for (const char* part : {"peak_resident", "parameters", "gradients", "optimizer", "activations"})
    CHECK(report["memory"][part].get<int64_t>() > 0);
}

TEST_CASE("bench train takes lengths from a file, objectives by name or JSON, and saves what it starts from") {
  const TempFolder folder;
  write_raw(folder / "lengths.txt", "3\n5\n");
  const Parsed ragged = train({"--lengths", folder / "lengths.txt", "--save-weights", folder / "w.safetensors"});
  CHECK(ragged["tokens_per_step"] == 16);
  CHECK(read_raw(folder / "w.safetensors").find("encoder.embeddings.word") != std::string::npos);
  const Parsed plain = train({"--dropout", "0"}), named = train({"--dropout", "0", "--objective", "r_drop"}),
               written = train({"--dropout", "0", "--objective", R"({"type": "r_drop", "alpha": 2})"});
  CHECK(named["losses"][0].get<double>() == doctest::Approx(2 * plain["losses"][0].get<double>()));
  CHECK(named["losses"][0] == written["losses"][0]);
  const Finished once = bench({"train", "--once-loss"}, small);
  CHECK(std::stod(once.out) == doctest::Approx(plain["losses"][0].get<double>()));
}

TEST_CASE("what cannot be measured is refused with its exit code and a hint") {
  struct Row {
    std::vector<std::string> words;
    int exit_code;
    const char* message;
  };
  const Row rows[] = {
      {{}, 2, "bench what?: one of"},
      {{"speed"}, 2, "there is no bench \"speed\""},
      {{"gemm", "--shape", "3x4"}, 2, "is no shape"},
      {{"gemm", "--shape", "3x4x0"}, 2, "is no shape"},
      {{"ops", "--model", "huge"}, 2, "--model"},
      {{"train", "--model", "huge"}, 2, "--model"},
      {{"train", "--modle", "mini"}, 2, "did you mean \"--model\"?"},
      {{"train", "--steps", "0"}, 2, "--steps"},
      {{"train", "--heads", "5"}, 3, "heads"},
      {{"train", "--dropout", "1"}, 3, "dropout"},
      {{"train", "--objective", "r_dorp"}, 3, "did you mean \"r_drop\"?"},
      {{"train", "--objective", "{\"type\": "}, 3, "--objective"},
      {{"train", "--lengths", "absent.txt"}, 4, "absent.txt"},
      {{"train", "--lengths", "/dev/null"}, 4, "does not hold lengths"},
  };
  for (const Row& row : rows) {
    const Finished finished = bench(row.words);
    CAPTURE(finished.err);
    CHECK(finished.exit_code == row.exit_code);
    CHECK(finished.err.find(row.message) != std::string::npos);
  }
}

TEST_CASE("bench look has a row for each way of listening") {
  const Parsed report = steps("look", {});
  REQUIRE(report["rows"].size() == 4);
  CHECK(report["rows"][0]["ratio"] == 1);
  for (const Parsed& row : report["rows"]) {
    CHECK(row["seconds"].get<double>() > 0);
    CHECK(row["p10"] <= row["ratio"]);
    CHECK(row["ratio"] <= row["p90"]);
  }
}

TEST_CASE("what the pool counts is what the system sees: resident memory grows by little more") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  MESSAGE("skipped: a sanitizer keeps memory of its own");
  return;
#endif
  const Parsed memory = report_of({"train", "--layers", "4", "--width", "256", "--heads", "4", "--batch", "32", "--length", "64",
                                   "--vocabulary", "2000", "--steps", "1", "--warmup", "1", "--threads", "1"})["memory"];
  double counted = 0;
  for (const char* part : {"parameters", "gradients", "optimizer", "activations", "scratch"})
    counted += memory[part].get<double>();
  const double grown = memory["peak_resident"].get<double>() - memory["resident_at_start"].get<double>();
  const double share = counted / grown;
  MESSAGE(share, " of the growth is counted");
  CHECK(counted < 1.01 * grown);
  CHECK(counted > 0.9 * grown);
}
