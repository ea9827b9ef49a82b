// "encoder": {"type": "pretrained", "from": FOLDER}: a transformer whose sizes config.json gives and whose values the folder's
// weights. It is an ordinary encoder: nothing above knows where it came from. Next: config_json.h.
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json_build.h>
#include <tapedeck/base/words.h>

#include "src/pretrained/load.h"

namespace tapedeck {
namespace {

/// What gradcheck and explain make one of.
constexpr const char* example = R"({"config": {"model_type": "bert", "vocab_size": 32, "hidden_size": 4, "num_hidden_layers": 1,
  "num_attention_heads": 2, "intermediate_size": 4, "max_position_embeddings": 64, "type_vocab_size": 2}, "sha256": ""})";

struct PretrainedSpec final : EncoderSpec {
  Path from;
  Json layers = Json::of("all");
  std::optional<double> dropout, attention_dropout;
  NoiseOptions noise;
  /// What the folder says. Filled in while building, so that resolved.json holds it and checkpoints do without the folder.
  mutable Json saved;

  void describe(Fields& f) override {
    f("from", from, "folder of a model saved by transformers or sentence-transformers: config.json and model.safetensors")
        .required();
    f("layers", layers, "\"all\", or how many of its first layers");
    f("dropout", dropout, "drop probability after embeddings, attention and feed-forward (default: config.json)")
        .at_least(0)
        .below(1);
    f("attention_dropout", attention_dropout,
      "drop probability of attention weights (default: dropout where that is given, else config.json)")
        .at_least(0)
        .below(1);
    f("noise", noise, "what training draws beside plain dropout");
    f("saved", saved,
      "config.json and SHA-256 of the weights, which a run writes into its resolved.json; not to be written by hand")
        .example_of(example);
  }

  std::unique_ptr<Encoder> build(Params params, const ModelInput& input) const override {
    if (!saved.is(Json::Kind::object)) saved = read_folder();
    const Json::Member *config = saved.find("config"), *hash = saved.find("sha256");
    if (!config || !hash || !hash->value.is(Json::Kind::string))
      throw Error(ErrorKind::config, "encoder: saved holds config and sha256, as a run wrote them", "leave saved out");
    PretrainedConfig model = read_config(config->value, from.path + "/config.json");
    apply_options(model);
    check(model, input);
    params.start_from(std::make_shared<FolderStart>(from.path, model, params.path(), hash->value.string));
    return model.spec.build(params, input);
  }

 private:
  Json read_folder() const {
    const WeightFiles files = WeightFiles::open(from.path);
    const std::string path = from.path + "/config.json";
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
      throw Error(ErrorKind::data, from.path + " holds no config.json, which gives the sizes of the model",
                  "the folder is one that transformers saved: save_pretrained(...)");
    return json_object({{"config", parse_json(read_file(path), path)}, {"sha256", sha256_of(files)}});
  }

  void apply_options(PretrainedConfig& model) const {
    if (layers.is(Json::Kind::integer) && layers.integer >= 1) model.take_layers(layers.integer);
    else if (!layers.is(Json::Kind::string) || layers.string != "all")
      throw Error(ErrorKind::config, text("encoder: layers is ", layers.dump(-1)), "\"all\", or a whole number from 1");
    if (dropout) model.spec.dropout = model.spec.attention_dropout.emplace(*dropout);
    if (attention_dropout) model.spec.attention_dropout = attention_dropout;
    model.spec.noise = noise;
  }

  void check(const PretrainedConfig& model, const ModelInput& input) const {
    const TableSizes& rows = *model.spec.tables;
    if (input.vocabulary > rows.words)
      throw Error(ErrorKind::checkpoint,
                  text("the tokenizer has ", input.vocabulary, " tokens, the table of ", from.path, " ", rows.words, " rows"),
                  text("take the tokenizer of the same folder: \"tokenizer\": {\"type\": \"pretrained\", \"from\": ",
                       in_quotes(from.path), "}"));
    if (model.spec.positions == Positions::learned && input.max_length > rows.positions)
      throw Error(ErrorKind::config,
                  text("tokenizer.max_length ", input.max_length, " is above the ", rows.positions, " positions of ", from.path),
                  text("at most ", rows.positions));
  }
};
TAPEDECK_PART(
    EncoderSpec, PretrainedSpec, "pretrained",
    "The encoder of a folder as transformers writes it: BERT, RoBERTa, XLM-R, CamemBERT, DistilBERT, ELECTRA, RoFormer, and "
    "GPT-2 for language models.");

}  // namespace
}  // namespace tapedeck
