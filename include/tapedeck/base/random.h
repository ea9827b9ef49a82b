// Randomness as a pure function: a Key is folded from a path (seed / "step" / 12 / "encoder.drop") and element i of
// anything drawn from it depends on (key, i) only. Never std:: distributions: they differ between libraries.
#pragma once
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

namespace tapedeck {

struct Key {
  uint64_t bits = 0;
  friend bool operator==(Key, Key) = default;
};
Key root_key(uint64_t seed);
Key operator/(Key key, std::string_view part);
Key operator/(Key key, uint64_t part);
inline Key operator/(Key key, int part) { return key / uint64_t(part); }
inline Key operator/(Key key, int64_t part) { return key / uint64_t(part); }
inline Key operator/(Key key, const char* part) { return key / std::string_view(part); }

/// 64 uniform bits, element i of the key's stream.
uint64_t random_bits(Key key, uint64_t i);
/// Uniform in [0, 1), 53 bits.
double random_unit(Key key, uint64_t i);
/// Uniform in [0, n) without modulo bias; n > 0.
uint64_t random_below(Key key, uint64_t i, uint64_t n);
/// Fisher-Yates permutation of 0..n-1.
std::vector<int64_t> random_permutation(Key key, int64_t n);

}  // namespace tapedeck
