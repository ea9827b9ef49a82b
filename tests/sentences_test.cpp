// Sentence embeddings end to end: texts apart, sources combined, a model that scores pairs by cosine, and objectives that
// compare rows. Next: oracles_representation_test.cpp.
#include <cmath>

#include <doctest/doctest.h>
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/nn/layers.h>

#include "support/data_files.h"
#include "support/model_fixture.h"
#include "support/tasks.h"

using namespace tapedeck;
using namespace tapedeck::testing;
using tapedeck::test::gap;
using tapedeck::test::ModelFixture;

namespace {

std::vector<int32_t> values(const Tensor& t) {
  const auto all = t.data<int32_t>();
  return {all.begin(), all.end()};
}

Table table_of(std::vector<Row> rows) { return {"made.tsv", std::move(rows), 0}; }

Choice<Tokenizer> words(const Table& table) {
  auto tokenizer = make_part<Tokenizer>(R"({"type": "word", "max_length": 6})");
  tokenizer->fit(table);
  return tokenizer;
}

const char* model =
    R"({"type": "sentence", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "feed_forward": 12,
                    "dropout": 0.2}, "pooling": "mean", "projection": {"type": "dense"}})";
std::string with(const std::string& objective) {
  return std::string(R"({"model": )") + model + R"(, "objective": )" + objective + "}";
}

/// The fixture's data as `texts` sentences per example, cut from its sequences, with scores.
void cut_texts(ModelFixture& f, int64_t texts, bool scores = false) {
  f.data.texts = texts;
  if (scores) f.data.task = make_task("regression");
  for (size_t i = 0; i < f.data.examples.size(); ++i) {
    Example& e = f.data.examples[i];
    e.segments.clear();
    while (int64_t(e.ids.size()) < texts) e.ids.push_back(int32_t(e.ids.size() + i) % 12);
    for (int64_t t = 1; t < texts; ++t) e.ends.push_back(int32_t(t));
    e.ends.push_back(int32_t(e.ids.size()));
    if (texts == 1) e.ends.clear();
    e.target = double(i % 6);
  }
}

}  // namespace

TEST_CASE("texts apart become sequences of their own") {
  const Table table = table_of({{"a b c", "d", "3.5", 2}, {"b", "c c c c c c c c", "1", 3}});
  const Dataset data = encoded("regression", table, *words(table), {}, true, TextForm{true});
  CHECK(data.texts == 2);
  CHECK_FALSE(data.pairs);
  CHECK(data.examples[0].ends == std::vector<int32_t>{5, 8});
  CHECK(data.examples[1].ends == std::vector<int32_t>{3, 9});
  const std::vector<int64_t> order{1, 0};
  const Batch all = collate(data, order, 0, 2, DType::f32), last = collate(data, order, 1, 2, DType::f32);
  CHECK(values(all.offsets) == std::vector<int32_t>{0, 3, 9, 14, 17});
  CHECK(values(all.positions) == std::vector<int32_t>{0, 1, 2, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 0, 1, 2});
  CHECK(all.sequences() == 4);
  CHECK(all.examples() == 2);
  CHECK(all.total_sequences == 2);
  CHECK(all.targets.item(1) == 3.5);
  CHECK(last.first_token == 9);
  CHECK(last.first_sequence == 2);
  CHECK(last.first_pair == 3 * 3 + 6 * 6);
  CHECK(values(last.offsets) == std::vector<int32_t>{0, 5, 8});
}

TEST_CASE("triplets, and rows with a missing text") {
  const Table triplets = table_of({{"a", "b", "", 2, "c"}, {"d", "e", "", 3, "f"}});
  CHECK(encoded("classification", triplets, *words(triplets), {}, true, TextForm{true}).texts == 3);
  const Table broken = table_of({{"a", "b", "", 2}, {"d", "", "", 3}});
  try {
    encoded("classification", broken, *words(broken), {}, true, TextForm{true});
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::data);
    CHECK(std::string(e.what()).find("made.tsv:3") != std::string::npos);
    CHECK(e.message().find("1 texts where others have 2") != std::string::npos);
  }
}

TEST_CASE("the combined reader trains on one source and measures on the other") {
  const TempFolder folder(Medium::memory);
  put(folder, "lines.txt", "a b\n\nc\n");
  put(folder, "pairs.tsv", "text\tother\tlabel\na\tb\t4.5\n");
  put(folder, "classes.tsv", "text\tlabel\na\tyes\nb\tno\n");
  const auto combined = [&](const std::string& train) {
    return make_part<Reader>(
        R"({"type": "combined", "train": )" + train + R"(, "evaluation": {"type": "tsv", "train": "pairs.tsv",
                             "validation": "pairs.tsv", "label_type": "number", "columns": {"text_b": "other"}}})",
        folder.path());
  };
  const auto reader = combined(R"({"type": "lines", "train": "lines.txt"})");
  const Splits splits = reader->read(root_key(0));
  CHECK(splits.train.rows.size() == 2);
  CHECK(splits.validation.rows.size() == 1);
  CHECK(splits.test.rows.empty());
  CHECK(splits.task == "regression");
  CHECK(splits.pairs);
  CHECK(reader->files().size() == 3);
  CHECK(reader->read_file(folder / "pairs.tsv").rows[0].text_b == "b");
  const auto mixed = combined(R"({"type": "tsv", "train": "classes.tsv"})");
  CHECK_THROWS_WITH_AS(mixed->read(root_key(0)), doctest::Contains("data.train has classes as labels"), Error);
}

TEST_CASE("rows of one text out of several") {
  const Tensor x = Tensor::of<double>({1, 2, 3, 4, 5, 6, 7, 8}, {4, 2});
  const Tensor second = text_of(x, 2, 1);
  CHECK(second.shape() == Shape{2, 2});
  CHECK(second.item(0) == 3);
  CHECK(second.item(3) == 8);
  CHECK(text_of(x, 1, 0).item(7) == 8);
}

TEST_CASE("a sentence model scores pairs by cosine; the projection is for training alone") {
  ModelFixture f(with(R"({"type": "supervised", "loss": {"type": "similarity"}})"));
  cut_texts(f, 2, true);
  const Batch b = f.batch();
  Pass evaluate(f.store, b, Mode::evaluate, Key{}), train(f.store, b, Mode::train, root_key(1));
  const Output calm = f.model->forward(evaluate), busy = f.model->forward(train);
  CHECK_FALSE(calm.projection);
  CHECK(busy.projection.shape() == Shape{12, 8});
  CHECK(calm.logits.shape() == Shape{6, 1});
  for (int64_t i = 0; i < 6; ++i) {
    double xy = 0, xx = 0, yy = 0;
    for (int64_t c = 0; c < 8; ++c) {
      const double x = calm.pooled.item(2 * i * 8 + c), y = calm.pooled.item((2 * i + 1) * 8 + c);
      xy += x * y, xx += x * x, yy += y * y;
    }
    CHECK(calm.logits.item(i) == doctest::Approx(xy / std::sqrt(xx * yy)).epsilon(1e-12));
  }
}

TEST_CASE("micro-batches of pairs add up to the full batch, dropout masks included") {
  ModelFixture f(with(R"({"type": "supervised", "loss": {"type": "similarity"}})"));
  cut_texts(f, 2, true);
  const auto run = [&](int64_t size) {
    f.zero_gradients();
    double loss = 0;
    for (int64_t at = 0; at < 6; at += size) {
      const Batch b = f.batch(at, at + size);
      Step s = f.step(b);
      loss += f.config.objective->run(s);
    }
    return std::pair(loss, f.gradients());
  };
  const auto [loss, gradients] = run(6);
  const auto [cut_loss, cut_gradients] = run(2);
  CHECK(cut_loss == doctest::Approx(loss).epsilon(1e-12));
  CHECK(gap(cut_gradients, gradients) < 1e-12);
}

TEST_CASE("simcse reads pairs from dropout, from two texts or from three") {
  struct Case {
    int64_t texts;
    const char* objective;
  };
  const Case cases[] = {{1, R"("simcse")"},
                        {1, R"({"type": "simcse", "candidates": "2n-1", "temperature": 0.5})"},
                        {2, R"("simcse")"},
                        {3, R"({"type": "simcse", "hard_negative_weight": 2})"}};
  for (auto& c : cases) {
    CAPTURE(c.objective);
    CAPTURE(c.texts);
    ModelFixture f(with(c.objective));
    cut_texts(f, c.texts);
    const Batch b = f.batch();
    Step s = f.step(b), again = f.step(b);
    const double value = f.config.objective->run(again);
    Step views = f.step(b);
    const Tensor z = views.forward().embedding();
    const Tensor first = text_of(z, c.texts, 0), second = c.texts > 1 ? text_of(z, c.texts, 1) : views.forward().embedding();
    const bool both_ways = std::string(c.objective).find("2n-1") != std::string::npos;
    const Tensor expected = c.texts == 3 ? simcse_supervised(first, second, text_of(z, 3, 2), 0.05, 2)
                            : both_ways  ? nt_xent(first, second, 0.5)
                                         : simcse(first, second, 0.05);
    CHECK(value == doctest::Approx(expected.item()).epsilon(1e-12));
    CHECK(value > 0);
  }
}
