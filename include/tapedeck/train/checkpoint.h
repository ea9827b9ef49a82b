// Checkpoints: model.safetensors, optimizer.safetensors and state.json in one folder that appears whole or not at all
// (written aside, synced, renamed). Loading trusts nothing: sizes, offsets and names are checked first.
#pragma once
#include <map>
#include <string>
#include <vector>

#include <tapedeck/base/json.h>
#include <tapedeck/tensor/tensor.h>

namespace tapedeck {

/// Named tensors to and from a .safetensors file (f32, f64, i32, u8; header <= 16 MiB, contiguous cover, no duplicates).
/// Writing is temp file + fsync + rename + fsync of the folder. Errors: Error{data} for the file system, Error{checkpoint} for
/// content.
void write_safetensors(const std::string& path, const std::vector<std::pair<std::string, Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata = {});
struct SafeTensors {
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::map<std::string, std::string> metadata;
};
SafeTensors read_safetensors(const std::string& path);

/// Writes text so that the file holds either the old or the new content after any crash.
void write_file_atomically(const std::string& path, std::string_view content);
std::string read_file(const std::string& path);  // Error{data} naming the file

}  // namespace tapedeck
