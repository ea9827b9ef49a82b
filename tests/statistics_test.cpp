// Intervals and tests of comparisons: equal to scipy's on golden cases, and on simulated experiments they cover what they say and
// claim no difference where there is none. Next: study_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <tapedeck/base/random.h>
#include <tapedeck/study/compare.h>

#include "support/golden.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

/// Accuracies of `pairs` seeds: what a seed does to both sides, and what each side has of its own.
struct Simulated {
  std::vector<double> a, b;
};
Simulated simulated(Key key, size_t pairs, double difference) {
  const auto normal = [&](const char* name, size_t i) { return normal_quantile(random_unit(key / name, i) + 1e-17); };
  Simulated s;
  for (size_t i = 0; i < pairs; ++i) {
    const double seed = 0.85 + 0.02 * normal("seed", i);
    s.a.push_back(seed + 0.008 * normal("a", i));
    s.b.push_back(seed + 0.008 * normal("b", i) + difference);
  }
  return s;
}

constexpr int simulations = 2000;

}  // namespace

TEST_CASE("intervals and tests are those of scipy") {
  const Json golden = read_golden("statistics.json");
  for (const Json& sample : at(golden, "samples").items) {
    const std::vector<double> values = numbers(at(sample, "values")), bca = numbers(at(sample, "bca")),
                              t = numbers(at(sample, "t"));
    CAPTURE(values.size());
    const bool exact = at(sample, "exact").boolean;
    const Interval mine = bca_interval(values, 0.95, 200'000);
    const double width = bca[1] - bca[0], near = exact ? 1e-9 : 0.01;  // of the width; scipy's own draws differ by that much
    CHECK(std::abs(mine.low - bca[0]) <= near * width);
    CHECK(std::abs(mine.high - bca[1]) <= near * width);
    CHECK(std::abs(t_interval(values).low - t[0]) <= 2e-4 * (t[1] - t[0]));  // a table of three digits
    CHECK(std::abs(t_interval(values).high - t[1]) <= 2e-4 * (t[1] - t[0]));
    const double p = at(sample, "sign_flip").number;
    CHECK(sign_flip_p(values) == doctest::Approx(p).epsilon(values.size() <= 14 ? 1e-12 : 0.02));
  }
  for (const Json& row : at(golden, "mcnemar").items)
    CHECK(mcnemar_p(at(row, "only_a").integer, at(row, "only_b").integer) == doctest::Approx(at(row, "p").number).epsilon(1e-9));
  for (const Json& row : at(golden, "normal").items)
    CHECK(normal_quantile(at(row, "p").number) == doctest::Approx(at(row, "z").number).epsilon(1e-12));
}

TEST_CASE("the same numbers give the same answer, and edges are answers as well") {
  const std::vector<double> many = simulated(root_key(3), 40, 0.01).b;
  CHECK(bca_interval(many).low == bca_interval(many).low);
  CHECK(sign_flip_p(many) == sign_flip_p(many));
  CHECK(sign_flip_p({}) == 1);
  CHECK(sign_flip_p(std::vector<double>{0, 0, 0, 0}) == 1);
  CHECK(sign_flip_p(std::vector<double>(6, 0.1)) == doctest::Approx(2.0 / 64));
  CHECK(smallest_sign_flip_p(5) > 0.05);
  CHECK(smallest_sign_flip_p(6) < 0.05);
  CHECK(bca_interval(std::vector<double>{2, 2, 2}).low == 2);
  CHECK(bca_interval(std::vector<double>{2}).high == 2);
  CHECK(mcnemar_p(0, 0) == 1);
}

TEST_CASE("simulated experiments: what is printed covers 93 to 97 %, and no difference is claimed in at most 6 %") {
  for (const size_t pairs : {3, 5, 8})
    for (const double difference : {0.0, 0.01}) {
      CAPTURE(pairs);
      CAPTURE(difference);
      int covered = 0, claimed = 0;
      for (int i = 0; i < simulations; ++i) {
        const Simulated s = simulated(root_key(uint64_t(i)) / "pairs" / int64_t(pairs), pairs, difference);
        const MetricComparison m = compare_values(s.a, s.b);
        covered += m.interval.interval.low <= difference && difference <= m.interval.interval.high;
        claimed += m.evidence();
      }
      MESSAGE(pairs << " pairs, difference " << difference << ": covers " << covered * 100.0 / simulations << " %, claims "
                    << claimed * 100.0 / simulations << " %");
      CHECK(covered >= 0.93 * simulations);
      CHECK(covered <= 0.97 * simulations);
      if (difference == 0) CHECK(claimed <= 0.06 * simulations);
      else if (pairs == 8) CHECK(claimed >= 0.5 * simulations);
    }
}

TEST_CASE("BCa covers what it says from the number of pairs on from which it is printed, and not before") {
  for (const int64_t pairs : {int64_t{5}, bca_from}) {
    int covered = 0;
    for (int i = 0; i < simulations; ++i) {
      const Simulated s = simulated(root_key(uint64_t(i)) / "bca" / pairs, size_t(pairs), 0.01);
      std::vector<double> differences;
      for (size_t k = 0; k < s.a.size(); ++k) differences.push_back(s.b[k] - s.a[k]);
      const Interval interval = bca_interval(differences, 0.95, 999);
      covered += interval.low <= 0.01 && 0.01 <= interval.high;
    }
    MESSAGE("BCa, " << pairs << " pairs: covers " << covered * 100.0 / simulations << " %");
    if (pairs < bca_from) CHECK(covered < 0.93 * simulations);
    else CHECK(covered >= 0.93 * simulations);
  }
}
