// The files of a Hugging Face folder that make its tokenizer: tokenizer.json, or BERT's vocab.txt and tokenizer_config.json.
// They are kept as they are, so that a run folder (and an export) holds the same bytes. Next: tokenizer_pretrained.cpp.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace tapedeck {

struct PretrainedFiles {
  struct File {
    std::string name, content;
  };
  std::string folder;  // for messages
  std::vector<File> files;

  /// Throws Error{data} when the folder holds neither, saying what it holds instead.
  static PretrainedFiles read(const std::string& folder);
  /// The path of the file that to_json() comes from.
  std::string source() const;
  /// tokenizer.json, or what it would say for the vocab.txt.
  nlohmann::json to_json() const;
};

}  // namespace tapedeck
