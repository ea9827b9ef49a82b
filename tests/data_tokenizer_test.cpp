// Tokenizers: ids of our own lines equal those of Hugging Face (golden/wordpiece.json), vocabularies are counted and
// saved, texts are cut as promised. Next: golden/wordpiece.py, the same on 10,000 real lines.
#include <doctest/doctest.h>

#include "support/data_files.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

const std::string golden = std::string(TAPEDECK_SOURCE_DIR) + "/tests/golden/";

Table table_of(const std::vector<std::string>& texts) {
  Table table;
  for (const std::string& t : texts) table.rows.push_back({t, "", "", 0});
  return table;
}

/// Tokens of an encoded text, separated by blanks.
std::string tokens(const Tokenizer& tokenizer, std::string_view a, std::string_view b = {}) {
  std::string out;
  for (int32_t id : tokenizer.encode(a, b).ids) out += (out.empty() ? "" : " ") + tokenizer.token(id);
  return out;
}

std::vector<int32_t> integers(const Json& list) {
  std::vector<int32_t> out;
  for (const Json& item : list.items) out.push_back(int32_t(item.integer));
  return out;
}

struct Trial {
  const char *options, *text, *text_b, *tokens;
};
const char* const learnt = "The film, the FILM; a café film!";
const std::vector<Trial> trials = {
    {R"({"type":"word"})", "The café film", "", "[CLS] the café film [SEP]"},
    {R"({"type":"word"})", "a  movie,\tthe film", "", "[CLS] a [UNK] , the film [SEP]"},
    {R"({"type":"word"})", "a,film", "the film", "[CLS] a , film [SEP] the film [SEP]"},
    {R"({"type":"word"})", "", "", "[CLS] [SEP]"},
    {R"({"type":"word"})", "the \xFF \xC3 film", "", "[CLS] the film [SEP]"},
    {R"({"type":"word","lowercase":false})", "the The FILM", "", "[CLS] the The FILM [SEP]"},
    {R"({"type":"word","min_count":2})", "the café film ,", "", "[CLS] the [UNK] film [UNK] [SEP]"},
    {R"({"type":"word","max_size":6})", "the film", "", "[CLS] [UNK] film [SEP]"},
    {R"({"type":"word","max_length":4})", "the film the film", "", "[CLS] the film [SEP]"},
    {R"({"type":"word","max_length":8})", "the", "film film film film film", "[CLS] the [SEP] film film film film [SEP]"},
    {R"({"type":"word","max_length":3})", "the", "film", "[CLS] [SEP] [SEP]"},
    {R"({"type":"character"})", "fé T", "", "[CLS] f é   T [SEP]"},
    {R"({"type":"character","lowercase":true})", "TÉ", "", "[CLS] t é [SEP]"},
};

}  // namespace

TEST_CASE("word and character tokenizers") {
  for (const Trial& row : trials) {
    CAPTURE(row.options);
    CAPTURE(row.text);
    const auto tokenizer = make_part<Tokenizer>(row.options);
    tokenizer->fit(table_of({learnt}));
    CHECK(tokens(*tokenizer, row.text, row.text_b) == row.tokens);
    const Encoded encoded = tokenizer->encode(row.text, row.text_b);
    CHECK(encoded.ids.size() == encoded.segments.size());
    CHECK(int64_t(encoded.ids.size()) <= tokenizer->max_length());
  }
}

TEST_CASE("the vocabulary: special tokens, then by descending count, then by text") {
  const auto tokenizer = make_part<Tokenizer>(R"({"type":"word"})");
  tokenizer->fit(table_of({learnt}));
  const char* const expected[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "film", "the", "!", ",", ";", "a", "café"};
  REQUIRE(tokenizer->vocabulary_size() == std::ssize(expected));
  for (int32_t id = 0; id < std::ssize(expected); ++id) CHECK(tokenizer->token(id) == expected[id]);
  CHECK_THROWS_AS(tokenizer->token(-1), Error);
  CHECK_THROWS_AS(tokenizer->token(12), Error);
}

TEST_CASE("a restored tokenizer gives the same ids without its data") {
  const TempFolder folder;
  const std::string vocab = folder / "vocab.txt";
  for (const std::string& options : {std::string(R"({"type":"word"})"), std::string(R"({"type":"character"})"),
                                     text(R"({"type":"wordpiece","vocab":")", vocab, "\"}")}) {
    CAPTURE(options);
    put(folder, "vocab.txt", read_raw(golden + "wordpiece_vocab.txt"));
    const auto first = make_part<Tokenizer>(options), second = make_part<Tokenizer>(options);
    first->fit(table_of({learnt}));
    std::filesystem::remove(vocab);
    CHECK_THROWS_AS(second->encode("the film"), Error);
    second->restore(parse_json(first->state().dump(), "state"));
    CHECK(second->vocabulary_size() == first->vocabulary_size());
    CHECK(second->encode("the café film 😀", "The film").ids == first->encode("the café film 😀", "The film").ids);
    CHECK_THROWS_AS(second->restore(parse_json(R"({"tokens":["a"]})", "state")), Error);
    CHECK_THROWS_AS(second->restore(parse_json("[1]", "state")), Error);
  }
}

TEST_CASE("wordpiece ids equal Hugging Face's") {
  const Json cases = parse_json(read_raw(golden + "wordpiece.json"), "wordpiece.json");
  REQUIRE(cases.items.size() > 100);
  for (const Json& c : cases.items) {
    const auto tokenizer =
        make_part<Tokenizer>(text(R"({"type":"wordpiece","vocab":")", golden,
                                  "wordpiece_vocab.txt\",\"lowercase\":", c.find("lowercase")->value.boolean ? "true" : "false",
                                  ",\"max_length\":", c.find("max_length")->value.integer, "}"));
    tokenizer->fit({});
    const Json::Member* second = c.find("text_b");
    const std::string a = c.find("text")->value.string, b = second ? second->value.string : "";
    CAPTURE(a);
    CHECK(tokenizer->encode(a, b).ids == integers(c.find("ids")->value));
    if (second) CHECK(tokenizer->encode(a, b).segments == integers(c.find("segments")->value));
  }
}

TEST_CASE("wordpiece options and broken vocabularies") {
  const TempFolder folder;
  const auto with = [&](const std::string& more) {
    auto tokenizer = make_part<Tokenizer>(R"({"type":"wordpiece","vocab":"v")" + more + "}", folder.path());
    tokenizer->fit({});
    return tokenizer;
  };
  put(folder, "v", "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\ncafe\r\ncafé\r\nCafé\r\n");
  CHECK(tokens(*with(""), "Café") == "[CLS] cafe [SEP]");
  CHECK(tokens(*with(",\"strip_accents\":false"), "Café") == "[CLS] café [SEP]");
  CHECK(tokens(*with(",\"lowercase\":false"), "Café") == "[CLS] Café [SEP]");
  const struct {
    const char *bytes, *message;
  } broken[] = {{"[PAD]\n[UNK]\n[CLS]\n", "v: the vocabulary has no [SEP]"},
                {"", "v: the vocabulary has no [PAD]"},
                {"\xFF\n", "v:1: byte 0"}};
  for (const auto& row : broken) {
    put(folder, "v", row.bytes);
    try {
      with("");
      FAIL_CHECK("no error");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::data);
      CHECK_MESSAGE(e.message().find(row.message) != std::string::npos, e.message());
    }
  }
}

TEST_CASE("word pieces stand where the tokenizers package puts them, and other tokens spell their place") {
  const std::string folder = std::string(TAPEDECK_SOURCE_DIR) + "/configs/smoke/data/";
  const auto own = make_part<Tokenizer>(R"({"type": "wordpiece", "vocab": "vocab.txt"})", folder);
  const auto package = make_part<Tokenizer>(R"({"type": "pretrained", "from": "pretrained"})", folder);  // data_pretrained_test
  own->fit({}), package->fit({});
  const std::string texts[] = {"A good film, truly.",
                               "na\u00EFve cafe\u0301s \u0130stanbul",
                               "\u7535\u5f71good\u5f71",
                               "a[SEP] b [MASK]c [CLS",
                               "zero\u200Bwidth \u200B a",
                               "unaffable " + std::string(120, 'x') + " end",
                               "",
                               "  \t blanks  "};
  const auto shown = [](const Encoded& e) {
    std::string out;
    for (size_t i = 0; i < e.ids.size(); ++i)
      out += text(e.ids[i], " ", e.offsets[i].begin, "-", e.offsets[i].end, " ", e.offsets[i].begin_byte, "-",
                  e.offsets[i].end_byte, "\n");
    return out;
  };
  for (const std::string& one : texts) {
    CAPTURE(one);
    CHECK(shown(own->tokens_with_offsets(one)) == shown(package->tokens_with_offsets(one)));
    CHECK(own->tokens_with_offsets(one).ids == own->token_ids(one));
    const Encoded pair = own->encode_with_offsets(one, "b"), same = own->encode(one, "b");
    CHECK(pair.ids == same.ids);
    CHECK(pair.offsets.size() == pair.ids.size());
    CHECK(pair.offsets.back().end == 0);
  }
  for (const char* kind : {R"({"type": "word", "lowercase": false})", R"({"type": "character"})"}) {
    const auto tokenizer = make_part<Tokenizer>(kind);
    tokenizer->fit(table_of({texts[1], texts[2]}));
    for (const std::string& one : {texts[1], texts[2]}) {
      const Encoded all = tokenizer->tokens_with_offsets(one);
      for (size_t i = 0; i < all.ids.size(); ++i) {
        const Offset& at = all.offsets[i];
        CHECK(tokenizer->token(all.ids[i]) == one.substr(size_t(at.begin_byte), size_t(at.end_byte - at.begin_byte)));
      }
    }
  }
  const auto word = make_part<Tokenizer>(R"({"type": "word", "max_length": 6})");
  word->fit(table_of({"a b c d e f"}));
  CHECK(word->encode("a b c d e f").cut == 2);
  CHECK(word->encode("a b c", "d e").cut == 2);
  CHECK(word->encode("a b").cut == 0);
}
