// The tokenizer "pretrained": ids and offsets equal those of the `tokenizers` package on tricky texts (golden/tokenizers.json),
// broken folders are refused with the file and the key, a run folder needs the source no more. Next: golden/tokenizers.py,
// 100,000 texts a kind.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "support/data_files.h"

using namespace tapedeck;
using namespace tapedeck::testing;
using nlohmann::json;

namespace {

const std::string golden = std::string(TAPEDECK_SOURCE_DIR) + "/tests/golden/";

Choice<Tokenizer> opened(const TempFolder& folder, int max_length = 128) {
  auto tokenizer =
      make_part<Tokenizer>(text(R"({"type": "pretrained", "from": "model", "max_length": )", max_length, "}"), folder.path());
  tokenizer->fit({});
  return tokenizer;
}

const json small = json::parse(R"({
  "added_tokens": [{"id": 0, "content": "[UNK]", "special": true}, {"id": 1, "content": "[CLS]", "special": true}, {"id": 2, "content": "[SEP]", "special": true}],
  "normalizer": {"type": "BertNormalizer"},
  "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 2]},
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "film": 3, "##s": 4}}})");

/// `small` with one value replaced: a JSON pointer and the value.
std::string with(const char* pointer, const char* value) {
  json changed = small;
  changed[json::json_pointer(pointer)] = json::parse(value);
  return changed.dump();
}

const char* const bpe = R"({"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]})";
const char* const unigram = R"({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1.5]]})";

}  // namespace

TEST_CASE("ids, segments and offsets equal those of tokenizers") {
  std::ifstream file(golden + "tokenizers.json");
  const json kinds = json::parse(file);
  REQUIRE(kinds.size() > 15);
  for (const json& kind : kinds) {
    CAPTURE(kind["name"].get<std::string>());
    const TempFolder folder;
    put(folder, "model/tokenizer.json", kind["file"].dump());
    std::map<int, Choice<Tokenizer>> by_length;
    for (const json& c : kind["cases"]) {
      const int max_length = c[0];
      const std::string a = c[1], b = c[2];
      CAPTURE(c[1].dump());
      if (!by_length.contains(max_length)) by_length.emplace(max_length, opened(folder, max_length));
      const Tokenizer& tokenizer = *by_length[max_length];
      const Encoded encoded = tokenizer.encode_with_offsets(a, b);
      CHECK(encoded.ids == c[3].get<std::vector<int32_t>>());
      CHECK(encoded.segments ==
            (c[4].is_array() ? c[4].get<std::vector<int32_t>>() : std::vector<int32_t>(encoded.ids.size(), 0)));
      CHECK(tokenizer.encode(a, b).ids == encoded.ids);
      std::vector<int32_t> offsets;
      for (int32_t before = 0; const Offset& o : encoded.offsets) {
        offsets.push_back(o.begin - before), offsets.push_back(o.end - o.begin);
        before = o.begin;
      }
      CHECK(offsets == c[5].get<std::vector<int32_t>>());
    }
  }
}

TEST_CASE("offsets in bytes") {
  const TempFolder folder;
  put(folder, "model/tokenizer.json", small.dump());
  const Encoded encoded = opened(folder)->encode_with_offsets("é Films");
  REQUIRE(encoded.offsets.size() == 5);  // [CLS] [UNK] film ##s [SEP]
  CHECK(encoded.offsets[3].begin == 6);
  CHECK(encoded.offsets[3].begin_byte == 7);
  CHECK(encoded.offsets[3].end_byte == 8);
}

TEST_CASE("what is not read is named with file and key") {
  const struct {
    std::string content;
    const char *message, *hint;
  } broken[] = {
      {"", "tokenizer.json is no JSON", ""},
      {small.dump().substr(0, 300), "tokenizer.json is no JSON, or not all of it: parse error at line 1, column 301", ""},
      {std::string(100000, '['), "more than 64 levels", ""},
      {"[1]", "the file is a list, wanted an object", ""},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n", "tokenizer.json is a Git LFS pointer",
       "git lfs pull"},
      {"{}", "tokenizer.json: model is missing", ""},
      {with("/model", "null"), "model is null, wanted an object", ""},
      {with("/model/type", "\"WordLevel\""), "model.type is \"WordLevel\", which is not read", "read: WordPiece, BPE, Unigram"},
      {with("/model/type", "3"), "model.type is 3, wanted a text", ""},
      {with("/model/vocab", "[1]"), "model.vocab is a list, wanted an object", ""},
      {with("/model/vocab", "{}"), "model.vocab is empty", ""},
      {with("/model/vocab/film", "\"x\""), "model.vocab[\"film\"] is \"x\", wanted a whole number", ""},
      {with("/model/vocab/film", "-1"), "model.vocab[\"film\"] is -1, wanted a number from 0", ""},
      {with("/model/vocab/film", "1e9"), "model.vocab[\"film\"] is 1000000000.0, wanted a whole number", ""},
      {with("/model/vocab/film", "1000000000"), "model.vocab gives the id 1000000000, far beyond its 5 tokens", "damaged"},
      {with("/model/vocab/film", "99999999999"), "model.vocab[\"film\"] is 99999999999, wanted a number from 0", ""},
      {with("/model/vocab/film", "4"), "model.vocab gives the id 4 to", "damaged"},
      {with("/model/unk_token", "\"?\""), "model.unk_token is \"?\", which model.vocab does not have", ""},
      {with("/model/max_input_chars_per_word", "[]"), "model.max_input_chars_per_word is a list", ""},
      {with("/normalizer", R"({"type": "Nmt"})"), "normalizer.type is \"Nmt\"", "read: BertNormalizer"},
      {with("/normalizer", R"({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Nmt"}]})"),
       "normalizer.normalizers[1].type is \"Nmt\"", ""},
      {with("/normalizer", R"({"type": "Replace", "pattern": {"Regex": "(a)b"}, "content": ""})"),
       "normalizer.pattern.Regex is the regular expression (a)b", "read:"},
      {with("/normalizer", R"({"type": "Replace", "pattern": {"Regex": "\\p{N}"}, "content": "$1"})"),
       "normalizer.content refers to groups", ""},
      {with("/normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "AAAA*"})"), "precompiled_charsmap is no base64",
       ""},
      {with("/normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "/////w=="})"),
       "precompiled_charsmap is no SentencePiece table", ""},
      {with("/normalizer/lowercase", "1"), "normalizer.lowercase is 1, wanted true or false", ""},
      {with("/pre_tokenizer/type", "\"UnicodeScripts\""), "pre_tokenizer.type is \"UnicodeScripts\"", "Metaspace"},
      {with("/pre_tokenizer", R"({"type": "Split", "pattern": {"String": " "}, "behavior": "Glued"})"),
       "pre_tokenizer.behavior is \"Glued\"", "Isolated"},
      {with("/pre_tokenizer", R"({"type": "Metaspace", "replacement": "__"})"), "pre_tokenizer.replacement is not one character",
       ""},
      {with("/post_processor/type", "\"Other\""), "post_processor.type is \"Other\"", "RobertaProcessing"},
      {with("/post_processor/cls", "[\"[CLS]\", 77]"), "post_processor puts in the id 77, the vocabulary has 5 tokens", ""},
      {with("/post_processor", R"({"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}})"),
       "post_processor.single does not hold A once", ""},
      {with(
           "/post_processor",
           R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}], "pair": [], "special_tokens": {}})"),
       "post_processor.special_tokens.<s> is missing", ""},
      {with("/added_tokens/0/id", "4"), "added_tokens[0].id is 4, model.vocab gives \"[UNK]\" the id 0", ""},
      {with("/added_tokens/0/content", "\"new\""), "added_tokens[0].id is 0, which model.vocab gives to \"[UNK]\"", ""},
      {with("/added_tokens/0", R"({"id": 1000000000, "content": "new"})"),
       "added_tokens[0].id is 1000000000, far beyond the 5 tokens", ""},
      {with("/added_tokens", R"([{"id": 9, "content": "x"}, {"id": 9, "content": "y"}])"),
       "added_tokens[1].id is 9, which \"x\" has", ""},
      {with("/added_tokens", "{}"), "added_tokens is an object, wanted a list", ""},
      {with("/model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]})"),
       "model.merges[0] names \"b\", which model.vocab does not have", ""},
      {with("/model", R"({"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]})"), "model.merges[0] names \"ab\"", ""},
      {with("/model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]})"), "model.merges[0] is \"a\", wanted two tokens",
       ""},
      {with("/model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": [["a"]]})"), "model.merges[0] has 1 parts", ""},
      {with("/model", R"({"type": "BPE", "vocab": {"a": 0}})"), "model.merges is missing", ""},
      {with("/model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1})"), "model.dropout is not 0", ""},
      {with("/model", R"({"type": "Unigram", "unk_id": 2, "vocab": [["a", 0]]})"), "model.unk_id is 2, model.vocab has 1 tokens",
       ""},
      {with("/model", R"({"type": "Unigram", "unk_id": null, "vocab": [["a", 0]]})"), "model.unk_id is null", ""},
      {with("/model", R"({"type": "Unigram", "unk_id": 0, "vocab": [["a"]]})"), "model.vocab[0] is not [token, score]", ""},
  };
  for (const auto& row : broken) {
    CAPTURE(row.message);
    const TempFolder folder;
    put(folder, "model/tokenizer.json", row.content);
    try {
      opened(folder);
      FAIL_CHECK("no error");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::data);
      CHECK_MESSAGE(e.message().find(row.message) != std::string::npos, e.message());
      CHECK_MESSAGE(e.message().find("model/tokenizer.json") != std::string::npos, e.message());
      CHECK_MESSAGE(e.hint().find(row.hint) != std::string::npos, e.hint());
    }
  }
}

TEST_CASE("a file that is cut anywhere is refused") {
  const std::string whole = small.dump();
  for (size_t size = 0; size < whole.size(); ++size) {
    const TempFolder folder;
    put(folder, "model/tokenizer.json", std::string_view(whole).substr(0, size));
    CHECK_THROWS_AS(opened(folder), Error);
  }
}

TEST_CASE("folders: what is in them, vocab.txt") {
  const TempFolder folder;
  const auto message = [&](int max_length = 128) -> std::string {
    try {
      opened(folder, max_length);
    } catch (const Error& e) { return e.message(); }
    return "";
  };
  CHECK(message().find("model: there is no such folder") != std::string::npos);
  put(folder, "model/vocab.json", "{}");
  CHECK(message().find("holds neither tokenizer.json nor vocab.txt, only vocab.json") != std::string::npos);
  put(folder, "model/vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nfilm\nFilm\n##s\n");
  CHECK(message().find("holds vocab.txt without tokenizer_config.json") != std::string::npos);
  put(folder, "model/tokenizer_config.json", R"({"do_lower_case": true})");
  CHECK(opened(folder)->encode("Films").ids == std::vector<int32_t>{2, 4, 6, 3});
  put(folder, "model/tokenizer_config.json", R"({"do_lower_case": false, "cls_token": {"content": "[CLS]"}})");
  CHECK(opened(folder)->encode("Films [SEP]").ids == std::vector<int32_t>{2, 5, 6, 3, 3});
  CHECK(message(3).find("max_length 3 leaves no room beside the 3 special tokens") != std::string::npos);
  put(folder, "model/vocab.txt", "[PAD]\nfilm\n");
  CHECK(message().find("the vocabulary has no [UNK]") != std::string::npos);
}

TEST_CASE("names of special tokens, restoring, texts that are no UTF-8") {
  const TempFolder folder;
  json file = json::parse(with("/model", unigram));
  file["added_tokens"] =
      json::parse(R"([{"id": 2, "content": "<s>", "special": true}, {"id": 3, "content": "<mask>", "special": true}])");
  file["post_processor"] = json::parse(R"({"type": "RobertaProcessing", "cls": ["<s>", 2], "sep": ["<s>", 2]})");
  put(folder, "model/tokenizer.json", file.dump());
  const auto tokenizer = opened(folder), other = make_part<Tokenizer>(R"({"type": "pretrained", "from": "nowhere"})");
  CHECK(tokenizer->vocabulary_size() == 4);
  CHECK(tokenizer->id("[CLS]") == 2);
  CHECK(tokenizer->id("[MASK]") == 3);
  CHECK(tokenizer->id("[UNK]") == 0);
  CHECK(tokenizer->id("[PAD]") == -1);
  CHECK(tokenizer->token(3) == "<mask>");
  CHECK_THROWS_AS(tokenizer->token(4), Error);
  CHECK(tokenizer->token_ids("a<mask>\xFF\xC3 a") == std::vector<int32_t>{1, 3, 1});
  CHECK_THROWS_AS(other->encode("a"), Error);
  other->restore(parse_json(tokenizer->state().dump(), "state"));
  CHECK(other->encode("a b<mask>").ids == tokenizer->encode("a b<mask>").ids);
  CHECK_THROWS_AS(other->restore(parse_json("{\"tokens\": []}", "state")), Error);
  put(folder, "model/tokenizer.json", with("/model", bpe));
  CHECK_THROWS_AS(opened(folder), Error);  // its [UNK] is 0, as is "a"
}
