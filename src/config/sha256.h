// SHA-256 (FIPS 180-4): names configurations, vocabularies and data files. Why our own: sixty lines against a library.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tapedeck {

class Sha256 {
 public:
  void add(std::string_view bytes);
  /// 64 hex digits; add nothing afterwards.
  std::string hex();

 private:
  void block(const unsigned char* bytes);
  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> pending_{};
  size_t filled_ = 0;
  uint64_t bytes_ = 0;
};

std::string sha256(std::string_view bytes);
/// Of a file's content, read in pieces; "" if it cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace tapedeck
