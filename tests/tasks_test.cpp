// Tasks: what each makes of a file, what they predict and write, tags as spans, decoding of chains; and a task of one's own,
// which is one file. Next: extend_test.cpp.
#include <doctest/doctest.h>

#include <cmath>

#include <nlohmann/json.hpp>

#include <tapedeck/losses/sequence.h>
#include <tapedeck/train/metrics.h>

#include "support/data_files.h"
#include "support/process.h"
#include "support/sources.h"
#include "support/tasks.h"
#include "support/tiny_run.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;
using Parsed = nlohmann::json;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

std::string shown(const std::vector<int32_t>& list) {
  std::string out;
  for (const int32_t one : list) out += text(out.empty() ? "" : " ", one);
  return out;
}

/// What a file is taken for, and what is known about its first row: label, number, several.
struct File {
  const char *options, *bytes, *task, *labels;
  int32_t label;
  double target;
  const char* classes;
};
const File files[] = {
    {R"({"type":"tsv","train":"t"})", "text\tlabel\na\tyes\nb\tno\n", "classification", "no yes", 1, 0, ""},
    {R"({"type":"tsv","train":"t","label_type":"number"})", "text\tlabel\na\t2.5\n", "regression", "", -1, 2.5, ""},
    {R"({"type":"tsv","train":"t","label_type":"set"})", "text\tlabel\na\ty, x\nb\t\n", "multi_label", "x y", 0, 0, "0 1"},
    {R"({"type":"csv","train":"t","label_type":"set"})", "text,label\na,\"y,z\"\n", "multi_label", "y z", 0, 0, "0 1"},
    {R"({"type":"jsonl","train":"t","label_type":"set"})", R"({"text":"a","label":["y","x","y"]})", "multi_label", "x y", 0, 0,
     "0 1"},
    {R"({"type":"jsonl","train":"t","label_type":"set"})", R"({"text":"a","label":{"name":{"Bo":[[0,1]]},"city":{}}})",
     "multi_label", "city name", 0, 0, "0 1"},
    {R"({"type":"jsonl","train":"t","label_type":"set"})", "{\"text\":\"a\",\"label\":[]}\n{\"text\":\"b\",\"label\":\"x\"}",
     "multi_label", "x", 0, 0, ""},
    {R"({"type":"bio","train":"t"})", "Bo\tB-p\nsat\tO\n", "spans", "p", 0, 0, ""},
    {R"({"type":"running_text","train":"t"})", "a b c", "language_model", "", -1, 0, ""},
};

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& one : names) out += (out.empty() ? "" : " ") + one;
  return out;
}

/// Tags of words: the line, its words' tags, the spans by strict BIO as first-last.
struct Tags {
  const char *tags, *spans;
};
const Tags tags[] = {
    {"O B-a I-a O B-b", "1-2 a;4-4 b;"},
    {"B-a B-a I-a", "0-0 a;1-2 a;"},
    {"I-a I-a O", ""},
    {"B-a I-b I-a", "0-0 a;"},
    {"B-a O I-a", "0-0 a;"},
    {"B-a I-a B-b I-b", "0-1 a;2-3 b;"},
    {"S-a B-b E-b", "0-0 a;1-2 b;"},
    {"O O", ""},
};

/// Score of a path under a MEMM, for every path of two sequences of up to four tags.
double memm_score(const Tensor& e, const Tensor& between, const std::vector<int32_t>& path) {
  double sum = 0;
  const int64_t c = e.shape().cols();
  for (int64_t t = 0; t < std::ssize(path); ++t) {
    const auto score = [&](int64_t y) { return e.item(t * c + y) + (t ? between.item(path[size_t(t - 1)] * c + y) : 0); };
    double total = 0;
    for (int64_t y = 0; y < c; ++y) total += std::exp(score(y));
    sum += score(path[size_t(t)]) - std::log(total);
  }
  return sum;
}

}  // namespace

TEST_CASE("a file says its task, and the task what is known about a row") {
  const TempFolder folder;
  for (const File& file : files) {
    CAPTURE(file.bytes);
    put(folder, "t", file.bytes);
    const Splits splits = make_part<Reader>(file.options, folder.path())->read({});
    REQUIRE(splits.task == file.task);
    const auto tokenizer = make_part<Tokenizer>(R"({"type":"word"})");
    tokenizer->fit(splits.train);
    const auto task = fitted(splits);
    CHECK(joined(task->labels) == file.labels);
    const Dataset data = encode(task, {splits.train, *tokenizer});
    CHECK_FALSE(task->summary(data).empty());
    const auto again = restored_task({}, task_state(*task));
    CHECK(again->name == task->name);
    CHECK(again->labels == task->labels);
    if (data.examples.empty()) continue;
    CHECK(data.examples[0].label == file.label);
    CHECK(data.examples[0].target == file.target);
    CHECK(shown(data.examples[0].classes) == file.classes);
  }
}

TEST_CASE("what a run left before tasks had names") {
  const auto task_of_state = [](const std::string& state) { return restored_task({}, parse_json(state, "labels.json"))->name; };
  CHECK(task_of_state(R"({"labels": ["a", "b"], "regression": false, "pairs": true, "spans": false, "running": false})") ==
        "classification");
  CHECK(task_of_state(R"({"labels": [], "regression": true})") == "regression");
  CHECK(task_of_state(R"({"labels": ["p"], "regression": false, "spans": true})") == "spans");
  CHECK(task_of_state(R"({"labels": [], "running": true})") == "language_model");
}

TEST_CASE("tags become spans by strict BIO, and words their first tokens") {
  const TempFolder folder;
  for (const Tags& row : tags) {
    CAPTURE(row.tags);
    const auto task = task_with("tagging", {"O", "B-a", "I-a", "B-b", "I-b", "S-a", "E-b"});
    const auto tokenizer = make_part<Tokenizer>(R"({"type":"character"})");
    Table table{"t", {}, 0};
    Row one{"ab cd ef gh ij", "", "", 1};
    std::string word;
    one.labels.emplace();
    for (const char c : std::string(row.tags) + " ") {
      if (c != ' ') {
        word += c;
        continue;
      }
      one.labels->push_back(word);
      word.clear();
    }
    one.text = one.text.substr(0, 3 * one.labels->size() - 1);
    table.rows = {one};
    tokenizer->fit(table);
    const Dataset data = encode(task, {table, *tokenizer});
    const Example& example = data.examples[0];
    REQUIRE(example.words.size() == one.labels->size());
    for (size_t w = 0; w < example.words.size(); ++w) CHECK(example.words[w] == int32_t(1 + 2 * w));
    const std::vector<int64_t> order{0};
    const Batch batch = collate(data, order, 0, 1, DType::f32);
    CHECK(shown({batch.words.data<int32_t>().begin(), batch.words.data<int32_t>().end()}) == shown(example.words));
    CHECK(batch.total_rows() == std::ssize(example.words));
    const Tensor logits = Tensor::zeros({std::ssize(example.words), 7}, DType::f32);
    for (size_t w = 0; w < example.words.size(); ++w) logits.raw<float>()[w * 7 + size_t(example.classes[w])] = 1;
    Predictions all;
    const Output out{logits, {}, {}};
    task->decode({out, batch, data, order, *Choice<Loss>("cross_entropy")}, all);
    std::string spans;
    for (const Span& s : all.found[0]) spans += text(s.first, "-", s.last, " ", task->labels[size_t(s.type)].substr(2), ";");
    CHECK(spans == row.spans);
    CHECK(all.marked[0] == all.found[0]);
  }
}

TEST_CASE("words beyond max_length have no logits, and their spans are missed") {
  Table table{"t", {{"a b c d", "", "", 1}}, 0};
  table.rows[0].labels = std::vector<std::string>{"O", "O", "O", "B-x"};
  const auto tokenizer = make_part<Tokenizer>(R"({"type":"word","max_length":5})");
  tokenizer->fit(table);
  const auto task = task_with("tagging", {"O", "B-x"});
  const Dataset data = encode(task, {table, *tokenizer});
  CHECK(data.examples[0].ids.size() == 5);
  CHECK(data.examples[0].words.size() == 3);
  CHECK(task->labelled_rows(data, 0) == 3);
  table.rows[0].labels->pop_back();
  CHECK_THROWS_WITH_AS(encode(task, {table, *tokenizer}), doctest::Contains("t:1: 3 tags for 4 words"), Error);
}

TEST_CASE("sets of classes: decisions, micro and macro F1 as scikit-learn's") {
  Predictions p;
  p.classes = 3;
  p.chosen = {{0, 1}, {2}, {}, {0}, {1}};
  p.given = {std::vector<int32_t>{0}, std::vector<int32_t>{1, 2}, std::vector<int32_t>{}, std::vector<int32_t>{0, 2},
             std::nullopt};
  CHECK(Registry<Metric>::find("micro_f1")->make()->compute(p) == doctest::Approx(2.0 * 3 / (4 + 5)));
  CHECK(Registry<Metric>::find("macro_f1")->make()->compute(p) == doctest::Approx((1 + 0 + 2.0 / 3) / 3));
}

TEST_CASE("the losses of several classes read the cells of known rows only") {
  for (const char* name : {"bce", "zlpr", "asymmetric_multilabel"}) {
    Batch batch;
    batch.cells = Tensor::of<uint8_t>({1, 0, 1, 0, 0, 0}, {2, 3});
    batch.known = Tensor::of<uint8_t>({1, 0}, {2});
    const Tensor x = Tensor::of<double>({0.3, -1, 2, 5, 5, 5}, {2, 3}), y = Tensor::of<double>({0.3, -1, 2, -7, 1, 0}, {2, 3});
    const Choice<Loss> loss(name);
    CHECK((*loss)(x, batch).item() == (*loss)(y, batch).item());
    CHECK(loss->suits({Rows::sequences, Link::sigmoid}));
    CHECK(loss->suits({}));
    CHECK_FALSE(loss->suits({Rows::spans, Link::sigmoid}));
  }
}

TEST_CASE("Viterbi of a MEMM finds the most probable of all paths") {
  for (int64_t draw = 0; draw < 8; ++draw) {
    const Tensor e = Tensor::normal({4, 3}, root_key(1) / draw, 0, 2, DType::f64),
                 between = Tensor::normal({3, 3}, root_key(2) / draw, 0, 2, DType::f64);
    const Tensor best = memm_best(e, between, Tensor::of<int32_t>({0, 4}, {2}));
    const std::vector<int32_t> found(best.data<int32_t>().begin(), best.data<int32_t>().end());
    std::vector<int32_t> top;
    for (int32_t k = 0; k < 81; ++k) {
      const std::vector<int32_t> path{k % 3, k / 3 % 3, k / 9 % 3, k / 27};
      if (top.empty() || memm_score(e, between, path) > memm_score(e, between, top)) top = path;
    }
    CHECK(shown(found) == shown(top));
  }
}

TEST_CASE("a loss of chains needs the transitions of its head, and other losses refuse them") {
  Batch batch;
  batch.token_labels = Tensor::of<int32_t>({0, 1}, {2});
  batch.word_offsets = Tensor::of<int32_t>({0, 2}, {2});
  const Tensor logits = Tensor::zeros({2, 2}, DType::f64);
  const Output plain{logits, {}, {}}, memm{logits, {}, {}, {}, Tensor::zeros({2, 2}, DType::f64)},
      crf{logits, {}, {}, {}, Tensor::zeros({4, 2}, DType::f64)};
  for (const char* name : {"crf", "memm"}) {
    const Choice<Loss> loss(name);
    CHECK_THROWS_WITH_AS(loss->of(plain, batch), doctest::Contains("one tag after another"), Error);
    CHECK_THROWS_AS(loss->of(name == std::string("crf") ? memm : crf, batch), Error);
    CHECK(loss->of(name == std::string("crf") ? crf : memm, batch).item() == doctest::Approx(std::log(2.0)));
    const auto by_text = configured<Loss>(name, R"({"mean": "sequences"})");
    CHECK(by_text->of(name == std::string("crf") ? crf : memm, batch).item() == doctest::Approx(2 * std::log(2.0)));
  }
  CHECK_THROWS_WITH_AS(Choice<Loss>("cross_entropy")->of(crf, batch), doctest::Contains("does not train"), Error);
}

TEST_CASE("what does not suit a task is refused once, with its place") {
  struct Trial {
    const char *experiment, *code, *said;
  };
  const Trial trials[] = {
      {R"({"task": "multi_label", "objective": "cross_entropy"})", "TD0319",
       "needs classes, but the labels of the data are sets of classes"},
      {R"({"task": "multi_label", "objective": {"type": "supervised", "loss": "bce"}, "evaluation": {"metrics": ["accuracy"]}})",
       "TD0314", "micro_f1"},
      {R"({"task": "tagging"})", "TD0319", "no word of the training data has a tag"},
      {R"({"task": "tagging", "model": "text"})", "TD0320", "tagger"},
      {R"({"task": "spans", "model": "span", "objective": {"type": "supervised", "loss": "global_pointer"}})", "TD0319",
       "no span is marked"},
      {R"({"objective": {"type": "supervised", "loss": "crf"}})", "TD0319", "needs tags"},
      {R"({"model": "tagger"})", "TD0320", "answers for words"},
      {R"({"data": {"type": "slots", "dir": "@"}, "model": "tagger", "objective": "mixup"})", "TD0325", "a tag for every word"},
      {R"({"data": {"type": "slots", "dir": "@"}, "model": "tagger", "objective": "temporal_ensembling"})", "TD0325",
       "one per token"},
      {R"({"data": {"type": "slots", "dir": "@"}, "model": {"type": "tagger", "head": "crf"}})", "TD0325", "does not train"},
      {R"({"task": "tags"})", "TD0302", "tagging"},
  };
  const TempFolder folder;
  for (const Trial& trial : trials) {
    Parsed experiment = Parsed::parse(trial.experiment);
    experiment["name"] = "x";
    if (!experiment.contains("data")) experiment["data"] = {{"type", "builtin"}, {"train", 24}, {"validation", 8}, {"test", 0}};
    else experiment["data"]["dir"] = TAPEDECK_SOURCE_DIR "/configs/smoke/data/slots";
    put(folder, "x.json", experiment.dump());
    const Finished checked = run_tool({"check", folder / "x.json"});
    CAPTURE(trial.experiment);
    CAPTURE(checked.err);
    CHECK(checked.exit_code == 3);
    CHECK(has(checked.err, trial.code));
    CHECK(has(checked.err, trial.said));
    CHECK(has(checked.err, "x.json:1:"));
  }
}

TEST_CASE("a task of a new kind is one file: it trains, evaluates, predicts, and is listed, explained and in the schema") {
  CHECK(lines_of(read_text(fs::path(TAPEDECK_SOURCE_DIR) / "docs/guide/extend/task.cpp")).size() < 80);
  const TempFolder folder;
  std::string rows;
  const char *stars[] = {"1", "2", "3"}, *words[] = {"dull", "fair", "fine"};
  for (int i = 0; i < 48; ++i) rows += text("a ", words[i % 3], " film ", i % 5, "\t", stars[i % 3], "\n");
  put(folder, "train.tsv", "text\tlabel\n" + rows);
  Parsed experiment = Parsed::parse(
      R"({"name": "stars", "data": {"type": "tsv", "train": "train.tsv", "validation": "train.tsv"}, "task": "ordinal",
    "model": {"type": "text", "pooling": "mean", "encoder": {"type": "transformer", "layers": 1, "width": 16, "heads": 2, "feed_forward": 32, "dropout": 0}},
    "objective": {"type": "r_drop", "alpha": 0.1, "loss": "bce"}, "optimizer": {"type": "adamw", "lr": 0.02}, "training": {"duration": "80 steps", "batch_size": 16},
    "evaluation": {"every": "40 steps", "metrics": ["accuracy", "f1", "loss"]}, "runtime": {"threads": 1}})");
  experiment["plugins"] = {TAPEDECK_LISTINGS_PLUGIN};
  put(folder, "stars.json", experiment.dump());
  const auto run = [&](const std::vector<std::string>& arguments) {
    const Finished finished = run_tool(arguments, {.directory = folder.path()});
    CAPTURE(finished.err);
    REQUIRE(finished.exit_code == 0);
    return finished.out;
  };
  CHECK(has(run({"check", "stars.json"}), "3 classes in order"));
  run({"run", "stars.json"});
  const std::string latest = "runs/stars/latest";
  CHECK(Parsed::parse(read_raw(folder / (latest + "/metrics.json")))["best"]["accuracy"] == 1.0);
  CHECK(Parsed::parse(read_raw(folder / (latest + "/labels.json")))["task"] == "ordinal");
  CHECK(has(run({"eval", latest}), "accuracy"));
  const Parsed predicted =
      Parsed::parse(run({"predict", latest, "train.tsv"}).substr(0, run({"predict", latest, "train.tsv"}).find('\n')));
  CHECK(predicted["predicted"] == predicted["label"]);
  CHECK(predicted["probabilities"].size() == 3);
  CHECK(lines_of(read_raw(folder / (latest + "/predictions/validation-best.jsonl"))).size() >= 48);
  CHECK(has(run({"list", "--plugin", TAPEDECK_LISTINGS_PLUGIN}), "\n  ordinal "));
  CHECK(has(run({"explain", "task.ordinal", "--plugin", TAPEDECK_LISTINGS_PLUGIN}), "task \"ordinal\""));
  CHECK(has(run({"schema", "--plugin", TAPEDECK_LISTINGS_PLUGIN}), "\"ordinal\""));
}
