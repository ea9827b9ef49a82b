// From a folder to parameters, strictly: a tensor of the folder is loaded, known to be unneeded, or an error; a parameter is from
// the folder, new, or an error. Next: encoder.cpp.
#pragma once
#include <string>

#include <tapedeck/nn/params.h>

#include "src/pretrained/config_json.h"
#include "src/pretrained/weight_files.h"

namespace tapedeck {

/// 64 hex digits over the bytes of all files, in their order.
std::string sha256_of(const WeightFiles& files);

class FolderStart final : public StartingValues {
 public:
  /// path: of the encoder among the parameters. sha256: what the weights must be; "": anything.
  FolderStart(std::string folder, PretrainedConfig config, std::string path, std::string sha256)
      : folder_(std::move(folder)), config_(std::move(config)), path_(std::move(path)), sha256_(std::move(sha256)) {}
  StartReport load(ParamStore& store) const override;
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  PretrainedConfig config_;
  std::string path_, sha256_;
};

}  // namespace tapedeck
