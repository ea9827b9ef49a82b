// What a folder holds and how well it is understood, without an experiment: `tapedeck import`. Next: load.h.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <tapedeck/nn/transformer.h>

#include "src/pretrained/config_json.h"

namespace tapedeck {

/// A folder's encoder by itself, with its weights.
struct FolderEncoder {
  PretrainedConfig config;
  ParamStore store;
  std::unique_ptr<Encoder> encoder;
  StartReport report;
  int64_t bytes = 0;  // of the weight files
};
std::unique_ptr<FolderEncoder> open_folder(const std::string& folder, DType dtype);

/// Hidden states against those of a .safetensors file as `transformers` users save them: input_ids [n,length], attention_mask and
/// token_type_ids of the same shape (left out: no padding, first text), last_hidden_state [n,length,width].
struct HiddenComparison {
  int64_t texts = 0, tokens = 0;
  double largest_entry = 0, largest_difference = 0;
  double ratio() const { return largest_entry > 0 ? largest_difference / largest_entry : largest_difference; }
};
/// Throws Error{data} for a file of another kind.
HiddenComparison compare_hidden(const FolderEncoder& folder, const std::string& path);

}  // namespace tapedeck
