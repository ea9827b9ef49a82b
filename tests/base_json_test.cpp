// Reading, printing and complaining: tables of texts with the code, place and words a person should see.
// Why: the place of a mistake is the most useful part of its message. Next: base_fields_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json.h>
#include <tapedeck/base/random.h>

using namespace tapedeck;

namespace {

std::shared_ptr<Source> source_of(std::string text) {
  auto source = std::make_shared<Source>();
  source->name = "test.json";
  source->text = std::move(text);
  return source;
}

std::string place(const Location& where) { return text(where.line, ":", where.column); }

}  // namespace

TEST_CASE("syntax mistakes: code, place and words") {
  struct Row {
    std::string json, code, place, words;
  };
  const Row rows[] = {
      {"{\"a\": 1,}", "TD0101", "1:8", "a comma before }"},
      {"{\n  \"a\": [1, 2,  ]\n}", "TD0101", "2:13", "a comma before ]"},
      {"{\"a\": 1, // one\n}", "TD0101", "1:8", "a comma before }"},
      {"{\"a\": 1,, \"b\": 2}", "TD0101", "1:9", "two commas"},
      {"{\"a\": 1\n \"b\": 2}", "TD0101", "2:2", "a comma is missing"},
      {"[1 2]", "TD0101", "1:4", "a comma is missing"},
      {"{'a': 1}", "TD0101", "1:2", "single quotes"},
      {"{\"a\": 'x'}", "TD0101", "1:7", "single quotes"},
      {"{a: 1}", "TD0101", "1:2", "is not a JSON value"},
      {"{\"a\": True}", "TD0101", "1:7", "True is not a JSON value"},
      {"{\"a\": None}", "TD0101", "1:7", "None is not a JSON value"},
      {"{\"a\": NaN}", "TD0101", "1:7", "NaN is not a JSON value"},
      {"{\"a\": adamw}", "TD0101", "1:7", "adamw is not a JSON value"},
      {"{\"a\": .5}", "TD0101", "1:7", ".5 is not a JSON number"},
      {"{\"a\": 5.}", "TD0101", "1:7", "5. is not a JSON number"},
      {"{\"a\": +5}", "TD0101", "1:7", "+5 is not a JSON number"},
      {"{\"a\": 1e999}", "TD0101", "1:7", "too large"},
      {"{\"a\": -1e999}", "TD0101", "1:7", "too large"},
      {"{\"a\" 1}", "TD0101", "1:6", "without a colon"},
      {"{\"a\"}", "TD0101", "1:5", "without a colon"},
      {"{1: 2}", "TD0101", "1:2", "a key must be text"},
      {"{\"a\": 1", "TD0101", "1:7", "ends too early"},
      {"{\"a\": [1,\n 2\n", "TD0101", "2:2", "ends too early"},
      {"{\"a\": }", "TD0101", "1:7", "unexpected '}'"},
      {"{\"a\": \"x\n}", "TD0101", "1:7", "not closed on its line"},
      {"{\"a\": \"x", "TD0101", "1:7", "not closed on its line"},
      {"{\"a\": \"\\q\"}", "TD0101", "1:9", "invalid string"},
      {"{} {}", "TD0101", "1:4", "more text after the end"},
      {"{}x", "TD0101", "1:3", "more text after the end"},
      {"", "TD0101", "1:1", "empty"},
      {"  // nothing\n", "TD0101", "1:1", "empty"},
      {"{\"a\": 1 /* open", "TD0101", "1:1", ""},
      {"}", "TD0101", "1:1", "unexpected '}'"},
      {"]", "TD0101", "1:1", "unexpected ']'"},
      {"{\"a\": 1, \"b\": 2, \"a\": 3}", "TD0102", "1:18", "\"a\" appears twice"},
      {"{\"x\": {\"lr\": 1,\n  \"lr\": 2}}", "TD0102", "2:3", "\"lr\" appears twice"},
      {"{\"a\": \"\xff\"}", "TD0103", "1:8", "UTF-8"},
      {"{\n\"a\": \"\xc3\xa9\xc3\"}", "TD0103", "2:9", "UTF-8"},
      {"{\"a\": \"\xed\xa0\x80\"}", "TD0103", "1:8", "UTF-8"},
      {"{\"a\": \"\xc0\xaf\"}", "TD0103", "1:8", "UTF-8"},
      {"{\"a\": \"\xf4\x90\x80\x80\"}", "TD0103", "1:8", "UTF-8"},
      {"{} // caf\xe9", "TD0103", "1:10", "UTF-8"},
      {"\xff\xfe{", "TD0103", "1:1", "UTF-8"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.json);
    Diagnostics diagnostics;
    parse_json(source_of(row.json), diagnostics);
    REQUIRE(diagnostics.list().size() == 1);
    const Diagnostic& diagnostic = diagnostics.list()[0];
    CHECK(diagnostic.code == row.code);
    if (!row.words.empty()) CHECK(place(diagnostic.where) == row.place);
    CAPTURE(diagnostic.message);
    CHECK(diagnostic.message.find(row.words) != std::string::npos);
    CHECK_FALSE(diagnostics.render().empty());
  }
}

TEST_CASE("limits: depth, size, a NUL byte") {
  const auto code = [](std::string json) {
    Diagnostics diagnostics;
    parse_json(source_of(std::move(json)), diagnostics);
    return diagnostics.empty() ? "" : diagnostics.list()[0].code;
  };
  CHECK(code(std::string(64, '[') + std::string(64, ']')) == "");
  CHECK(code(std::string(65, '[') + std::string(65, ']')) == "TD0104");
  CHECK(code(std::string(5'000'000, '[')) == "TD0104");
  CHECK(code("[\"" + std::string((16 << 20) - 4, 'x') + "\"]") == "");
  CHECK(code("[\"" + std::string((16 << 20) - 3, 'x') + "\"]") == "TD0105");
  CHECK(code(std::string("{}\0{", 4)) == "TD0103");
}

TEST_CASE("every key and value knows line, column and length") {
  Diagnostics diagnostics;
  const Json json = parse_json(
      source_of("\xEF\xBB\xBF{ \"a\": 1e3, // one: , \"\n  /* two\n */ \"b\" : [ true , null,\n\t\"x\\\"y\" ], \"c\":{}}"),
      diagnostics);
  REQUIRE(diagnostics.empty());
  struct Row {
    const Location* where;
    int line, column, length;
  };
  const auto &a = json.members[0], &b = json.members[1], &c = json.members[2];
  const Row rows[] = {{&json.where, 1, 1, 1},
                      {&a.where, 1, 3, 3},
                      {&a.value.where, 1, 8, 3},
                      {&b.where, 3, 5, 3},
                      {&b.value.where, 3, 11, 1},
                      {&b.value.items[0].where, 3, 13, 4},
                      {&b.value.items[1].where, 3, 20, 4},
                      {&b.value.items[2].where, 4, 2, 6},
                      {&c.where, 4, 12, 3},
                      {&c.value.where, 4, 16, 1}};
  for (const Row& row : rows) {
    CHECK(place(*row.where) == text(row.line, ":", row.column));
    CHECK(row.where->length == row.length);
  }
  CHECK(a.value.is(Json::Kind::number));
  CHECK(a.value.integer == 1000);
  CHECK(b.value.items[2].string == "x\"y");
  CHECK(b.value.items[0].where.source->line(1) == "{ \"a\": 1e3, // one: , \"");
}

TEST_CASE("numbers keep their kind and value") {
  struct Row {
    const char* json;
    Json::Kind kind;
    int64_t integer;
    double number;
  };
  const Row rows[] = {
      {"0", Json::Kind::integer, 0, 0},
      {"-7", Json::Kind::integer, -7, -7},
      {"9223372036854775807", Json::Kind::integer, std::numeric_limits<int64_t>::max(), 0x1p63},
      {"-9223372036854775808", Json::Kind::integer, std::numeric_limits<int64_t>::min(), -0x1p63},
      {"9223372036854775808", Json::Kind::number, 0, 0x1p63},
      {"18446744073709551616", Json::Kind::number, 0, 0x1p64},
      {"1.0", Json::Kind::number, 1, 1},
      {"0.5", Json::Kind::number, 0, 0.5},
      {"5e-5", Json::Kind::number, 0, 5e-5},
      {"-1e18", Json::Kind::number, -1'000'000'000'000'000'000, -1e18},
  };
  for (const Row& row : rows) {
    CAPTURE(row.json);
    const Json json = parse_json(row.json, "test");
    CHECK(json.kind == row.kind);
    CHECK(json.integer == row.integer);
    CHECK(json.number == row.number);
  }
}

TEST_CASE("printed numbers read back bit for bit") {
  const Key key = root_key(1) / "doubles";
  for (uint64_t i = 0; i < 20'000; ++i) {
    const uint64_t bits = random_bits(key, i);
    double v;
    static_assert(sizeof v == sizeof bits);
    std::memcpy(&v, &bits, sizeof v);
    if (!std::isfinite(v)) continue;
    const Json back = parse_json(Json::of(v).dump(), "test");
    REQUIRE(back.is(Json::Kind::number));
    REQUIRE(std::memcmp(&back.number, &v, sizeof v) == 0);
  }
  for (int64_t v : {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), int64_t{0}, int64_t{-1}}) {
    CHECK(parse_json(Json::of(v).dump(), "test").integer == v);
  }
  CHECK(Json::of(std::nan("")).dump() == "null");
  CHECK(Json::of(std::numeric_limits<double>::infinity()).dump() == "null");
  CHECK(Json::of(1.0).dump() == "1.0");
  CHECK(Json::of(5e-5).dump() == "5e-05");
}

TEST_CASE("print and parse give the same text again") {
  const char* rows[] = {
      "{}",
      "[]",
      "[1, 2, 3]",
      "{\"a\": null, \"b\": true, \"c\": [{\"d\": [[], {}]}]}",
      "\"\\u0001\\n\\t\\\"\\\\ \xc3\xa9 \xf0\x9f\x98\x80\"",
      "[\"\\ud83d\\ude00\", \"\\u00e9\"]",
      "{\"\": \"\"}",
  };
  for (const char* row : rows) {
    CAPTURE(row);
    for (int indent : {-1, 0, 2, 4}) {
      const std::string once = parse_json(row, "test").dump(indent);
      CHECK(parse_json(once, "test").dump(indent) == once);
      CHECK(parse_json(once, "test").dump(-1) == parse_json(row, "test").dump(-1));
    }
  }
  CHECK(parse_json("{\"a\":{\"b\":[1,2],\"c\":[{}, {\"x\":1}]}}", "test").dump() ==
        "{\n  \"a\": {\n    \"b\": [1, 2],\n    \"c\": [\n      {},\n      {\n        \"x\": 1\n      }\n    ]\n  }\n}");
}

TEST_CASE("cut-off and damaged texts are refused or read, never worse") {
  const std::string whole = "{\"a\": [1, -2.5e3, \"x\\u00e9\\n\", true, null], /* c */ \"b\": {\"c\": {}}} // end";
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    for (char change : std::string("{}[],:\"'\\/*tfn0-+.eE \n\tx\x7f\x80\xc3\xff#$~<>=;|&?")) {
      std::string damaged = whole.substr(0, cut);
      if (change != '?') damaged += change + whole.substr(cut + 1);
      Diagnostics diagnostics;
      parse_json(source_of(damaged), diagnostics);
      if (!diagnostics.empty()) {
        const Location& where = diagnostics.list()[0].where;
        REQUIRE((where.line >= 1 && where.column >= 1 && where.length >= 1));
        REQUIRE_FALSE(diagnostics.render().empty());
      }
    }
  }
}

TEST_CASE("machine-written files: an Error that names file, line and column") {
  CHECK(parse_json("{\"step\": 5}", "state.json").find("step")->value.integer == 5);
  try {
    parse_json("{\"step\":\n 5,}", "state.json");
    FAIL("accepted a trailing comma");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    CHECK(error.message() == "state.json:2:3: a comma before }");
  }
}

TEST_CASE("errors read as one line and know their exit code") {
  Error error(ErrorKind::shape, "linear: x is 3 x 4, weight is 5 x 6", "make the widths equal");
  CHECK(std::string(error.what()) == "linear: x is 3 x 4, weight is 5 x 6: make the widths equal");
  error.at("encoder.layers.2").at("step 12");
  CHECK(std::string(error.what()) == "linear: x is 3 x 4, weight is 5 x 6 (encoder.layers.2, step 12): make the widths equal");
  struct Row {
    ErrorKind kind;
    int code;
  };
  const Row rows[] = {{ErrorKind::internal, 1},   {ErrorKind::usage, 2},      {ErrorKind::config, 3}, {ErrorKind::data, 4},
                      {ErrorKind::checkpoint, 5}, {ErrorKind::non_finite, 6}, {ErrorKind::shape, 1},  {ErrorKind::value, 1}};
  for (const Row& row : rows) CHECK(exit_code(row.kind) == row.code);
}

TEST_CASE("diagnostics print as in the guide") {
  auto file = source_of(
      "{\n  \"schedule\": { \"type\": \"linear\", \"warm_up\": \"6%\" },\n\t\"tab\": \"\xc3\xa9\xc3\xa9\", \"x\": 1\n}\n");
  auto set = std::make_shared<Source>();
  set->name = "--set optimizer.lr=-1";
  set->command_line = true;
  const Location on_line_2{file, 2, 35, 9}, on_line_3{file, 3, 23, 1}, on_the_command_line{set, 1, 1, 2};
  Diagnostics diagnostics;
  diagnostics.add({"TD0304", "optimizer.lr must be greater than 0", on_the_command_line, "", ""});
  diagnostics.add({"TD0303", "x must be a string, found 1", on_line_3, "", ""});
  diagnostics.add({"TD0301", "schedule \"linear\" has no option \"warm_up\"", on_line_2, "did you mean \"warmup\"?",
                   "options: warmup, end_lr"});
  diagnostics.add({"TD0303", "x must be a string, found 1", on_line_3, "", ""});
  CHECK(diagnostics.render() ==
        "error TD0301: schedule \"linear\" has no option \"warm_up\"\n"
        "  test.json:2:35\n"
        "   2 |   \"schedule\": { \"type\": \"linear\", \"warm_up\": \"6%\" },\n"
        "     |                                   ^^^^^^^^^ did you mean \"warmup\"?\n"
        "  options: warmup, end_lr\n"
        "error TD0303: x must be a string, found 1\n"
        "  test.json:3:23\n"
        "   3 |     \"tab\": \"\xc3\xa9\xc3\xa9\", \"x\": 1\n"
        "     |                        ^\n"
        "error TD0304: optimizer.lr must be greater than 0\n"
        "  --set optimizer.lr=-1   (command line)\n"
        "3 errors; nothing was run (exit 3). More: tapedeck explain TD0301");
  CHECK_THROWS_AS(diagnostics.raise(), Error);
}

TEST_CASE("the caret stays under its word in long lines, and long lists of diagnostics are cut") {
  const std::string filler(500, 'x');
  Diagnostics diagnostics;
  parse_json(source_of("{\"" + filler + "\": 1, \"here\": 1, \"here\": 2, \"" + filler + "\": 3}"), diagnostics);
  const std::string out = diagnostics.render();
  size_t from = 0, caret = std::string::npos, word = std::string::npos;
  while (from < out.size()) {
    const size_t end = out.find('\n', from);
    const std::string row = out.substr(from, end - from);
    CHECK(row.size() < 160);
    if (row.find("|") != std::string::npos && word == std::string::npos) word = row.rfind("\"here\"");
    else if (caret == std::string::npos && row.find('^') != std::string::npos) caret = row.find('^');
    if (end == std::string::npos) break;
    from = end + 1;
  }
  CHECK(word == caret);
  Diagnostics many;
  const Location nowhere;
  for (int i = 0; i < 50; ++i) many.add({"TD0301", text("diagnostic ", i), nowhere, "", ""});
  CHECK(many.render().find("... and 30 more\n50 errors;") != std::string::npos);
}

TEST_CASE("wildcards") {
  struct Row {
    const char *pattern, *name;
    bool matches;
  };
  const Row rows[] = {
      {"*", "", true},
      {"*", "anything.at.all", true},
      {"", "", true},
      {"", "x", false},
      {"*.bias", "encoder.layers.0.bias", true},
      {"*.bias", "bias", false},
      {"*bias", "bias", true},
      {"*norm*", "encoder.layer_norm.gain", true},
      {"encoder.*", "encoder.x", true},
      {"encoder.*", "decoder.x", false},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"?", "", false},
      {"??", "ab", true},
      {"*a*b*c*", "xxaxxbxxcxx", true},
      {"*a*b*c*", "xxaxxcxxbxx", false},
      {"layers.?.w*", "layers.3.weight", true},
      {"layers.?.w*", "layers.13.weight", false},
      {"a.b", "aXb", false},
      {"**", "x", true},
      {"*x", "xxxy", false},
      {"[ab]", "a", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    CAPTURE(row.name);
    CHECK(glob_match(row.pattern, row.name) == row.matches);
  }
  std::string stars;
  for (int i = 0; i < 1000; ++i) stars += "*a";
  CHECK_FALSE(glob_match(stars + "b", std::string(5000, 'a')));
}

TEST_CASE("suggestions: chosen rows") {
  const std::vector<std::string> options = {"type",         "lr",     "beta1",          "beta2",    "epsilon",
                                            "weight_decay", "groups", "clip_grad_norm", "duration", "width"};
  struct Row {
    std::string typed, expected;
  };
  const Row rows[] = {
      {"lrr", "lr"},
      {"rl", "lr"},
      {"LR", "lr"},
      {"learning_rate", "lr"},
      {"weight-decay", "weight_decay"},
      {"weigth_decay", "weight_decay"},
      {"wieght_decya", "weight_decay"},
      {"eps", "epsilon"},
      {"epsilonn", "epsilon"},
      {"group", "groups"},
      {"max_grad_norm", "clip_grad_norm"},
      {"epochs", "duration"},
      {"hidden_size", "width"},
      {"momentum", ""},
      {"x", ""},
      {"", ""},
      {"colour", ""},
      {"zzzzzzzz", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.typed);
    CHECK(did_you_mean(row.typed, options) == row.expected);
  }
  CHECK(did_you_mean(std::string(1'000'000, 'a'), options) == "");
  CHECK(did_you_mean("anything", {}) == "");
}

TEST_CASE("suggestions: at least 95 % of all single edits are corrected") {
  const std::vector<std::string> options = {"data",
                                            "tokenizer",
                                            "model",
                                            "objective",
                                            "optimizer",
                                            "schedule",
                                            "training",
                                            "evaluation",
                                            "checkpoints",
                                            "logging",
                                            "runtime",
                                            "stages",
                                            "sweep",
                                            "format",
                                            "name",
                                            "notes",
                                            "tags",
                                            "seed",
                                            "seeds",
                                            "extends",
                                            "vars",
                                            "output",
                                            "freeze",
                                            "type",
                                            "lr",
                                            "beta1",
                                            "beta2",
                                            "epsilon",
                                            "weight_decay",
                                            "groups",
                                            "match",
                                            "warmup",
                                            "end_lr",
                                            "duration",
                                            "batch_size",
                                            "micro_batch_size",
                                            "sampler",
                                            "clip_grad_norm",
                                            "clip_grad_value",
                                            "on_non_finite",
                                            "every",
                                            "at_start",
                                            "metrics",
                                            "best",
                                            "direction",
                                            "patience",
                                            "min_change",
                                            "keep",
                                            "threads",
                                            "deterministic",
                                            "alpha",
                                            "temperature",
                                            "label_smoothing",
                                            "dropout",
                                            "layers",
                                            "width",
                                            "heads",
                                            "feed_forward",
                                            "pooling",
                                            "head",
                                            "encoder",
                                            "vocab",
                                            "max_length",
                                            "min_count",
                                            "lowercase",
                                            "train",
                                            "validation",
                                            "test",
                                            "encoding"};
  const std::string letters = "abcdefghijklmnopqrstuvwxyz_1";
  int edits = 0, corrected = 0;
  const auto attempt = [&](const std::string& typed, const std::string& meant) {
    if (typed == meant || std::find(options.begin(), options.end(), typed) != options.end()) return;
    ++edits;
    corrected += did_you_mean(typed, options) == meant;
  };
  for (const std::string& word : options) {
    for (size_t i = 0; i <= word.size(); ++i) {
      for (char letter : letters) {
        attempt(word.substr(0, i) + letter + word.substr(i), word);
        if (i < word.size()) attempt(word.substr(0, i) + letter + word.substr(i + 1), word);
      }
      if (i < word.size()) attempt(word.substr(0, i) + word.substr(i + 1), word);
      if (i + 1 < word.size()) attempt(word.substr(0, i) + word[i + 1] + word[i] + word.substr(i + 2), word);
    }
  }
  MESSAGE(corrected, " of ", edits, " single edits corrected");
  CHECK(corrected >= edits * 95 / 100);
}
