// Spans from file to metric: readers, places of tokens, the way back, span_f1, and what refuses spans.
#include <doctest/doctest.h>

#include <tapedeck/train/metrics.h>

#include "src/data/token_places.h"
#include "support/data_files.h"
#include "support/model_fixture.h"
#include "support/tasks.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

std::string shown(const std::vector<TextSpan>& spans) {
  std::string out;
  for (const TextSpan& s : spans) out += text(s.start, "-", s.end, " ", s.label, ";");
  return out;
}
/// The same from the lines of predictions.
std::string shown(const Json& spans) {
  std::string out;
  const auto of = [](const Json& span, const char* key) -> const Json& { return span.find(key)->value; };
  for (const Json& s : spans.items)
    out += text(of(s, "start").integer, "-", of(s, "end").integer, " ", of(s, "label").string, ";");
  return out;
}

struct Tagged {
  const char *options, *bytes, *text, *spans;
};
const Tagged files[] = {
    {R"({"type":"spans","train":"t"})",
     R"({"text":"Zoë met Bo Lee","spans":[{"start":0,"end":3,"label":"p"},{"start":8,"end":14,"label":"p"}]})", "Zoë met Bo Lee",
     "0-3 p;8-14 p;"},
    {R"({"type":"spans","train":"t","end":"inclusive","text":"s","spans":"e"})",
     R"({"s":"Bo","e":[{"start":0,"end":1,"label":"p"}]})", "Bo", "0-2 p;"},
    {R"({"type":"bio","train":"t"})", "Zoë\tB-p\nmet\tO\nBo\tB-p\nLee\tI-p\n\n", "Zoë met Bo Lee", "0-3 p;8-14 p;"},
    {R"({"type":"bio","train":"t"})", "Bo I-p\nin I-q\nLee S-q\n", "Bo in Lee", "0-2 p;3-5 q;6-9 q;"},
    {R"({"type":"bio","train":"t","tag":-1})", "Bo NN B-p\r\nsat VB O\r\n", "Bo sat", "0-2 p;"},
};

struct Broken {
  const char *options, *bytes, *message;
};
const Broken broken[] = {
    {R"({"type":"spans","train":"t"})", R"({"text":"a"})", "t:1: there is no key \"spans\""},
    {R"({"type":"spans","train":"t"})", R"({"text":"a","spans":[{"start":0,"label":"p"}]})", "t:1: a span is not"},
    {R"({"type":"spans","train":"t"})", R"({"text":"a b","spans":[{"start":0,"end":9,"label":"p"}]})", "t:1: the span 0 to 9"},
    {R"({"type":"spans","train":"t"})", R"({"text":"abc d","spans":[{"start":1,"end":3,"label":"p"}]})", "inside a token"},
    {R"({"type":"bio","train":"t"})", "a\tO\nb\tnone\n", "t:2: \"none\" is not a tag"},
    {R"({"type":"bio","train":"t"})", "a\n", "t:1: \"\" is not a tag"},
};

/// A tokenizer that does not know where its tokens stand.
struct WithoutPlaces final : Tokenizer {
  explicit WithoutPlaces(const Tokenizer& inner) : inner(inner) {}
  void describe(Fields&) override {}
  void fit(const Table&) override {}
  Encoded encode(std::string_view a, std::string_view b) const override { return inner.encode(a, b); }
  std::vector<int32_t> token_ids(std::string_view text) const override { return inner.token_ids(text); }
  int32_t id(std::string_view token) const override { return inner.id(token); }
  int64_t vocabulary_size() const override { return inner.vocabulary_size(); }
  int64_t max_length() const override { return inner.max_length(); }
  std::string token(int32_t id) const override { return inner.token(id); }
  Json state() const override { return inner.state(); }
  void restore(const Json&) override {}
  const Tokenizer& inner;
};

std::string shown(const PlacedTokens& tokens) {
  std::string out;
  for (size_t i = 0; i < tokens.ids.size(); ++i)
    out += text(tokens.ids[i], " ", tokens.offsets[i].begin, "-", tokens.offsets[i].end, " ", tokens.offsets[i].begin_byte, "-",
                tokens.offsets[i].end_byte, "; ");
  return out;
}

}  // namespace

TEST_CASE("places of tokens are found by cutting where the tokenizer does not know them") {
  const Row rows[] = {{"Zo\u00EB met  Bo-Lee, twice.", "", "", 1},
                      {"\u7535\u5f71 good\u5f71", "", "", 2},
                      {"", "", "", 3},
                      {std::string(300, 'x') + " a", "", "", 4}};
  const std::string folder = std::string(TAPEDECK_SOURCE_DIR) + "/configs/smoke/data/";
  for (const char* kind : {R"({"type":"word"})", R"({"type":"character"})", R"({"type":"wordpiece","vocab":"vocab.txt"})"}) {
    const auto tokenizer = make_part<Tokenizer>(kind, folder);
    tokenizer->fit({"", {rows[0], rows[1]}});
    for (const Row& row : rows) {
      CAPTURE(row.text);
      CAPTURE(kind);
      const PlacedTokens known = place_tokens(row, *tokenizer), found = place_tokens(row, WithoutPlaces(*tokenizer));
      CHECK(found.ids == known.ids);
      if (row.text.size() < 100 && std::string(kind).find("wordpiece") == std::string::npos) CHECK(shown(found) == shown(known));
      CHECK(found.offsets.size() == known.offsets.size());  // a piece ##y cannot be cut from its word: both stand on it
      for (size_t i = 0; i < found.ids.size(); ++i) {
        CHECK(found.offsets[i].begin <= known.offsets[i].begin);
        CHECK(found.offsets[i].end >= known.offsets[i].end);
      }
    }
    const Frame frame = frame_of(*tokenizer);
    CHECK(frame.before == std::vector<int32_t>{tokenizer->id("[CLS]")});
    CHECK(frame.behind == std::vector<int32_t>{tokenizer->id("[SEP]")});
  }
}

TEST_CASE("both formats give the same pieces, and tokens lead back to them") {
  const TempFolder folder;
  for (const Tagged& file : files) {
    CAPTURE(file.bytes);
    put(folder, "t", file.bytes);
    const Splits splits = make_part<Reader>(file.options, folder.path())->read({});
    REQUIRE(splits.task == "spans");
    const Row& row = splits.train.rows.at(0);
    CHECK(row.text == file.text);
    CHECK(shown(*row.spans) == file.spans);
    for (const char* kind : {R"({"type":"word"})", R"({"type":"character"})"}) {
      const auto tokenizer = make_part<Tokenizer>(kind);
      tokenizer->fit(splits.train);
      const auto task = fitted(splits);
      const Dataset data = encode(task, {splits.train, *tokenizer});
      Predictions all;
      all.found = {data.examples[0].spans};
      Json json = Json::dict();
      task->write(row, all, 0, *tokenizer, json);
      CHECK(shown(json.find("spans")->value) == file.spans);
      CHECK(shown(json.find("predicted")->value) == file.spans);
    }
  }
}

TEST_CASE("broken spans end in a data error with the line") {
  const TempFolder folder;
  for (const Broken& file : broken) {
    CAPTURE(file.bytes);
    put(folder, "t", file.bytes);
    try {
      const Splits splits = make_part<Reader>(file.options, folder.path())->read({});
      const auto tokenizer = make_part<Tokenizer>(R"({"type":"word"})");
      tokenizer->fit(splits.train);
      encode(fitted(splits), {splits.train, *tokenizer});
      FAIL("no error");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::data);
      CHECK_MESSAGE(std::string(e.what()).find(file.message) != std::string::npos, e.what());
    }
  }
}

TEST_CASE("span_f1 counts exact spans of texts that are marked") {
  Predictions p;
  p.found = {{{1, 2, 0}, {3, 3, 1}}, {}, {{1, 1, 0}}};
  p.marked = {std::vector<Span>{{1, 2, 0}, {3, 3, 0}}, std::vector<Span>{{2, 2, 1}}, {}};
  CHECK(Registry<Metric>::find("span_f1")->make()->compute(p) == doctest::Approx(2.0 * 1 / (2 + 3)));
}

TEST_CASE("what needs probabilities of classes refuses spans") {
  for (const char* objective :
       {R"({"type": "entropy", "loss": {"type": "supervised", "loss": "global_pointer"}})",
        R"({"type": "mixup", "loss": {"type": "supervised", "loss": "global_pointer"}})",
        R"({"type": "r_drop", "distance": "symmetric_kl", "loss": "global_pointer"})",
        R"({"type": "vat", "distance": "kl", "loss": {"type": "supervised", "loss": "global_pointer"}})"}) {
    CAPTURE(objective);
    test::ModelFixture f(text(
        R"({"model": {"type": "span", "encoder": {"type": "transformer", "layers": 1, "width": 4, "heads": 2}}, "objective": )",
        objective, "}"));
    f.data.task = make_task("spans");
    const Batch batch = f.batch();
    Step step = f.step(batch);
    CHECK_THROWS_WITH_AS(f.config.objective->loss(step), doctest::Contains("scores spans"), Error);
  }
}
