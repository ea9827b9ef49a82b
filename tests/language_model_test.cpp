// Running text from file to perplexity: windows, the label of every token, what the model may see, methods that must go on
// adding up over micro-batches, and a run that learns. Next: data_reader_test.cpp for the reader's formats.
#include <doctest/doctest.h>

#include <cmath>

#include <tapedeck/run/run.h>

#include "support/data_files.h"
#include "support/model_fixture.h"
#include "support/tasks.h"

using namespace tapedeck;
using namespace tapedeck::test;
using tapedeck::testing::make_part;
using tapedeck::testing::stream_of;
using tapedeck::testing::TempFolder;
using tapedeck::testing::write_raw;

namespace {

constexpr int64_t vocabulary = 12;

/// Tokens drawn from a fixed key, read through windows.
Dataset running(int64_t tokens, int64_t context, int64_t stride) {
  Dataset data;
  data.task = make_task("language_model");
  data.stream = {{}, context, stride, tokens};
  for (int64_t i = 0; i < tokens; ++i) data.stream.ids.push_back(int32_t(random_below(root_key(4), uint64_t(i), vocabulary)));
  return data;
}

std::vector<int32_t> values(const Tensor& t) {
  const auto span = t.data<int32_t>();
  return {span.begin(), span.end()};
}

const char* const tied = R"({"type": "language_model", "encoder": {"type": "transformer", "layers": 2, "width": 8, "heads": 2,
                             "feed_forward": 12, "norm": "pre", "causal": true, "dropout": 0.2}})";
const char* const untied =
    R"({"type": "language_model", "tied": false, "encoder": {"type": "transformer", "layers": 1, "width": 8,
                               "heads": 2, "feed_forward": 12, "norm": "post", "causal": true, "dropout": 0.2}})";

/// Five windows of seven tokens, the last one shorter.
struct LanguageFixture {
  ModelConfig config;
  ParamStore store;
  std::unique_ptr<Model> model;
  Dataset data = running(24, 7, 5);
  std::vector<int64_t> order = {3, 0, 4, 2, 1};
  Tape tape;

  explicit LanguageFixture(const std::string& model_json, const std::string& objective = R"("cross_entropy")") {
    Diagnostics diagnostics;
    read_fields(config, parse_json("{\"model\": " + model_json + ", \"objective\": " + objective + "}", "fixture"), "",
                diagnostics);
    if (!diagnostics.empty()) FAIL(diagnostics.render());
    model = config.model->build(Params(store), {vocabulary, 7, vocabulary, false});
    store.allocate(DType::f64, root_key(5) / "init");
    for (auto& p : store.all())
      p.value.copy_from(Tensor::normal(p.shape, root_key(6) / p.path, p.init.scale == 1 ? 1 : 0, 0.3, DType::f64));
  }
  Batch batch(int64_t begin, int64_t end) const { return collate(data, order, begin, end, DType::f64); }
  Step step(const Batch& b) { return Step(tape, *model, store, config.objective->task(), b, root_key(9) / "step" / 0, 0); }
  Tensor logits(const Batch& b) const {
    Pass pass(store, b, Mode::evaluate, Key{});
    return model->forward(pass).logits;
  }
  std::vector<double> gradients() const {
    std::vector<double> all;
    for (auto& p : store.all())
      for (int64_t i = 0; i < p.gradient.size(); ++i) all.push_back(p.gradient.item(i));
    return all;
  }
};

}  // namespace

TEST_CASE("windows: how many, how long, and what follows each token") {
  struct {
    int64_t tokens, context, stride, windows, last;
  } const rows[] = {
      {0, 4, 4, 0, 0}, {1, 4, 4, 0, 0}, {2, 4, 4, 1, 1},  {5, 4, 4, 1, 4}, {6, 4, 4, 2, 1},      {9, 4, 4, 2, 4},
      {9, 4, 1, 5, 4}, {9, 4, 3, 3, 2}, {10, 4, 3, 3, 3}, {3, 4, 1, 1, 2}, {100, 64, 64, 2, 35}, {66, 64, 1, 2, 64},
  };
  for (auto& row : rows) {
    CAPTURE(row.tokens);
    CAPTURE(row.stride);
    const Dataset data = running(row.tokens, row.context, row.stride);
    REQUIRE(data.size() == row.windows);
    std::vector<int> notified(size_t(row.tokens), 0);
    for (int64_t i = 0; i < data.size(); ++i) {
      const auto ids = data.ids(i), next = data.next_ids(i);
      REQUIRE(ids.size() == next.size());
      CHECK(std::ssize(ids) == (i + 1 < data.size() ? row.context : row.last));
      for (size_t t = 0; t < ids.size(); ++t) {
        CHECK(ids[t] == data.stream.ids[size_t(i * row.stride) + t]);
        CHECK(next[t] == data.stream.ids[size_t(i * row.stride) + t + 1]);
        ++notified[size_t(i * row.stride) + t + 1];
      }
    }
    for (size_t t = 1; t < notified.size(); ++t) CHECK((row.stride == row.context ? notified[t] == 1 : notified[t] >= 1));
  }
}

TEST_CASE("a batch of windows: a label for every token, totals of the whole step") {
  const LanguageFixture f(tied);
  const Batch whole = f.batch(0, 5), micro = f.batch(2, 4);
  CHECK(values(whole.offsets) == std::vector<int32_t>{0, 7, 14, 17, 24, 31});
  CHECK_FALSE(whole.labels);
  CHECK(values(micro.positions) == std::vector<int32_t>{0, 1, 2, 0, 1, 2, 3, 4, 5, 6});
  const auto& ids = f.data.stream.ids;
  std::vector<int32_t> tokens(ids.begin() + 20, ids.begin() + 23), next(ids.begin() + 21, ids.begin() + 24);
  tokens.insert(tokens.end(), ids.begin() + 10, ids.begin() + 17);
  next.insert(next.end(), ids.begin() + 11, ids.begin() + 18);
  CHECK(values(micro.tokens) == tokens);
  CHECK(values(micro.token_labels) == next);
  for (const Batch* b : {&whole, &micro}) {
    CHECK(b->total_tokens == 31);
    CHECK(b->total_rows() == 31);
    CHECK(b->total_labelled == 31);
    CHECK(b->total_sequences == 5);
  }
  CHECK(micro.first_token == 14);
}

TEST_CASE("samplers take windows for examples") {
  const Dataset data = running(200, 16, 3);
  for (const char* options : {R"({"type":"shuffle"})", R"({"type":"sequential"})", R"({"type":"length_buckets"})"}) {
    std::vector<int64_t> seen;
    for (const auto& batch : make_part<Sampler>(options)->epoch(data, 8, root_key(1), 0))
      seen.insert(seen.end(), batch.begin(), batch.end());
    std::sort(seen.begin(), seen.end());
    REQUIRE(std::ssize(seen) == data.size());
    for (int64_t i = 0; i < data.size(); ++i) CHECK(seen[size_t(i)] == i);
  }
  CHECK_THROWS_AS(make_part<Sampler>(R"({"type":"balanced"})")->check(data, 8), Error);
}

TEST_CASE("text to a stream of ids: nothing cut, no special tokens, strides that leave nothing out") {
  const auto tokenizer = make_part<Tokenizer>(R"({"type":"character","max_length":4})");
  Table table;
  table.name = "t";
  table.rows = {{"abcé", "", "", 1}, {"aa", "", "", 1}};
  tokenizer->fit(table);
  const Dataset data = stream_of(table, *tokenizer);
  std::string spelled;
  for (int32_t id : data.stream.ids) spelled += tokenizer->token(id);
  CHECK(spelled == "abcéaa");
  CHECK(data.stream.characters == 6);
  CHECK(data.stream.context == 4);
  CHECK(data.stream.stride == 4);
  CHECK(stream_of(table, *tokenizer, 1).size() == 2);
  CHECK_THROWS_AS(stream_of(table, *tokenizer, 5), Error);
  CHECK(stream_of({}, *tokenizer).size() == 0);
  table.rows = {{"a", "", "", 1}};
  CHECK_THROWS_AS(stream_of(table, *tokenizer), Error);
}

TEST_CASE("a token's logits depend on it and on earlier tokens of its window, and on nothing else") {
  for (const char* json : {tied, untied}) {
    LanguageFixture f(json);
    const Batch b = f.batch(0, 2);
    const Tensor before = f.logits(b);
    REQUIRE(before.shape() == Shape{14, vocabulary});
    constexpr int64_t changed = 3;
    b.tokens.raw<int32_t>()[changed] = (b.tokens.raw<int32_t>()[changed] + 1) % int32_t(vocabulary);
    const Tensor after = f.logits(b);
    for (int64_t t = 0; t < 14; ++t) {
      CAPTURE(t);
      double difference = 0;
      for (int64_t c = 0; c < vocabulary; ++c)
        difference += std::abs(after.item(t * vocabulary + c) - before.item(t * vocabulary + c));
      CHECK((difference > 1e-6) == (t >= changed && t < 7));
    }
  }
}

TEST_CASE("the gradient agrees with finite differences, also where the word table is used twice") {
  for (const char* json : {tied, untied}) {
    CAPTURE(json);
    LanguageFixture f(json);
    CHECK((f.store.find("head.weight") == nullptr) == (json == tied));
    const Batch b = f.batch(0, 5);
    auto value = [&] {
      Step s = f.step(b);
      return f.config.objective->loss(s).item();
    };
    Step s = f.step(b);
    f.config.objective->run(s);
    const auto g = f.gradients();
    size_t at = 0;
    double worst = 0;
    for (auto& p : f.store.all()) {
      for (int64_t i = 0; i < p.value.size(); ++i, ++at) {
        if (i % 7) continue;
        double& w = p.value.raw<double>()[i];
        const double start = w, h = 1e-5;
        w = start + h;
        const double up = value();
        w = start - h;
        const double down = value();
        w = start;
        worst = std::max(worst, std::abs((up - down) / (2 * h) - g[at]));
      }
    }
    CHECK(worst < 1e-8);
  }
}

TEST_CASE("micro-batches of windows add up to the full batch for every method") {
  const char* const objectives[] = {
      R"("cross_entropy")",
      R"({"type": "cross_entropy", "label_smoothing": 0.1, "class_weights": [1,2,3,1,2,3,1,2,3,1,2,3]})",
      R"({"type": "cross_entropy", "ignore_index": 3})",
      R"("r_drop")",
      R"({"type": "r_drop", "preset": "bert4torch"})",
      R"({"type": "fgm", "at": "embedding"})",
      R"({"type": "fgm", "at": "embedding", "loss": "r_drop"})",
      R"("gradient_penalty")"};
  for (const char* objective : objectives) {
    CAPTURE(objective);
    LanguageFixture f(tied, objective);
    double weight = 0;
    for (int64_t i = 0; i < 5; ++i)
      for (int32_t label : f.data.next_ids(i)) weight += f.config.objective->task().weight(label);
    auto run = [&](std::vector<int64_t> cuts) {
      f.store.gradients().copy_from(Tensor::zeros(f.store.gradients().shape(), DType::f64));
      double loss = 0;
      for (size_t c = 0; c + 1 < cuts.size(); ++c) {
        Batch b = f.batch(cuts[c], cuts[c + 1]);
        b.total_weight = weight;
        Step s = f.step(b);
        loss += f.config.objective->run(s);
      }
      return std::pair(loss, f.gradients());
    };
    const auto whole = run({0, 5}), parts = run({0, 1, 3, 5});
    CHECK(whole.first > 1);
    CHECK(parts.first == doctest::Approx(whole.first).epsilon(1e-12));
    CHECK(gap(parts.second, whole.second) < 1e-12);
  }
}

TEST_CASE("an encoder that sees later tokens is refused") {
  const char* const json = R"({"type": "language_model", "encoder": {"type": "transformer", "width": 8, "heads": 2}})";
  ParamStore store;
  CHECK_THROWS_AS(make_part<ModelSpec>(json)->build(Params(store), {vocabulary, 7, vocabulary, false}), Error);
}

namespace {

/// Letters in a circle: each tells the next.
std::string circle(int64_t letters) {
  std::string text;
  for (int64_t i = 0; i < letters; ++i) text += char('a' + i % 8);
  return text;
}

const char* const experiment = R"({
  "name": "circle",
  "data": {"type": "running_text", "train": "circle.txt", "validation": "10%", "stride": 1},
  "tokenizer": {"type": "character", "max_length": 8},
  "model": {"type": "language_model", "encoder": {"type": "transformer", "layers": 1, "width": 16, "heads": 2, "feed_forward": 32,
            "norm": "pre", "causal": true, "dropout": 0}},
  "optimizer": {"type": "adamw", "lr": 0.02},
  "training": {"duration": "60 steps", "batch_size": 8, "micro_batch_size": 3},
  "evaluation": {"every": "30 steps", "at_start": true, "metrics": ["perplexity", "bits_per_character", "accuracy"]},
  "runtime": {"threads": 1}
})";

}  // namespace

TEST_CASE("a run learns a circle of letters; its folder measures other texts and refuses to predict") {
  const TempFolder folder;
  write_raw(folder / "circle.txt", circle(400));
  write_raw(folder / "circle.json", experiment);
  const RunResult result = run_experiment(folder / "circle.json", {.output = folder / "runs", .progress = ProgressMode::none});
  REQUIRE(result.exit_code == 0);
  const auto& best = result.seeds[0].best;
  CHECK(best.at("accuracy") == 1);
  CHECK(best.at("perplexity") < 1.1);
  CHECK(best.at("perplexity") == doctest::Approx(std::exp(best.at("loss"))).epsilon(1e-6));
  CHECK(best.at("bits_per_character") == doctest::Approx(best.at("loss") / std::log(2.0)).epsilon(1e-6));

  const auto run = open_run(result.folder, "best");
  write_raw(folder / "end.txt", circle(400).substr(360));
  write_raw(folder / "backwards.txt", "hgfedcbahgfedcba");
  CHECK(evaluate_file(*run, folder / "end.txt").at("loss") == best.at("loss"));
  CHECK(evaluate_file(*run, folder / "backwards.txt").at("perplexity") > 20);
  CHECK(evaluate_splits(*run).at("validation").at("perplexity") == best.at("perplexity"));
  try {
    predict_file(*run, folder / "end.txt", [](const std::string&) {});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    CHECK(error.hint().find("tapedeck eval") != std::string::npos);
  }
}
