// One table of what is read and written: how a family of encoders names its sizes and tensors, and what is done to a tensor on
// the way. Everything else (reading, import, export) walks this table. Next: config_json.h.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/nn/transformer.h>

namespace tapedeck {

/// What a tensor of theirs needs to become ours; export does the inverse.
enum class Layout {
  same,
  transposed,     // GPT-2 keeps [in, out]
  turned,         // the first two of query|key|value: rotary positions pair neighbours there, halves here
  after_padding,  // RoBERTa's positions start behind the row of the padding token
};

/// `ours` lies below the encoder's path (or the head's); a "*" stands for the number of the layer. Several of theirs, divided by
/// |, lie below each other in ours. Names of layers stand for their .weight and .bias; names of tables for themselves.
struct NameRow {
  std::string_view ours, theirs;
  Layout layout = Layout::same;
  bool table = false;
};
/// A part of their model that a head can start as, and be exported to. ours "": the head itself.
struct HeadRow {
  std::string_view part, ours, theirs;
};

struct SizeNames {
  std::string_view width, layers, heads, feed_forward, activation, epsilon, positions, dropout, attention_dropout;
};

struct Architecture {
  std::string_view model_type, prefix;  // "bert", "bert."
  const SizeNames* sizes;
  std::span<const NameRow> names;
  std::span<const HeadRow> heads;
  std::string_view class_stem;                          // "Bert" of BertModel, BertForSequenceClassification
  std::string_view head_activation = "tanh";            // of the classifier's first layer
  bool causal = false, rotary = false, padded = false;  // padded: positions start behind the padding token's
  bool segments = true;                                 // has a table of token types
};

std::span<const Architecture> architectures();
/// Throws Error{checkpoint} with the reason why it is not read, and what is.
const Architecture& find_architecture(const std::string& model_type, const std::string& path);

/// The row for a parameter below the encoder and the number that "*" stands for (-1: none); nullptr when there is none.
struct FoundRow {
  const NameRow* row = nullptr;
  int64_t layer = -1;
  std::string_view ending;  // ".weight", ".bias", "" of tables
};
FoundRow find_row(const Architecture& architecture, std::string_view local);
/// Their names for it, without the prefix.
std::vector<std::string> their_names(const FoundRow& found);
std::vector<std::string> split_names(std::string_view theirs, int64_t layer, std::string_view ending);

/// Tensors that folders hold and an encoder does without: heads, buffers.
bool known_to_be_unused(std::string_view name);

}  // namespace tapedeck
