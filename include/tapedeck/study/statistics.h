// What pairs of numbers say: intervals for a mean difference, a sign-flip test, McNemar's test. No randomness but that of a fixed
// key, so equal numbers give equal answers. Why a file of its own: these are formulas, and they are held against scipy.
// Next: src/study/statistics.cpp, compare.h.
#pragma once
#include <cstdint>
#include <span>

namespace tapedeck {

struct Interval {
  double low = 0, high = 0;
};

/// The bias-corrected and accelerated bootstrap interval of the mean (Efron 1987, "Better bootstrap confidence intervals", JASA
/// 82, eq. 2.3 and 6.6; Efron and Tibshirani 1993, section 14.3). With up to 10 values every resample is counted with its exact
/// weight; beyond, `resamples` are drawn. Quantiles are interpolated linearly. Equal values: the interval is that value.
Interval bca_interval(std::span<const double> values, double level = 0.95, int64_t resamples = 9'999);

/// mean +- t(level; n - 1) sd / sqrt(n) at 95 % (Student 1908). Needs two values.
Interval t_interval(std::span<const double> values);

/// The interval of a mean difference that is printed: t below `bca_from` values, where BCa was measured to cover less than
/// it says (docs/guide/sweeps.md has the figures), BCa from there on.
constexpr int64_t bca_from = 60;
struct MeanInterval {
  Interval interval;
  bool bca = false;
};
MeanInterval mean_interval(std::span<const double> differences);

/// Two-sided p of "the differences are symmetric about 0" (Fisher 1935, The Design of Experiments, section 21): the share of the
/// 2^n assignments of signs whose mean is at least as far from 0. Exact up to 20 values; beyond, `resamples` random ones, p =
/// (hits + 1) / (resamples + 1) (Phipson and Smyth 2010, eq. 2). 1 without values.
double sign_flip_p(std::span<const double> differences, int64_t resamples = 99'999);
/// The smallest p that so many pairs can have: 2 / 2^n. Below 6 pairs it is above 0.05.
double smallest_sign_flip_p(int64_t pairs);

/// Two-sided exact p of McNemar's test (McNemar 1947; binomial form): only_a rows that A alone has right, only_b that B alone
/// has right. min(1, 2 P(X <= min)), X ~ Binomial(only_a + only_b, 1/2).
double mcnemar_p(int64_t only_a, int64_t only_b);

double normal_cdf(double z);
/// Inverse of normal_cdf (Abramowitz and Stegun 26.2.23, then Newton steps to the last digits). -inf at 0, inf at 1.
double normal_quantile(double p);

}  // namespace tapedeck
