// The digest of an embedded file as pages quote it. Next: src/look/html.cpp.
#include "src/base/embedded.h"

namespace tapedeck {

std::string policy_hash(const EmbeddedFile& file) {
  constexpr std::string_view hex = "0123456789abcdef",
                             base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out = "sha256-";
  for (size_t i = 0; i < file.sha256.size(); i += 3) {  // three digits are two letters: 64 of them leave one over
    unsigned bits = 0;
    for (size_t k = i; k < i + 3; ++k) bits = bits << 4 | (k < file.sha256.size() ? unsigned(hex.find(file.sha256[k])) : 0u);
    out += {base64[bits >> 6], base64[bits & 63]};
  }
  return out.substr(0, 50) + "=";
}

}  // namespace tapedeck
