// JSON files of a run folder that notice damage: their last member, "crc32", is the checksum of every byte before it. One file
// and not two, so that no crash can leave a file beside the checksum of another. Next: checkpoint_folder.h for tensors.
#pragma once
#include <functional>
#include <string>

#include <tapedeck/base/json.h>

namespace tapedeck {

/// Told about what is not wrong but worth knowing.
using Notes = std::function<void(const std::string&)>;

/// The text of the file: the object with "crc32" at its end. What is no object becomes the member "content" of one.
std::string with_checksum(Json json);
/// Error{checkpoint} naming the file when content and checksum differ. Files of earlier versions have none: a note says so.
void verify_checksum(std::string_view content, const std::string& path, const Notes& note = {});
/// Reads, verifies and parses; the checksum is no member of the answer. Error{data} when it cannot be read.
Json read_checked_json(const std::string& path, const Notes& note = {});

}  // namespace tapedeck
