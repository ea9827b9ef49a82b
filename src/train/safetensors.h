// The writer of .safetensors files without the file handling around it: checkpoints have their own. Next: files.h.
#pragma once
#include <tapedeck/train/checkpoint.h>

#include "src/train/files.h"

namespace tapedeck {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
void write_tensors(File& file, const NamedTensors& tensors, const std::map<std::string, std::string>& metadata = {});

}  // namespace tapedeck
