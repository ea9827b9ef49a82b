// From config.json to the options of a transformer; whatever would change a number and is not understood is an error. Next:
// load.cpp.
#include "src/pretrained/config_json.h"

#include <cmath>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

namespace tapedeck {
namespace {

using Kind = Json::Kind;

class Config {
 public:
  Config(const Json& json, const std::string& path) : json_(json), path_(path) {}

  [[noreturn]] void reject(std::string_view what,
                           std::string_view hint = "the file is damaged, or not that of an encoder") const {
    throw Error(ErrorKind::checkpoint, text(path_, ": ", what), std::string(hint));
  }
  const Json* find(std::string_view key) const {
    const Json::Member* member = json_.find(key);
    return member && !member->value.is(Kind::null) ? &member->value : nullptr;
  }
  int64_t size(std::string_view key, int64_t most = int64_t{1} << 24) const {
    const Json* value = find(key);
    if (!value) reject(text("has no ", key));
    if (!value->is(Kind::integer) || value->integer < 1 || value->integer > most)
      reject(text(key, " is ", value->dump(-1).substr(0, 40), "; it must be a whole number from 1 to ", most));
    return value->integer;
  }
  int64_t size_or(std::string_view key, int64_t otherwise) const { return find(key) ? size(key) : otherwise; }
  double number_or(std::string_view key, double otherwise) const {
    const Json* value = key.empty() ? nullptr : find(key);
    if (!value) return otherwise;
    if (!value->is(Kind::integer) && !value->is(Kind::number)) reject(text(key, " is no number"));
    return value->number;
  }
  double rate(std::string_view key) const {
    const double p = number_or(key, 0.1);
    if (!(p >= 0 && p < 1)) reject(text(key, " is ", p, "; a drop probability is at least 0 and below 1"));
    return p;
  }
  std::string word_or(std::string_view key, const std::string& otherwise) const {
    const Json* value = find(key);
    if (!value) return otherwise;
    if (!value->is(Kind::string)) reject(text(key, " is no text"));
    return value->string;
  }
  bool flag(std::string_view key, bool otherwise) const {
    const Json* value = find(key);
    if (value && !value->is(Kind::boolean)) reject(text(key, " is neither true nor false"));
    return value ? value->boolean : otherwise;
  }
  /// An option that must be as it is in the published models.
  void must_be(std::string_view key, bool wanted, std::string_view otherwise) const {
    if (flag(key, wanted) != wanted) reject(text(key, " is ", wanted ? "false" : "true", ": ", otherwise), "it is not read");
  }

 private:
  const Json& json_;
  std::string path_;
};

Activation activation(const Config& config, std::string_view key) {
  constexpr std::pair<std::string_view, Activation> known[] = {
      {"gelu", Activation::gelu}, {"gelu_new", Activation::gelu_tanh}, {"gelu_pytorch_tanh", Activation::gelu_tanh},
      {"relu", Activation::relu}, {"silu", Activation::silu},          {"swish", Activation::silu},
      {"tanh", Activation::tanh}};
  const std::string name = config.word_or(key, "gelu");
  for (auto [word, value] : known)
    if (word == name) return value;
  config.reject(text(key, " ", in_quotes(name), " is not read"),
                "read: gelu, gelu_new, gelu_pytorch_tanh, relu, silu, swish, tanh");
}

void refuse_variants(const Config& config, const Architecture& a, int64_t width) {
  if (const std::string kind = config.word_or("position_embedding_type", "absolute"); kind != "absolute")
    config.reject(text("position_embedding_type ", in_quotes(kind), " is not read"), "read: absolute");
  if (const int64_t table = config.size_or("embedding_size", width); table != width)
    config.reject(
        text("embedding_size ", table, " is not ", a.sizes->width, " ", width, ": the projection between them is not read"),
        "take the size of this family in which they are equal");
  config.must_be("add_cross_attention", false, "attention to a second sequence");
  config.must_be("rotary_value", false, "values that turn with their position");
  config.must_be("scale_attn_weights", true, "attention without the factor 1 / sqrt(d)");
  config.must_be("scale_attn_by_inverse_layer_idx", false, "attention scaled by the number of the layer");
  if (a.causal) config.must_be("tie_word_embeddings", true, "an output table of its own");
  else config.must_be("is_decoder", false, "an encoder that sees earlier tokens only");
  if (const Json* pruned = config.find("pruned_heads"); pruned && !pruned->members.empty())
    config.reject("pruned_heads: layers of different widths are not read", "save the model without pruning");
}

}  // namespace

void PretrainedConfig::take_layers(int64_t n) {
  if (n > all_layers)
    throw Error(ErrorKind::config, text("encoder: layers ", n, " are wanted, ", path, " has ", all_layers), "\"all\", or fewer");
  spec.layers = n;
}

PretrainedConfig read_config(const Json& json, const std::string& path) {
  const Config config(json, path);
  if (!json.is(Kind::object)) config.reject("is no JSON object");
  const std::string type = config.word_or("model_type", "");
  if (type.empty()) config.reject("has no model_type", "the folder is one that transformers saved: save_pretrained(...)");
  const Architecture& a = find_architecture(type, path);
  const SizeNames& names = *a.sizes;
  PretrainedConfig out;
  out.architecture = &a;
  out.path = path;
  TransformerSpec& spec = out.spec;
  spec.width = config.size(names.width, 65536);
  spec.layers = out.all_layers = config.size(names.layers, 1000);
  spec.heads = config.size(names.heads, 1024);
  if (spec.width % spec.heads)
    config.reject(text(names.width, " ", spec.width, " is not a multiple of ", names.heads, " ", spec.heads));
  spec.feed_forward = config.size_or(names.feed_forward, 4 * spec.width);
  spec.activation = activation(config, names.activation);
  spec.epsilon = config.number_or(names.epsilon, a.causal ? 1e-5 : 1e-12);
  if (!(spec.epsilon > 0 && spec.epsilon < 1)) config.reject(text(names.epsilon, " is ", spec.epsilon));
  spec.dropout = config.rate(names.dropout);
  spec.attention_dropout = config.rate(names.attention_dropout);
  spec.norm = a.causal ? Norm::pre : Norm::post;
  spec.causal = a.causal;
  spec.positions = a.rotary ? Positions::rotary : Positions::learned;
  spec.initializer = Initializer::normal;
  spec.logit_bias = !a.causal;
  refuse_variants(config, a, spec.width);
  out.padding = a.padded ? int64_t(config.number_or("pad_token_id", 1)) : 0;
  const int64_t rows = config.size(names.positions);
  if (a.padded && (out.padding < 0 || out.padding + 1 >= rows))
    config.reject(text("pad_token_id ", out.padding, " leaves no positions of ", rows));
  spec.tables =
      TableSizes{config.size("vocab_size"), rows - out.skipped_rows(), a.segments ? config.size_or("type_vocab_size", 2) : 0};
  return out;
}

}  // namespace tapedeck
