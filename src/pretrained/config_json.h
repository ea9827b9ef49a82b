// config.json: the sizes of a model, in the words of its family. Next: load.h.
#pragma once
#include <tapedeck/base/json.h>
#include <tapedeck/nn/transformer.h>

#include "src/pretrained/architecture.h"

namespace tapedeck {

struct PretrainedConfig {
  const Architecture* architecture = nullptr;
  TransformerSpec spec;    // layers, width, ..., tables and the rates of dropout
  int64_t padding = 0;     // id of the padding token
  int64_t all_layers = 0;  // of the file; spec.layers may take fewer
  std::string path;        // for messages
  int64_t skipped_rows() const { return architecture->padded ? padding + 1 : 0; }  // of the position table

  /// The first n layers. Error{config} when there are fewer.
  void take_layers(int64_t n);
};

/// Throws Error{checkpoint} naming the file and the key for what is missing, and for what these layers cannot do.
PretrainedConfig read_config(const Json& config, const std::string& path);

}  // namespace tapedeck
