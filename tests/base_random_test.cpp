// Keys and draws: known values (a change would silently change every experiment), uniformity, permutations.
// Why: everything random is a pure function of a path. Next: tensor tests for normal draws.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include <tapedeck/base/random.h>

#include "kernels/philox.h"

using namespace tapedeck;

TEST_CASE("philox gives the published answers") {
  // known-answer vectors of the Random123 distribution, philox 4x32-10
  struct Row {
    uint64_t key, counter, stream;
    std::array<uint32_t, 4> expected;
  };
  const Row rows[] = {
      {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {~0ull, ~0ull, ~0ull, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const Row& row : rows) {
    const auto block = kernels::philox(row.key, row.counter, row.stream);
    for (size_t i = 0; i < 4; ++i) CHECK(block.word[i] == row.expected[i]);
  }
}

TEST_CASE("keys and draws keep their values for ever") {
  const Key key = root_key(11) / "step" / 12 / "encoder.drop";
  CHECK(key.bits == 0xfc962a74ebd86ea9u);
  CHECK(random_bits(key, 0) == 0x72a1d807f3d6c020u);
  CHECK(random_bits(key, 1) == 0x6b765f8aff09e35eu);
  CHECK(random_below(key, 5, 1000) == 136);
  CHECK(random_permutation(key, 8) == std::vector<int64_t>{6, 4, 1, 7, 3, 0, 2, 5});
}

TEST_CASE("different paths give different keys") {
  const Key root = root_key(0);
  const Key keys[] = {root,         root / "a",   root / "b", root / "a" / "b", root / "b" / "a",
                      root / "ab",  root / "",    root / 1,   root / "1",       root / 0,
                      root / 1 / 2, root / 2 / 1, root / -1,  root_key(1),      root_key(1) / "a"};
  std::set<uint64_t> seen;
  for (Key key : keys) CHECK(seen.insert(key.bits).second);
  CHECK(root / int64_t{7} == root / uint64_t{7});
  CHECK(root / std::string_view("a") == root / "a");
}

TEST_CASE("a million sibling keys do not collide, and close paths share no bits") {
  std::vector<uint64_t> bits;
  double flips = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const Key key = root_key(3) / i;
    if (!bits.empty()) flips += __builtin_popcountll(key.bits ^ bits.back());
    bits.push_back(key.bits);
  }
  std::sort(bits.begin(), bits.end());
  CHECK(std::adjacent_find(bits.begin(), bits.end()) == bits.end());
  CHECK(flips / 999'999 == doctest::Approx(32).epsilon(0.002));
}

TEST_CASE("units and bounded integers are uniform") {
  const Key key = root_key(5) / "uniform";
  constexpr uint64_t draws = 200'000;
  for (uint64_t n : {uint64_t{2}, uint64_t{3}, uint64_t{7}, uint64_t{10}, uint64_t{100}}) {
    std::vector<double> below(n), unit(n);
    bool inside = true;
    for (uint64_t i = 0; i < draws; ++i) {
      const uint64_t value = random_below(key / n, i, n);
      inside &= value < n;
      below[value % n] += 1;
      const double u = random_unit(key / n, i);
      inside &= u >= 0 && u < 1;
      unit[std::min(size_t(u * double(n)), n - 1)] += 1;
    }
    CHECK(inside);
    const double expected = double(draws) / double(n);
    double chi_below = 0, chi_unit = 0;
    for (uint64_t v = 0; v < n; ++v) {
      chi_below += std::pow(below[v] - expected, 2) / expected;
      chi_unit += std::pow(unit[v] - expected, 2) / expected;
    }
    const double freedom = double(n - 1), limit = freedom + 4 * std::sqrt(2 * freedom) + 6;  // far beyond the 99.9 % point
    CHECK(chi_below < limit);
    CHECK(chi_unit < limit);
  }
}

TEST_CASE("bounded integers work at the edges") {
  const Key key = root_key(6);
  CHECK(random_below(key, 0, 1) == 0);
  for (uint64_t i = 0; i < 100; ++i) CHECK(random_below(key, i, (uint64_t{1} << 63) + 1) <= uint64_t{1} << 63);
  bool large = false;
  for (uint64_t i = 0; i < 64; ++i) large |= random_below(key, i, ~uint64_t{0}) > uint64_t{1} << 63;
  CHECK(large);
}

TEST_CASE("permutations are permutations, and every order is as likely as any other") {
  for (int64_t n : {0, 1, 2, 3, 10, 1000}) {
    std::vector<int64_t> order = random_permutation(root_key(9) / n, n);
    std::sort(order.begin(), order.end());
    REQUIRE(order.size() == size_t(n));
    for (int64_t i = 0; i < n; ++i) CHECK(order[size_t(i)] == i);
  }
  std::map<std::vector<int64_t>, int> count;
  for (int i = 0; i < 24'000; ++i) ++count[random_permutation(root_key(10) / i, 4)];
  CHECK(count.size() == 24);
  for (const auto& [order, times] : count) CHECK(std::abs(times - 1000) < 150);
}
