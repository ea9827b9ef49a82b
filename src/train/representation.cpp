// Measures of vectors and probabilities, in double and in a fixed order. Next: metrics_representation.cpp.
#include <tapedeck/train/representation.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include <tapedeck/losses/contrastive.h>

namespace tapedeck {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// One Jacobi rotation that makes a[p][q] 0.
void rotate(std::vector<double>& a, int64_t d, int64_t p, int64_t q) {
  const double off = a[size_t(p * d + q)];
  const double theta = (a[size_t(q * d + q)] - a[size_t(p * d + p)]) / (2 * off);
  const double t = std::copysign(1.0, theta) / (std::abs(theta) + std::hypot(theta, 1.0));
  const double c = 1 / std::hypot(t, 1.0), s = t * c;
  for (int64_t k = 0; k < d; ++k) {
    const double x = a[size_t(k * d + p)], y = a[size_t(k * d + q)];
    a[size_t(k * d + p)] = c * x - s * y;
    a[size_t(k * d + q)] = s * x + c * y;
  }
  for (int64_t k = 0; k < d; ++k) {
    const double x = a[size_t(p * d + k)], y = a[size_t(q * d + k)];
    a[size_t(p * d + k)] = c * x - s * y;
    a[size_t(q * d + k)] = s * x + c * y;
  }
}

/// The label that most of the nearest rows carry.
int32_t vote(std::vector<std::pair<double, int32_t>>& neighbours, int64_t k) {
  const auto last = neighbours.begin() + std::min<int64_t>(k, int64_t(neighbours.size()));
  std::partial_sort(neighbours.begin(), last, neighbours.end(), [](auto& a, auto& b) { return a.first > b.first; });
  std::map<int32_t, int64_t> votes;
  for (auto it = neighbours.begin(); it != last; ++it) ++votes[it->second];
  int32_t winner = neighbours[0].second;
  for (auto it = neighbours.begin(); it != last; ++it)
    if (votes[it->second] > votes[winner]) winner = it->second;
  return winner;
}

/// Ranks from 1; equal values share the mean of their ranks.
std::vector<double> ranks(const std::vector<double>& x) {
  std::vector<size_t> order(x.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return x[a] < x[b]; });
  std::vector<double> rank(x.size());
  for (size_t i = 0, end; i < order.size(); i = end) {
    for (end = i + 1; end < order.size() && x[order[end]] == x[order[i]];) ++end;
    for (size_t j = i; j < end; ++j) rank[order[j]] = double(i + 1 + end) / 2;
  }
  return rank;
}

}  // namespace

double pearson(const std::vector<double>& x, const std::vector<double>& y) {
  if (x.empty()) return 0;
  const double n = double(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n, mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  return xx > 0 && yy > 0 ? std::clamp(xy / (std::sqrt(xx) * std::sqrt(yy)), -1.0, 1.0) : 0;
}

double anisotropy(const Tensor& z, bool with_self) {
  const int64_t n = z.shape()[0];
  if (n < 2) return with_self && n == 1 ? 1 : 0;
  const Tensor unit = normalize(z), total = sum(unit, 0);
  const double all = sum(square(total)).item(), self = sum(square(unit)).item();  // sum over pairs of cosines; the diagonal
  return with_self ? all / (double(n) * double(n)) : (all - self) / (double(n) * double(n - 1));
}

double knn_accuracy(const Tensor& z, std::span<const int32_t> labels, int64_t k) {
  const Tensor unit = normalize(z);
  std::vector<int64_t> rows;
  for (size_t i = 0; i < labels.size(); ++i)
    if (labels[i] >= 0) rows.push_back(int64_t(i));
  if (rows.size() < 2) return nan;
  const int64_t d = unit.shape()[1];
  std::vector<std::pair<double, int32_t>> neighbours;
  int64_t right = 0;
  for (int64_t i : rows) {
    neighbours.clear();
    for (int64_t j : rows) {
      if (i == j) continue;
      const double *x = unit.raw<double>() + i * d, *y = unit.raw<double>() + j * d;
      neighbours.emplace_back(std::inner_product(x, x + d, y, 0.0), labels[size_t(j)]);
    }
    right += vote(neighbours, k) == labels[size_t(i)];
  }
  return double(right) / double(rows.size());
}

std::vector<double> symmetric_eigenvalues(const Tensor& matrix) {
  const int64_t d = matrix.shape()[0];
  std::vector<double> a(matrix.raw<double>(), matrix.raw<double>() + d * d);
  double whole = 0;
  for (double v : a) whole += v * v;
  for (int sweep = 0; sweep < 64; ++sweep) {
    double off = 0;
    for (int64_t p = 0; p < d; ++p)
      for (int64_t q = p + 1; q < d; ++q) off += a[size_t(p * d + q)] * a[size_t(p * d + q)];
    if (off <= 1e-30 * whole) break;
    for (int64_t p = 0; p < d; ++p)
      for (int64_t q = p + 1; q < d; ++q)
        if (a[size_t(p * d + q)] != 0) rotate(a, d, p, q);
  }
  std::vector<double> values;
  for (int64_t p = 0; p < d; ++p) values.push_back(a[size_t(p * d + p)]);
  std::sort(values.rbegin(), values.rend());
  return values;
}

double effective_rank(const Tensor& z) {
  const bool tall = z.shape()[0] >= z.shape()[1];
  const std::vector<double> squares = symmetric_eigenvalues(matmul(z, z, tall, !tall));
  const double least = squares.empty() ? 0 : squares[0] * 1e-14 * double(squares.size());  // rounding, not rank
  double total = 0, entropy = 0;
  for (double v : squares)
    if (v > least) total += std::sqrt(v);
  if (total == 0) return 0;
  for (double v : squares) {
    if (v <= least) continue;
    const double p = std::sqrt(v) / total;
    entropy -= p * std::log(p);
  }
  return std::exp(entropy);
}

double expected_calibration_error(std::span<const std::vector<double>> probabilities, std::span<const int32_t> labels,
                                  int64_t bins) {
  struct Bin {
    double right = 0, confidence = 0;
  };
  std::vector<Bin> table(size_t(bins), Bin{});
  double labelled = 0, error = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0) continue;
    const auto top = std::max_element(probabilities[i].begin(), probabilities[i].end());
    const auto at = int64_t(std::ceil(*top * double(bins))) - 1;
    Bin& bin = table[size_t(std::clamp<int64_t>(at, 0, bins - 1))];
    bin.right += top - probabilities[i].begin() == labels[i];
    bin.confidence += *top;
    ++labelled;
  }
  for (const Bin& bin : table) error += std::abs(bin.right - bin.confidence);
  return labelled > 0 ? error / labelled : nan;
}

double spearman(const std::vector<double>& x, const std::vector<double>& y) { return pearson(ranks(x), ranks(y)); }

}  // namespace tapedeck
