// The table. Sources: the names that `transformers` saves (models/*/modeling_*.py), read 2026. Next: config_json.cpp.
#include "src/pretrained/architecture.h"

#include <algorithm>
#include <charconv>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json.h>
#include <tapedeck/base/words.h>

namespace tapedeck {
namespace {

constexpr SizeNames bert_sizes{
    "hidden_size",    "num_hidden_layers",       "num_attention_heads", "intermediate_size",           "hidden_act",
    "layer_norm_eps", "max_position_embeddings", "hidden_dropout_prob", "attention_probs_dropout_prob"};
constexpr SizeNames distilbert_sizes{
    "dim", "n_layers", "n_heads", "hidden_dim", "activation", "", "max_position_embeddings", "dropout", "attention_dropout"};
constexpr SizeNames gpt2_sizes{"n_embd",      "n_layer",     "n_head",    "n_inner", "activation_function", "layer_norm_epsilon",
                               "n_positions", "resid_pdrop", "attn_pdrop"};

#define BERT_NAMES(qkv_layout, position_layout)                                                                        \
  {"embeddings.word", "embeddings.word_embeddings.weight", Layout::same, true},                                        \
      {"embeddings.position", "embeddings.position_embeddings.weight", position_layout, true},                         \
      {"embeddings.segment", "embeddings.token_type_embeddings.weight", Layout::same, true},                           \
      {"embeddings.layer_norm", "embeddings.LayerNorm"},                                                               \
      {"layers.*.attention.qkv",                                                                                       \
       "encoder.layer.*.attention.self.query|encoder.layer.*.attention.self.key|encoder.layer.*.attention.self.value", \
       qkv_layout},                                                                                                    \
      {"layers.*.attention.out", "encoder.layer.*.attention.output.dense"},                                            \
      {"layers.*.attention.layer_norm", "encoder.layer.*.attention.output.LayerNorm"},                                 \
      {"layers.*.feed_forward.in", "encoder.layer.*.intermediate.dense"},                                              \
      {"layers.*.feed_forward.out", "encoder.layer.*.output.dense"}, {                                                 \
    "layers.*.feed_forward.layer_norm", "encoder.layer.*.output.LayerNorm"                                             \
  }

constexpr NameRow bert_names[] = {BERT_NAMES(Layout::same, Layout::same)};
constexpr NameRow roberta_names[] = {BERT_NAMES(Layout::same, Layout::after_padding)};
constexpr NameRow roformer_names[] = {BERT_NAMES(Layout::turned, Layout::same)};
#undef BERT_NAMES

constexpr NameRow distilbert_names[] = {
    {"embeddings.word", "embeddings.word_embeddings.weight", Layout::same, true},
    {"embeddings.position", "embeddings.position_embeddings.weight", Layout::same, true},
    {"embeddings.layer_norm", "embeddings.LayerNorm"},
    {"layers.*.attention.qkv",
     "transformer.layer.*.attention.q_lin|transformer.layer.*.attention.k_lin|transformer.layer.*.attention.v_lin"},
    {"layers.*.attention.out", "transformer.layer.*.attention.out_lin"},
    {"layers.*.attention.layer_norm", "transformer.layer.*.sa_layer_norm"},
    {"layers.*.feed_forward.in", "transformer.layer.*.ffn.lin1"},
    {"layers.*.feed_forward.out", "transformer.layer.*.ffn.lin2"},
    {"layers.*.feed_forward.layer_norm", "transformer.layer.*.output_layer_norm"}};
constexpr NameRow gpt2_names[] = {{"embeddings.word", "wte.weight", Layout::same, true},
                                  {"embeddings.position", "wpe.weight", Layout::same, true},
                                  {"layers.*.attention.qkv", "h.*.attn.c_attn", Layout::transposed},
                                  {"layers.*.attention.out", "h.*.attn.c_proj", Layout::transposed},
                                  {"layers.*.attention.layer_norm", "h.*.ln_1"},
                                  {"layers.*.feed_forward.in", "h.*.mlp.c_fc", Layout::transposed},
                                  {"layers.*.feed_forward.out", "h.*.mlp.c_proj", Layout::transposed},
                                  {"layers.*.feed_forward.layer_norm", "h.*.ln_2"},
                                  {"layer_norm", "ln_f"}};

constexpr HeadRow bert_heads[] = {{"pooler", "dense", "pooler.dense"},
                                  {"pooler", "", "pooler.dense"},
                                  {"classifier", "dense", "pooler.dense"},
                                  {"classifier", "out", "classifier"},
                                  {"classifier", "", "classifier"}};
constexpr HeadRow roberta_heads[] = {{"pooler", "dense", "pooler.dense"},
                                     {"pooler", "", "pooler.dense"},
                                     {"classifier", "dense", "classifier.dense"},
                                     {"classifier", "out", "classifier.out_proj"},
                                     {"classifier", "", "classifier"}};
constexpr HeadRow distilbert_heads[] = {
    {"classifier", "dense", "pre_classifier"}, {"classifier", "out", "classifier"}, {"classifier", "", "classifier"}};

constexpr Architecture table[] = {
    {"bert", "bert.", &bert_sizes, bert_names, bert_heads, "Bert"},
    {"roberta", "roberta.", &bert_sizes, roberta_names, roberta_heads, "Roberta", "tanh", false, false, true},
    {"xlm-roberta", "roberta.", &bert_sizes, roberta_names, roberta_heads, "XLMRoberta", "tanh", false, false, true},
    {"camembert", "roberta.", &bert_sizes, roberta_names, roberta_heads, "Camembert", "tanh", false, false, true},
    {"distilbert", "distilbert.", &distilbert_sizes, distilbert_names, distilbert_heads, "DistilBert", "relu", false, false,
     false, false},
    {"electra", "electra.", &bert_sizes, bert_names, roberta_heads, "Electra", "gelu"},
    {"roformer", "roformer.", &bert_sizes, roformer_names, roberta_heads, "RoFormer", "gelu", false, true},
    {"gpt2", "transformer.", &gpt2_sizes, gpt2_names, {}, "GPT2", "", true, false, false, false}};

constexpr std::pair<std::string_view, std::string_view> refused[] = {
    {"albert", "its layers share their parameters"},
    {"bart", "it is an encoder and a decoder"},
    {"big_bird", "its attention is sparse"},
    {"convbert", "part of its attention is a convolution"},
    {"deberta", "its attention looks at content and position apart"},
    {"deberta-v2", "its attention looks at content and position apart"},
    {"ernie", "it has a table of task types"},
    {"fnet", "it mixes tokens by Fourier transforms"},
    {"funnel", "it pools between its layers"},
    {"gpt_neo", "its attention is local"},
    {"gpt_neox", "attention and feed-forward stand side by side"},
    {"llama", "it normalises by the root mean square and has gated feed-forward layers"},
    {"longformer", "its attention is sparse"},
    {"mobilebert", "it has bottlenecks"},
    {"modernbert", "its feed-forward layers are gated and its attention alternates"},
    {"mpnet", "relative position bias"},
    {"nomic_bert", "its feed-forward layers are gated"},
    {"t5", "relative position bias"},
    {"mt5", "relative position bias"},
    {"xlnet", "relative positions and two streams"}};

/// What stands for the "*" of a pattern in `word`, which may go on behind it; -2: the pattern does not fit.
int64_t star(std::string_view pattern, std::string_view word, std::string_view& ending) {
  const size_t at = pattern.find('*');
  int64_t number = -1;
  if (at == pattern.npos) {
    if (!word.starts_with(pattern)) return -2;
    ending = word.substr(pattern.size());
    return number;
  }
  if (!word.starts_with(pattern.substr(0, at))) return -2;
  const std::string_view rest = word.substr(at), tail = pattern.substr(at + 1);
  const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  const auto digits = size_t(end - rest.data());
  if (problem != std::errc{} || number < 0 || !rest.substr(digits).starts_with(tail)) return -2;
  ending = rest.substr(digits + tail.size());
  return number;
}

}  // namespace

std::span<const Architecture> architectures() { return table; }

const Architecture& find_architecture(const std::string& model_type, const std::string& path) {
  std::string read;
  for (const Architecture& row : table) {
    if (row.model_type == model_type) return row;
    read += text(read.empty() ? "" : ", ", row.model_type);
  }
  std::string reason;
  for (auto [name, why] : refused)
    if (name == model_type) reason = text(": ", why);
  throw Error(ErrorKind::checkpoint, text(path, ": model_type ", in_quotes(model_type), " is not read", reason), "read: " + read);
}

FoundRow find_row(const Architecture& architecture, std::string_view local) {
  for (const NameRow& row : architecture.names) {
    std::string_view ending;
    const int64_t layer = star(row.ours, local, ending);
    if (layer == -2) continue;
    if (row.table ? ending.empty() : ending == ".weight" || ending == ".bias") return {&row, layer, ending};
  }
  return {};
}

std::vector<std::string> split_names(std::string_view theirs, int64_t layer, std::string_view ending) {
  std::vector<std::string> names;
  for (size_t begin = 0; begin <= theirs.size();) {
    const size_t end = std::min(theirs.find('|', begin), theirs.size());
    std::string name(theirs.substr(begin, end - begin));
    if (const size_t at = name.find('*'); at != name.npos) name.replace(at, 1, std::to_string(layer));
    names.push_back(name + std::string(ending));
    begin = end + 1;
  }
  return names;
}

std::vector<std::string> their_names(const FoundRow& found) { return split_names(found.row->theirs, found.layer, found.ending); }

bool known_to_be_unused(std::string_view name) {
  constexpr std::string_view known[] = {"embeddings.position_ids",
                                        "embeddings.token_type_ids",
                                        "encoder.embed_positions.weight",
                                        "pooler.*",
                                        "classifier.*",
                                        "cls.*",
                                        "lm_head.*",
                                        "qa_outputs.*",
                                        "score.*",
                                        "discriminator_predictions.*",
                                        "generator_predictions.*",
                                        "generator_lm_head.*",
                                        "pre_classifier.*",
                                        "vocab_transform.*",
                                        "vocab_layer_norm.*",
                                        "vocab_projector.*",
                                        "h.*.attn.bias",
                                        "h.*.attn.masked_bias",
                                        "sequence_summary.*"};
  return std::any_of(std::begin(known), std::end(known), [&](std::string_view glob) { return glob_match(glob, name); });
}

}  // namespace tapedeck
