// Parameters as the tensors that `transformers` knows: the table of architectures, read the other way. Next: run/export_run.cpp.
#pragma once
#include <string>

#include <tapedeck/nn/params.h>

#include "src/pretrained/config_json.h"
#include "src/train/safetensors.h"

namespace tapedeck {

/// Whose names the tensors get. A class with a head keeps its encoder below a prefix.
struct ExportedClass {
  std::string name;  // "BertForSequenceClassification"
  bool prefixed = false;
  bool empty_pooler =
      false;  // the class has a pooler that the run did not train: zeros, rather than what transformers would draw
  std::string head_part = {};  // "classifier", or nothing
};

/// encoder, head: paths among the parameters. Error{usage} for a parameter without a place in such a model.
NamedTensors their_tensors(const ParamStore& store, const PretrainedConfig& config, const ExportedClass& as,
                           const std::string& encoder, const std::string& head);

}  // namespace tapedeck
