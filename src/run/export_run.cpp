// What the model is in their words, then its files: config.json, weights, tokenizer, pooling, a card. Next: model_card.cpp.
#include "src/run/export_run.h"

#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json_build.h>
#include <tapedeck/base/words.h>

#include "src/config/locations.h"
#include "src/pretrained/export_weights.h"
#include "src/run/model_card.h"
#include "src/run/run_folder.h"
#include "src/train/files.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

std::string word_at(const Json& json, const char* path) {
  const Json* value = value_at(json, path);
  return value ? value->string : "";
}

[[noreturn]] void cannot(const std::string& why, const std::string& hint) { throw Error(ErrorKind::usage, why, hint); }

/// config.json of an encoder that comes from no folder: BERT, where its layers are BERT's.
Json bert_config(const Json& encoder, const LoadedRun& run) {
  const auto number = [&](const char* key) { return encoder.find(key)->value; };
  const std::string activation = word_at(encoder, "activation");
  if (word_at(encoder, "type") != "transformer" || word_at(encoder, "norm") != "post" ||
      word_at(encoder, "positions") != "learned" || value_at(encoder, "causal")->boolean || activation == "silu")
    cannot(
        "only encoders as BERT has them are given back: type transformer, norm post, positions learned, not causal, activation "
        "gelu, "
        "gelu_tanh, relu or tanh",
        "train such an encoder, or one of a folder (type pretrained)");
  const Json* hidden = value_at(encoder, "feed_forward");
  const Json* attention = value_at(encoder, "attention_dropout");
  return json_object({{"model_type", "bert"},
                      {"vocab_size", run.input.vocabulary},
                      {"hidden_size", number("width")},
                      {"num_hidden_layers", number("layers")},
                      {"num_attention_heads", number("heads")},
                      {"intermediate_size", hidden ? *hidden : Json::of(4 * number("width").integer)},
                      {"hidden_act", activation == "gelu_tanh" ? "gelu_new" : activation},
                      {"hidden_dropout_prob", number("dropout")},
                      {"attention_probs_dropout_prob", attention ? *attention : number("dropout")},
                      {"max_position_embeddings", run.input.max_length},
                      {"type_vocab_size", 2},
                      {"layer_norm_eps", number("epsilon")},
                      {"pad_token_id", 0}});
}

class Export {
 public:
  Export(LoadedRun& run, const std::string& folder, const std::string& as)
      : run_(run), folder_(folder), resolved_(resolved_tree(run.config)), model_(*value_at(resolved_, "model")), as_(as) {
    const Json* encoder = value_at(model_, "encoder");
    if (!encoder) cannot(text("a model of the type ", in_quotes(word_at(model_, "type")), " has no encoder to give back"), "");
    const Json* saved = value_at(*encoder, "saved.config");
    source_ = saved ? *saved : bert_config(*encoder, run);
    config_ = read_config(source_, "config.json of the run");
    if (const Json* layers = value_at(*encoder, "layers"); saved && layers && layers->is(Json::Kind::integer))
      config_.take_layers(layers->integer);
    if (const Json* p = value_at(*encoder, "dropout")) config_.spec.dropout = config_.spec.attention_dropout.emplace(p->number);
    if (const Json* p = value_at(*encoder, "attention_dropout")) config_.spec.attention_dropout = p->number;
    if (as_.empty()) as_ = word_at(model_, "type") == "sentence" ? "sentence-transformers" : "hf";
    class_ = as_ == "hf" ? with_head() : bare();
  }

  std::vector<std::string> write() {
    std::error_code ignored;
    if (fs::exists(folder_, ignored) && !fs::is_empty(folder_, ignored))
      cannot(folder_ + " is not empty", "name a new folder: what is there is never overwritten");
    const std::vector<std::pair<std::string, std::string>> tokenizer = tokenizer_files();
    const NamedTensors tensors = their_tensors(run_.store, config_, class_, "encoder", "head");
    make_folder(folder_);
    put("config.json", config_json().dump() + "\n");
    write_safetensors(folder_ + "/model.safetensors", tensors, {{"format", "pt"}});
    written_.push_back("model.safetensors");
    for (auto& [name, content] : tokenizer) put(name, content);
    if (as_ == "sentence-transformers") pooling();
    put("README.md", model_card(run_, resolved_, class_.name, as_, class_.empty_pooler));
    return written_;
  }

 private:
  void put(const std::string& name, const std::string& content) {
    make_folder(parent_of(folder_ + "/" + name));
    write_file_atomically(folder_ + "/" + name, content);
    written_.push_back(name);
  }

  std::string stem() const { return std::string(config_.architecture->class_stem); }
  ExportedClass bare() const {
    const std::string_view type = config_.architecture->model_type;
    const bool pooler = type == "bert" || type == "roberta" || type == "xlm-roberta" || type == "camembert";
    return {stem() + "Model", false, pooler};
  }

  /// The class of transformers with this very head.
  ExportedClass with_head() const {
    const std::string type = word_at(model_, "type");
    if (type == "tagger" && word_at(model_, "head") == "softmax")
      return {stem() + "ForTokenClassification", true, false, "classifier"};
    if (type == "language_model" && config_.architecture->causal) return {stem() + "LMHeadModel", true, false};
    if (type == "text" && !config_.architecture->heads.empty()) {
      const std::string wanted(config_.architecture->head_activation), pooling = word_at(model_, "pooling");
      const Json* hidden = value_at(model_, "head.hidden");
      const bool same = word_at(model_, "head.type") == "mlp" && word_at(model_, "head.activation") == wanted &&
                        (pooling == "first" || pooling == "cls") && word_at(model_, "head.active") == "always" &&
                        (!hidden || hidden->integer == config_.spec.width);
      if (same) return {stem() + "ForSequenceClassification", true, false, "classifier"};
      cannot(text(stem(), "ForSequenceClassification reads the first token through a dense layer with ", wanted,
                  "; this model has pooling ", in_quotes(pooling), " and the head ", in_quotes(word_at(model_, "head.type"))),
             text("train with pooling \"first\" and head {\"type\": \"mlp\", \"activation\": ", in_quotes(wanted),
                  "}, or give back the encoder alone: --as encoder"));
    }
    cannot(text("transformers has no class for a model of the type ", in_quotes(type), " on ", config_.architecture->model_type),
           "give back the encoder alone: --as encoder");
  }

  /// The folder's config.json, or that of a BERT, with what the run made of it.
  Json config_json() const {
    Json json = source_;
    const SizeNames& names = *config_.architecture->sizes;
    for (const char* old : {"_name_or_path", "torch_dtype", "transformers_version", "id2label", "label2id", "problem_type"})
      std::erase_if(json.members, [&](const Json::Member& m) { return m.key == old; });
    json.set("architectures", json_list(std::vector<std::string>{class_.name}));
    json.set("dtype", Json::of(run_.store.dtype() == DType::f64 ? "float64" : "float32"));
    json.set(std::string(names.layers), Json::of(config_.spec.layers));
    json.set(std::string(names.dropout), Json::of(config_.spec.dropout));
    json.set(std::string(names.attention_dropout), Json::of(*config_.spec.attention_dropout));
    if (class_.head_part.empty()) return json;
    if (const Json* p = value_at(model_, "head.dropout"))
      json.set(config_.architecture->model_type == "distilbert" ? "seq_classif_dropout" : "classifier_dropout", *p);
    labels(json);
    return json;
  }

  void labels(Json& json) const {
    std::vector<std::string> names = run_.task->labels;
    if (names.empty())
      for (int64_t i = 0; i < run_.input.outputs; ++i) names.push_back(text("LABEL_", i));
    Json by_id = Json::dict(), by_name = Json::dict();
    for (size_t i = 0; i < names.size(); ++i) {
      by_id.set(std::to_string(i), Json::of(names[i]));
      by_name.set(names[i], Json::of(int64_t(i)));
    }
    json.set("id2label", std::move(by_id));
    json.set("label2id", std::move(by_name));
    const std::string task(run_.task->name);
    if (task == "regression") json.set("problem_type", Json::of("regression"));
    if (task == "multi_label") json.set("problem_type", Json::of("multi_label_classification"));
    if (task == "classification") json.set("problem_type", Json::of("single_label_classification"));
  }

  /// Byte for byte as they came; of WordPiece with a vocabulary of one's own, BERT's two files.
  std::vector<std::pair<std::string, std::string>> tokenizer_files() const {
    const Json state = run_.config.tokenizer->state();
    std::vector<std::pair<std::string, std::string>> files;
    if (const Json* kept = value_at(state, "files"))
      for (const Json::Member& file : kept->members) files.emplace_back(file.key, file.value.string);
    const Json* options = value_at(resolved_, "tokenizer");
    if (files.empty() && word_at(*options, "type") == "wordpiece") {
      std::string lines;
      for (const Json& token : value_at(state, "tokens")->items) lines += token.string + "\n";
      Json config = json_object({{"tokenizer_class", "BertTokenizer"},
                                 {"do_lower_case", *value_at(*options, "lowercase")},
                                 {"model_max_length", run_.input.max_length}});
      if (const Json* strip = value_at(*options, "strip_accents")) config.set("strip_accents", *strip);
      files = {{"vocab.txt", lines}, {"tokenizer_config.json", config.dump() + "\n"}};
    }
    if (files.empty())
      cannot(text("transformers has no tokenizer like ", in_quotes(word_at(*options, "type"))),
             "train with the tokenizer \"pretrained\" or \"wordpiece\"");
    return files;
  }

  void pooling() {
    const std::string kind = word_at(model_, "pooling");
    if (kind == "mask")
      cannot("sentence-transformers has no pooling at [MASK] in a template", "--as encoder gives the encoder alone");
    if (kind.empty()) cannot("a model without pooling has no sentence vectors", "--as hf or --as encoder");
    const auto module = [](int64_t i, const char* path, const char* type) {
      return json_object(
          {{"idx", i}, {"name", std::to_string(i)}, {"path", path}, {"type", text("sentence_transformers.models.", type)}});
    };
    put("modules.json",
        json_list(std::vector<Json>{module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling")}).dump() + "\n");
    put("1_Pooling/config.json", json_object({{"word_embedding_dimension", config_.spec.width},
                                              {"pooling_mode_cls_token", kind == "first" || kind == "cls"},
                                              {"pooling_mode_mean_tokens", kind == "mean"},
                                              {"pooling_mode_max_tokens", kind == "max"},
                                              {"pooling_mode_mean_sqrt_len_tokens", false}})
                                         .dump() +
                                     "\n");
    put("sentence_bert_config.json",
        json_object({{"max_seq_length", run_.input.max_length}, {"do_lower_case", false}}).dump() + "\n");
  }

  LoadedRun& run_;
  const std::string folder_;
  const Json resolved_, model_;
  std::string as_;
  Json source_;
  PretrainedConfig config_;
  ExportedClass class_;
  std::vector<std::string> written_;
};

}  // namespace

std::vector<std::string> export_run(LoadedRun& run, const std::string& folder, const std::string& as) {
  return Export(run, folder, as).write();
}

}  // namespace tapedeck
