// Bootstrap, sign flips and McNemar. Small samples are enumerated, not sampled: ten seeds have 92,378 different resamples.
// Next: compare.cpp, which puts them into words; tests/golden/statistics.py, which asks scipy.
#include <tapedeck/study/statistics.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <tapedeck/base/random.h>
#include <tapedeck/run/run.h>

namespace tapedeck {
namespace {

constexpr int64_t most_enumerated = 10, most_flipped = 20;

/// A resample's mean and how many of the equally likely resamples have it.
struct Weighted {
  double mean;
  double weight;
};

/// Every multiset of n of the values, with n! / (k1! k2! ...) as its weight.
class Resamples {
 public:
  explicit Resamples(std::span<const double> values) : values_(values) {
    take(0, int64_t(values.size()), 0, factorial(values.size()));
  }
  std::vector<Weighted> all;

 private:
  static double factorial(size_t n) {
    double product = 1;
    for (size_t i = 2; i <= n; ++i) product *= double(i);
    return product;
  }

  void take(size_t index, int64_t left, double sum, double weight) {
    const double value = values_[index];
    if (index + 1 == values_.size()) {
      for (int64_t k = 2; k <= left; ++k) weight /= double(k);
      all.push_back({(sum + double(left) * value) / double(values_.size()), weight});
      return;
    }
    for (int64_t k = 0; k <= left; ++k) {
      if (k > 1) weight /= double(k);
      take(index + 1, left - k, sum + double(k) * value, weight);
    }
  }

  std::span<const double> values_;
};

std::vector<Weighted> drawn_resamples(std::span<const double> values, int64_t count) {
  const Key key = root_key(0) / "bootstrap";
  const uint64_t n = values.size();
  std::vector<Weighted> all;
  for (int64_t b = 0; b < count; ++b) {
    double sum = 0;
    for (uint64_t i = 0; i < n; ++i) sum += values[random_below(key, uint64_t(b) * n + i, n)];
    all.push_back({sum / double(n), 1});
  }
  return all;
}

double mean_of(std::span<const double> values) {
  double sum = 0;  // in the order of Resamples: a resample that holds every value once has this very mean
  for (double v : values) sum += v;
  return sum / double(values.size());
}

/// The share below `value`; what equals it, up to rounding, counts by half.
double share_below(const std::vector<Weighted>& sorted, double value, double total) {
  const double tolerance = 1e-13 * std::max(std::abs(sorted.front().mean), std::abs(sorted.back().mean));
  double below = 0, equal = 0;
  for (const Weighted& w : sorted) {
    if (w.mean < value - tolerance) below += w.weight;
    else if (w.mean <= value + tolerance) equal += w.weight;
  }
  return (below + equal / 2) / total;
}

/// The quantile of the list in which every mean stands `weight` times, interpolated as numpy does ("linear").
double quantile(const std::vector<Weighted>& sorted, double share, double total) {
  const double place = share * (total - 1), floor = std::floor(place);
  double seen = 0, low = sorted.back().mean;
  for (size_t i = 0; i < sorted.size(); ++i) {
    seen += sorted[i].weight;
    if (floor < seen - 0.5) {
      low = sorted[i].mean;
      const bool same = floor + 1 < seen - 0.5 || i + 1 == sorted.size();
      return same ? low : low + (place - floor) * (sorted[i + 1].mean - low);
    }
  }
  return low;
}

/// a = sum(u^3) / (6 (sum u^2)^1.5), u_i = (n - 1) (mean - mean without i): Efron 1987, eq. 6.6 by the jackknife.
double acceleration(std::span<const double> values) {
  const double mean = mean_of(values);
  double cubes = 0, squares = 0;
  for (double v : values) {
    const double u = v - mean;  // (n - 1) (jackknife mean - mean without i) = v - mean
    cubes += u * u * u;
    squares += u * u;
  }
  return cubes / (6 * std::pow(squares, 1.5));
}

}  // namespace

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

double normal_quantile(double p) {
  if (p <= 0) return -std::numeric_limits<double>::infinity();
  if (p >= 1) return std::numeric_limits<double>::infinity();
  if (p > 0.5) return -normal_quantile(1 - p);
  const double t = std::sqrt(-2 * std::log(p));  // Abramowitz and Stegun 26.2.23, then Newton on log cdf
  double z = -(t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t));
  for (int i = 0; i < 5; ++i) {
    const double cdf = normal_cdf(z), density = std::exp(-0.5 * z * z) / std::sqrt(2 * M_PI);
    z -= cdf / density * std::log(cdf / p);
  }
  return z;
}

Interval bca_interval(std::span<const double> values, double level, int64_t resamples) {
  const double mean = mean_of(values);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (values.size() < 2 || *low == *high) return {mean, mean};
  std::vector<Weighted> all =
      int64_t(values.size()) <= most_enumerated ? Resamples(values).all : drawn_resamples(values, resamples);
  std::sort(all.begin(), all.end(), [](const Weighted& x, const Weighted& y) { return x.mean < y.mean; });
  double total = 0;
  for (const Weighted& w : all) total += w.weight;
  total = std::round(total);
  const double bias = normal_quantile(share_below(all, mean, total)), bend = acceleration(values);
  const auto bound = [&](double share) {
    const double z = bias + normal_quantile(share);
    return quantile(all, normal_cdf(bias + z / (1 - bend * z)), total);
  };
  return {bound((1 - level) / 2), bound((1 + level) / 2)};
}

Interval t_interval(std::span<const double> values) {
  const Statistics s = statistics({values.begin(), values.end()});
  return {s.interval_low, s.interval_high};
}

MeanInterval mean_interval(std::span<const double> differences) {
  if (int64_t(differences.size()) < bca_from) return {t_interval(differences), false};
  return {bca_interval(differences), true};
}

double sign_flip_p(std::span<const double> differences, int64_t resamples) {
  const size_t n = differences.size();
  if (n == 0) return 1;
  double sum = 0, size = 0;
  for (double d : differences) sum += d, size += std::abs(d);
  const double enough = std::abs(sum) - 1e-12 * size;  // rounding is no difference
  int64_t hits = 0;
  const auto count = [&](const auto& negative) {
    double flipped = 0;
    for (size_t i = 0; i < n; ++i) flipped += negative(i) ? -differences[i] : differences[i];
    hits += std::abs(flipped) >= enough;
  };
  if (int64_t(n) <= most_flipped) {
    const uint64_t all = uint64_t{1} << n;
    for (uint64_t signs = 0; signs < all; ++signs) count([&](size_t i) { return signs >> i & 1; });
    return double(hits) / double(all);
  }
  const Key key = root_key(0) / "sign_flip";
  const uint64_t words = (n + 63) / 64;
  std::vector<uint64_t> bits(words);
  for (int64_t b = 0; b < resamples; ++b) {
    for (uint64_t w = 0; w < words; ++w) bits[w] = random_bits(key, uint64_t(b) * words + w);
    count([&](size_t i) { return bits[i / 64] >> (i % 64) & 1; });
  }
  return double(hits + 1) / double(resamples + 1);
}

double smallest_sign_flip_p(int64_t pairs) { return pairs > 0 ? std::min(1.0, std::exp2(1.0 - double(pairs))) : 1; }

double mcnemar_p(int64_t only_a, int64_t only_b) {
  const int64_t n = only_a + only_b, least = std::min(only_a, only_b);
  if (n == 0 || 2 * least == n) return 1;
  double p = 0;
  for (int64_t k = 0; k <= least; ++k)
    p += std::exp(std::lgamma(double(n) + 1) - std::lgamma(double(k) + 1) - std::lgamma(double(n - k) + 1) -
                  double(n) * std::log(2.0));
  return std::min(1.0, 2 * p);
}

}  // namespace tapedeck
