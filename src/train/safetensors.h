// .safetensors files in pieces: the writer without the file handling around it, which checkpoints have of their own, and the
// header without the data, for files that are read tensor by tensor. Next: files.h.
#pragma once
#include <array>

#include <tapedeck/train/checkpoint.h>

#include "src/train/files.h"

namespace tapedeck {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
void write_tensors(File& file, const NamedTensors& tensors, const std::map<std::string, std::string>& metadata = {});

/// A row of a header. type: as the format writes it, F16 and I64 included.
struct StoredTensor {
  std::string name, type;
  Shape shape;
  std::array<int64_t, 2> range{};  // first byte and one past the last, from the start of the data
};
struct StoredTensors {
  std::vector<StoredTensor> tensors;  // in the order of their bytes, which they cover without a gap
  std::map<std::string, std::string> metadata;
  int64_t data = 0;  // where in the file the data start
};
/// Reads from the start of an open file; takes no memory for the data, however large a header says they are. Error{checkpoint}.
StoredTensors read_header(File& file, const std::string& path);

}  // namespace tapedeck
