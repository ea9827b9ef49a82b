// A file of the source tree that the build put into the program. Next: src/package/embed.cmake.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace tapedeck {

struct EmbeddedFile {
  std::string_view name, text, sha256;
};  // "record" of record.js; 64 hex digits

/// "sha256-" and the digest in base64 (RFC 4648), as content security policies want it.
std::string policy_hash(const EmbeddedFile& file);

}  // namespace tapedeck
