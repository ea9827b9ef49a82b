// Finding and reading the files of a tokenizer. Next: pretrained_files.h.
#include "src/data/pretrained_files.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "src/data/json_value.h"
#include "src/data/text_file.h"

namespace tapedeck {
namespace {

using nlohmann::json;

json added_token(const std::string& content, size_t id) {
  return {{"id", id},        {"content", content}, {"special", true},     {"normalized", false},
          {"lstrip", false}, {"rstrip", false},    {"single_word", false}};
}

/// BERT's vocab.txt: a token a line, the number of the line is the id. `config` says how a text is rewritten before.
json bert(const PretrainedFiles::File& vocabulary, const std::string& path, const JsonValue& config) {
  if (vocabulary.content.starts_with("version https://git-lfs")) parse_foreign_json(vocabulary.content, path);
  json vocab = json::object();
  Line line;
  for (Lines lines(vocabulary.content); lines.next(line);) vocab[std::string(line.text)] = line.number - 1;
  json added = json::array();
  const auto id_of = [&](const char* key, const char* otherwise) {
    const std::string token = config.raw().is_object() && config.has(key) && config.raw()[key].is_object()
                                  ? config.at(key).at("content").string()
                                  : config.string(key, otherwise);
    if (!vocab.contains(token))
      throw data_error(path, 0, text("the vocabulary has no ", token), "this is no WordPiece vocab.txt, or not all of it");
    const size_t id = vocab[token];
    added.push_back(added_token(token, id));
    return json::array({token, id});
  };
  const json unk = id_of("unk_token", "[UNK]"), cls = id_of("cls_token", "[CLS]"), sep = id_of("sep_token", "[SEP]");
  id_of("pad_token", "[PAD]");
  if (vocab.contains(config.string("mask_token", "[MASK]"))) id_of("mask_token", "[MASK]");
  return {{"added_tokens", added},
          {"normalizer",
           {{"type", "BertNormalizer"},
            {"lowercase", config.boolean("do_lower_case", true)},
            {"handle_chinese_chars", config.boolean("tokenize_chinese_chars", true)},
            {"strip_accents", config.has("strip_accents") ? config.at("strip_accents").raw() : json()}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor", {{"type", "BertProcessing"}, {"cls", cls}, {"sep", sep}}},
          {"model", {{"type", "WordPiece"}, {"unk_token", unk[0]}, {"vocab", vocab}}}};
}

}  // namespace

PretrainedFiles PretrainedFiles::read(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    throw data_error(folder, 0, fs::exists(folder, ignored) ? "this is a file, not a folder" : "there is no such folder",
                     "\"from\" is the folder of a model that was saved by transformers");
  PretrainedFiles found{folder, {}};
  const auto take = [&](const char* name) {
    const std::string path = folder + "/" + name;
    if (!fs::exists(path, ignored)) return false;
    found.files.push_back({name, load_text(path, Encoding::utf8).content});
    return true;
  };
  if (take("tokenizer.json")) {
    for (const char* beside : {"tokenizer_config.json", "special_tokens_map.json"}) take(beside);  // given back by `export`
    return found;
  }
  if (!take("vocab.txt")) {
    std::string others;
    for (const char* name : {"sentencepiece.bpe.model", "spiece.model", "vocab.json", "tokenizer.model"})
      if (fs::exists(folder + "/" + name, ignored)) others += (others.empty() ? ", only " : ", ") + std::string(name);
    throw data_error(
        folder, 0, "holds neither tokenizer.json nor vocab.txt" + others,
        "once: python -c \"from transformers import AutoTokenizer as T; T.from_pretrained('F').save_pretrained('F')\"");
  }
  if (!take("tokenizer_config.json"))
    throw data_error(folder, 0, "holds vocab.txt without tokenizer_config.json, so that nothing says whether capitals are kept",
                     "write tokenizer_config.json: {\"do_lower_case\": true} for an uncased model, false for a cased one");
  return found;
}

std::string PretrainedFiles::source() const { return folder + "/" + files.front().name; }

json PretrainedFiles::to_json() const {
  if (files.front().name == "tokenizer.json") return parse_foreign_json(files.front().content, source());
  const std::string path = folder + "/" + files.back().name;
  const json config = parse_foreign_json(files.back().content, path);
  return bert(files.front(), source(), {config, path});
}

}  // namespace tapedeck
