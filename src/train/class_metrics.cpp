// Counts, rates and areas. Everything is counted in whole numbers, so that the order of the examples changes no bit.
// Next: class_report.cpp.
#include <tapedeck/train/class_metrics.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tapedeck {
namespace {

double sum_of(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

ClassCounts counts_of(size_t classes) {
  return {std::vector<double>(classes), std::vector<double>(classes), std::vector<double>(classes)};
}

double ratio(double right, double labelled, double predicted, Rate rate, double zero_division) {
  const double part = rate == Rate::f1 ? 2 * right : right, whole = rate == Rate::precision ? predicted
                                                                    : rate == Rate::recall  ? labelled
                                                                                            : labelled + predicted;
  return whole > 0 ? part / whole : zero_division;
}

/// Mean of the values that are numbers; where all weights are 0 they do not count.
double weighted_mean(const std::vector<double>& values, const std::vector<double>& weights) {
  double sum = 0, weight = 0, plain = 0, count = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) continue;
    sum += weights[i] * values[i], weight += weights[i];
    plain += values[i], ++count;
  }
  return weight > 0 ? sum / weight : count > 0 ? plain / count : undefined;
}

/// Calls step(true positives, false positives) for each distinct score from the highest, with those that have this very score.
/// False where a score is NaN.
template <class Step>
bool walk_down(std::span<const double> scores, std::span<const uint8_t> positive, Step step) {
  if (std::ranges::any_of(scores, [](double s) { return std::isnan(s); })) return false;
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  for (size_t i = 0; i < order.size();) {
    double yes = 0, no = 0;
    for (const double score = scores[order[i]]; i < order.size() && scores[order[i]] == score; ++i)
      (positive[order[i]] ? yes : no) += 1;
    step(yes, no);
  }
  return true;
}

}  // namespace

ClassCounts class_counts(const Predictions& p) {
  size_t classes = size_t(p.classes);
  if (p.predicted.empty()) {
    ClassCounts counts = counts_of(classes);
    counts.sets = true;
    for (size_t i = 0; i < p.chosen.size(); ++i) {
      if (!p.given[i]) continue;
      for (const int32_t c : *p.given[i]) ++counts.labelled[size_t(c)];
      for (const int32_t c : p.chosen[i]) {
        ++counts.predicted[size_t(c)];
        counts.right[size_t(c)] += double(std::ranges::count(*p.given[i], c));
      }
    }
    return counts;
  }
  for (size_t i = 0; i < p.label.size(); ++i) classes = std::max({classes, size_t(p.label[i] + 1), size_t(p.predicted[i] + 1)});
  ClassCounts counts = counts_of(classes);
  for (size_t i = 0; i < p.label.size(); ++i) {
    if (p.label[i] < 0) continue;
    const auto label = size_t(p.label[i]), predicted = size_t(p.predicted[i]);
    ++counts.labelled[label], ++counts.predicted[predicted];
    counts.right[label] += label == predicted;
  }
  return counts;
}

ClassCounts span_counts(const Predictions& p) {
  size_t types = 0;
  const auto widen = [&](const std::vector<Span>& spans) {
    for (const Span& span : spans) types = std::max(types, size_t(span.type) + 1);
  };
  for (size_t i = 0; i < p.found.size(); ++i)
    if (p.marked[i]) widen(p.found[i]), widen(*p.marked[i]);
  ClassCounts counts = counts_of(types);
  for (size_t i = 0; i < p.found.size(); ++i) {
    if (!p.marked[i]) continue;
    for (const Span& span : *p.marked[i]) ++counts.labelled[size_t(span.type)];
    for (const Span& span : p.found[i]) {
      ++counts.predicted[size_t(span.type)];
      counts.right[size_t(span.type)] += double(std::ranges::count(*p.marked[i], span));
    }
  }
  return counts;
}

double rate_of(const ClassCounts& counts, size_t c, Rate rate, double zero_division) {
  return ratio(counts.right[c], counts.labelled[c], counts.predicted[c], rate, zero_division);
}

double rate_of(const ClassCounts& counts, Average average, Rate rate, double zero_division) {
  if (average == Average::micro)
    return ratio(sum_of(counts.right), sum_of(counts.labelled), sum_of(counts.predicted), rate, zero_division);
  std::vector<double> values, weights;
  for (size_t c = 0; c < counts.size(); ++c) {
    if (!counts.sets && counts.labelled[c] + counts.predicted[c] == 0) continue;
    values.push_back(rate_of(counts, c, rate, zero_division));
    weights.push_back(average == Average::macro ? 1 : counts.labelled[c]);
  }
  return values.empty() ? zero_division : weighted_mean(values, weights);
}

double roc_auc(std::span<const double> scores, std::span<const uint8_t> positive) {
  double twice = 0, yes_above = 0, no_above = 0;
  const bool numbers = walk_down(scores, positive, [&](double yes, double no) {
    twice += no * (2 * yes_above + yes);
    yes_above += yes, no_above += no;
  });
  return numbers && yes_above > 0 && no_above > 0 ? twice / (2 * yes_above * no_above) : undefined;
}

double average_precision(std::span<const double> scores, std::span<const uint8_t> positive) {
  if (scores.empty()) return undefined;
  double sum = 0, yes_above = 0, above = 0;
  const bool numbers = walk_down(scores, positive, [&](double yes, double no) {
    yes_above += yes, above += yes + no;
    sum += yes * (yes_above / above);
  });
  if (!numbers) return undefined;
  return yes_above > 0 ? sum / yes_above : 0;
}

bool in_top(std::span<const double> scores, int32_t label, int64_t k) {
  const auto classes = std::ssize(scores);
  if (k >= classes) return true;
  if (classes == 2) return label == int32_t(scores[1] > 0.5);
  int64_t higher = 0;
  for (int64_t c = 0; c < classes; ++c)
    higher += scores[size_t(c)] > scores[size_t(label)] || (scores[size_t(c)] == scores[size_t(label)] && c > label);
  return higher < k;
}

std::optional<OneAgainstRest> one_against_rest(const Predictions& p, size_t c) {
  const size_t n = p.probabilities.size();
  if (n == 0 || (n != p.label.size() && n != p.given.size())) return std::nullopt;
  const bool sets = p.predicted.empty();
  OneAgainstRest one;
  for (size_t i = 0; i < n; ++i) {
    if (sets ? !p.given[i] : p.label[i] < 0) continue;
    one.scores.push_back(p.probabilities[i][c]);
    one.positive.push_back(sets ? std::ranges::count(*p.given[i], int32_t(c)) > 0 : size_t(p.label[i]) == c);
  }
  return one;
}

}  // namespace tapedeck
