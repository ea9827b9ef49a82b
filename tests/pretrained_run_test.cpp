// Runs that start from folders: they need the folder no more afterwards, and what they give back is read again to the same bits.
// That transformers reads it is checked by hand: golden/pretrained.py check.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <tapedeck/run/run.h>
#include <tapedeck/tensor/compare.h>

#include "src/pretrained/inspect.h"
#include "src/run/export_run.h"
#include "support/run_contents.h"
#include "support/tiny_run.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

const std::string source = TAPEDECK_SOURCE_DIR, smoke = source + "/configs/smoke/";

RunResult run(const TempFolder& folder, const std::string& file, std::vector<std::string> sets) {
  sets.push_back("runtime.threads=1");
  return run_experiment(file, {.sets = std::move(sets), .output = folder / "runs", .progress = ProgressMode::none});
}

std::string error_of(const std::function<void()>& body, ErrorKind kind) {
  try {
    body();
  } catch (const Error& e) {
    CHECK(int(e.kind()) == int(kind));
    return e.what();
  }
  return "no error";
}

/// A vocabulary of 37 tokens, which every golden model has rows for.
void write_vocabulary(const std::string& path) {
  std::string lines = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (char c = 'a'; c <= 'z'; ++c) lines += std::string(1, c) + "\n";
  write_raw(path, lines + "the\nfilm\nsongs\nare\nno\n,\n");
}

}  // namespace

TEST_CASE("a run from a folder goes on, measures and predicts without it") {
  const TempFolder folder(Medium::memory);
  fs::create_directories(folder / "m");
  for (const auto& file : fs::directory_iterator(smoke + "data/pretrained"))
    fs::copy(file.path(), folder / ("m/" + file.path().filename().string()));
  const std::vector<std::string> from = {"vars.bert=" + folder / "m", "runtime.threads=1"};
  const RunResult whole = run(folder, smoke + "pretrained.json", from);
  std::atomic<int> stop{0};
  RunOptions options{.sets = from, .output = folder / "runs", .progress = ProgressMode::none, .stop_signal = &stop};
  options.after_step = [&](int64_t step) {
    if (step == 5) stop = 15;
  };
  const RunResult half = run_experiment(smoke + "pretrained.json", options);
  CHECK(read_raw(half.folder + "/log.txt").find("new: head.out.weight, head.out.bias") != std::string::npos);
  const auto resolved = nlohmann::json::parse(read_raw(half.folder + "/resolved.json"));
  CHECK(resolved["model"]["encoder"]["saved"]["sha256"].get<std::string>().size() == 64);
  CHECK(resolved["model"]["encoder"]["saved"]["config"]["hidden_size"] == 8);

  std::string weights = read_raw(folder / "m/model.safetensors");
  weights.back() ^= 1;
  write_raw(folder / "m/model.safetensors", weights);  // resume does not look
  fs::rename(folder / "m", folder / "gone");
  CHECK(resume_run(half.folder, {.progress = ProgressMode::none}).exit_code == 0);
  CHECK(last_checkpoint(half.folder) == last_checkpoint(whole.folder));
  const auto opened = open_run(half.folder, "best");
  CHECK(evaluate_split(*opened, "validation").at("loss") == doctest::Approx(whole.seeds[0].best.at("loss")).epsilon(1e-12));
  CHECK(error_of([&] { run(folder, half.folder + "/resolved.json", {}); }, ErrorKind::data).find("no such folder") !=
        std::string::npos);
  fs::rename(folder / "gone", folder / "m");
  CHECK(error_of([&] { run(folder, half.folder + "/resolved.json", {}); }, ErrorKind::checkpoint).find("SHA-256 differs") !=
        std::string::npos);
}

TEST_CASE("a tokenizer whose ids mean something else than the folder's rows is refused") {
  const std::string vocabulary = smoke + "data/pretrained/vocab.txt";
  for (const auto& [tokenizer, said] : std::vector<std::pair<std::string, std::string>>{
           {R"({"type": "word", "max_length": 48})", " it is \""},
           {R"({"type": "wordpiece", "lowercase": false, "max_length": 48, "vocab": ")" + vocabulary + "\"}",
            "capitals or accents"},
           {R"({"type": "wordpiece", "max_length": 48, "vocab": ")" + vocabulary + "\"}", "no error"}}) {
    const TempFolder folder(Medium::memory);
    const std::string message =
        error_of([&] { run(folder, smoke + "pretrained.json", {"tokenizer=" + tokenizer}); }, ErrorKind::config);
    INFO(message);
    CHECK(message.find(said) != message.npos);
  }
}

TEST_CASE("what is given back is read again to the same bits") {
  struct Row {
    const char* folder;
    const char* model;  // around the encoder
    const char* class_name;
  };
  const char* mlp =
      R"({"type": "text", "pooling": "first", "head": {"type": "mlp", "activation": "tanh", "from": null}, "encoder": )";
  const char* gelu =
      R"({"type": "text", "pooling": "first", "head": {"type": "mlp", "activation": "gelu", "from": null}, "encoder": )";
  const char* relu =
      R"({"type": "text", "pooling": "first", "head": {"type": "mlp", "activation": "relu", "from": null}, "encoder": )";
  const char* sentence = R"({"type": "sentence", "pooling": "mean", "encoder": )";
  for (const Row& row : std::vector<Row>{{"bert-old-names", mlp, "BertForSequenceClassification"},
                                         {"roberta", mlp, "RobertaForSequenceClassification"},
                                         {"xlm-roberta", mlp, "XLMRobertaForSequenceClassification"},
                                         {"camembert", mlp, "CamembertForSequenceClassification"},
                                         {"distilbert", relu, "DistilBertForSequenceClassification"},
                                         {"electra", gelu, "ElectraForSequenceClassification"},
                                         {"roformer", gelu, "RoFormerForSequenceClassification"},
                                         {"roberta", sentence, "RobertaModel"},
                                         {"", mlp, "BertForSequenceClassification"}}) {
    CAPTURE(row.folder);
    CAPTURE(row.class_name);
    const TempFolder folder(Medium::memory);
    write_vocabulary(folder / "vocab.txt");
    const std::string encoder =
        *row.folder ? text(R"({"type": "pretrained", "from": ")", source, "/tests/golden/pretrained/", row.folder, "\"}")
                    : R"({"type": "transformer", "layers": 1, "width": 8, "heads": 2, "activation": "gelu_tanh"})";
    const bool pairs = row.model == sentence;
    const std::string model = row.model + encoder + "}";
    const RunResult result = run(folder, smoke + (pairs ? "sentences.json" : "pretrained.json"),
                                 {"model=" + model, "tokenizer={\"type\": \"wordpiece\", \"max_length\": 20, \"vocab\": \"" +
                                                        folder / "vocab.txt" + "\"}"});
    const auto trained = open_run(result.folder, "last");
    export_run(*trained, folder / "given", "");
    const auto config = nlohmann::json::parse(read_raw(folder / "given/config.json"));
    CHECK(config["architectures"][0] == row.class_name);
    CHECK(fs::exists(folder / "given/modules.json") == pairs);
    CHECK(read_raw(folder / "given/vocab.txt") == read_raw(folder / "vocab.txt"));
    CHECK(read_raw(folder / "given/README.md").find(row.class_name) != std::string::npos);

    const auto again = open_folder(folder / "given", DType::f32);
    int compared = 0;
    for (const Parameter& p : again->store.all()) {
      CAPTURE(p.path);
      const Parameter* before = trained->store.find(p.path);
      if (!before) continue;  // the table of segments of a BERT that was trained on single texts
      CHECK(same_bits(p.value, before->value));
      ++compared;
    }
    CHECK(compared >= 16);
    CHECK(error_of([&] { export_run(*trained, folder / "given", ""); }, ErrorKind::usage).find("is not empty") !=
          std::string::npos);
  }
}

TEST_CASE("what such a folder cannot hold") {
  struct Row {
    const char* file;
    std::vector<std::string> sets;
    const char* said;
  };
  for (const Row& row : std::vector<Row>{{"pretrained.json", {"model.pooling=mean"}, "give back the encoder alone"},
                                         {"base.json", {}, "reads the first token"},
                                         {"spans.json", {}, "no class for a model of the type \"span\""},
                                         {"character.json",
                                          {"model={\"type\": \"text\", \"pooling\": \"first\", \"head\": {\"type\": \"mlp\"}}"},
                                          "no tokenizer like \"character\""},
                                         {"base.json", {"model.encoder.norm=pre"}, "norm post"}}) {
    CAPTURE(row.file);
    const TempFolder folder(Medium::memory);
    const auto trained = open_run(run(folder, smoke + row.file, row.sets).folder, "last");
    const std::string said = error_of([&] { export_run(*trained, folder / "given", ""); }, ErrorKind::usage);
    INFO(said);
    CHECK(said.find(row.said) != said.npos);
    CHECK_FALSE(fs::exists(folder / "given"));
  }
}
