// Damage to bytes, and to what the bytes mean: values of JSON, lines of data, headers of tensors. A mutant is a function of the
// original and a key, so a number names it for ever. Next: subjects.h.
#pragma once
#include <string>
#include <string_view>

#include <tapedeck/base/random.h>

namespace tapedeck::fuzz {

enum class Format { bytes, json, lines, gzip, safetensors };
Format format_of(std::string_view name);

/// One to four pieces of damage. Half of the damaged .gz and .safetensors stay readable as such, so that what is inside is
/// reached.
std::string mutant(const std::string& original, Format format, Key key);

/// A file whose checksum fits again: the line "crc32" of JSON in a run folder, the end of a recording.
std::string resealed(const std::string& content);

}  // namespace tapedeck::fuzz
