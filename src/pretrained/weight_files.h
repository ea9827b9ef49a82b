// The weights of a Hugging Face folder: model.safetensors or its shards. The headers are read first, then one tensor after
// another, straight to where it belongs, so that loading takes little more memory than the model. Next: architecture.h.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "src/train/safetensors.h"

namespace tapedeck {

struct Weight {
  std::string type;  // "F32", "F16", "BF16", "I64", ...
  Shape shape;
  size_t file = 0;
  int64_t at = 0;  // first byte in that file
};

class WeightFiles {
 public:
  /// Throws Error{data} when there is nothing to read, Error{checkpoint} for what is no whole safetensors file, each with the
  /// remedy.
  static WeightFiles open(const std::string& folder);
  static WeightFiles of_file(const std::string& path);

  const std::map<std::string, Weight>& weights() const { return weights_; }  // by their names in the files
  const std::vector<std::string>& paths() const { return paths_; }
  /// "F/model.safetensors", or the folder where there are shards.
  std::string name() const { return paths_.size() == 1 ? paths_[0] : folder_; }
  /// `count` elements from number `first`, widened where need be. T: float or double; the type must be readable().
  template <class T>
  void read(const Weight& weight, int64_t first, int64_t count, T* out) const;
  static bool readable(const Weight& weight);
  /// The same of I64 and I32; false for other types. What does not fit 32 bits becomes -1.
  bool read_integers(const Weight& weight, int64_t first, int64_t count, int32_t* out) const;

 private:
  void add(const std::string& path);
  std::string folder_;
  std::vector<std::string> paths_;
  std::vector<File> files_;
  std::map<std::string, Weight> weights_;
};

}  // namespace tapedeck
