// Keys folded from paths and the few integer draws built on them. Why: element i must depend on (key, i) only, so order,
// threads and history cannot matter. Next: kernels/philox.h for the generator, tensor/ for normal and dropout draws.
#include <tapedeck/base/random.h>

#include <bit>
#include <utility>

#include "kernels/philox.h"

namespace tapedeck {
namespace {

// The finalizer of SplitMix64 (Steele, Lea, Flood 2014; constants by Stafford): every input bit reaches every output bit.
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// FNV-1a over the bytes; mix() afterwards supplies the avalanche it lacks.
uint64_t hash(std::string_view part) {
  uint64_t h = 0xCBF29CE484222325u;
  for (unsigned char c : part) h = (h ^ c) * 0x100000001B3u;
  return h;
}

// Words and numbers fold with different salts, so that key / "1" and key / 1 differ.
constexpr uint64_t word_salt = 0x5851F42D4C957F2Du, number_salt = 0x14057B7EF767814Fu;

uint64_t draw(Key key, uint64_t i, uint64_t stream) {
  const auto block = kernels::philox(key.bits, i >> 1, stream);
  const int half = int(i & 1) * 2;
  return uint64_t{block.word[half]} | uint64_t{block.word[half + 1]} << 32;
}

}  // namespace

Key root_key(uint64_t seed) { return {mix(seed)}; }
Key operator/(Key key, std::string_view part) { return {mix(mix(key.bits ^ word_salt) ^ hash(part))}; }
Key operator/(Key key, uint64_t part) { return {mix(mix(key.bits ^ number_salt) ^ part)}; }

uint64_t random_bits(Key key, uint64_t i) { return draw(key, i, 0); }

double random_unit(Key key, uint64_t i) { return double(random_bits(key, i) >> 11) * 0x1p-53; }

// Keeps as many bits as n needs and draws again (on the next stream) while they name a number outside [0, n).
uint64_t random_below(Key key, uint64_t i, uint64_t n) {
  const uint64_t mask = n <= 1 ? 0 : ~uint64_t{0} >> std::countl_zero(n - 1);
  for (uint64_t attempt = 0;; ++attempt) {
    const uint64_t value = draw(key, i, attempt) & mask;
    if (value < n || n == 0) return value;
  }
}

std::vector<int64_t> random_permutation(Key key, int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (uint64_t i = uint64_t(n); i > 1; --i) std::swap(order[i - 1], order[random_below(key, i - 1, i)]);
  return order;
}

}  // namespace tapedeck
