// Metrics with the conventions of scikit-learn and scipy; for running text perplexity and its kin. Examples without a label
// do not count. Next: predict.cpp (where predictions come from).
#include <tapedeck/train/metrics.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include <tapedeck/train/representation.h>

namespace tapedeck {
namespace {

/// counts[label][predicted] over the labelled examples.
struct Confusion {
  explicit Confusion(const Predictions& p) {
    int32_t classes = int32_t(p.classes);
    for (size_t i = 0; i < p.label.size(); ++i) classes = std::max({classes, p.label[i] + 1, p.predicted[i] + 1});
    counts.assign(size_t(classes), std::vector<double>(size_t(classes)));
    for (size_t i = 0; i < p.label.size(); ++i)
      if (p.label[i] >= 0) ++counts[size_t(p.label[i])][size_t(p.predicted[i])];
  }
  size_t classes() const { return counts.size(); }
  double labelled(size_t c) const { return std::accumulate(counts[c].begin(), counts[c].end(), 0.0); }
  double predicted(size_t c) const {
    double n = 0;
    for (auto& row : counts) n += row[c];
    return n;
  }
  std::vector<std::vector<double>> counts;
};

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

struct Accuracy final : Metric {
  bool measures(LabelKind kind) const override { return kind != LabelKind::numbers; }
  double compute(const Predictions& p) const override {
    double right = 0, labelled = 0;
    for (size_t i = 0; i < p.label.size(); ++i) {
      labelled += p.label[i] >= 0;
      right += p.label[i] >= 0 && p.label[i] == p.predicted[i];
    }
    return share(right, labelled);
  }
};
TAPEDECK_PART(Metric, Accuracy, "accuracy", "Share of examples (of tokens in running text) whose predicted class is the label.");

struct F1 final : Metric {
  double compute(const Predictions& p) const override {
    const Confusion table(p);
    const auto of_class = [&](size_t c) { return share(2 * table.counts[c][c], table.labelled(c) + table.predicted(c)); };
    if (table.classes() == 2) return of_class(1);
    double sum = 0, present = 0;
    for (size_t c = 0; c < table.classes(); ++c) {
      if (table.labelled(c) + table.predicted(c) == 0) continue;
      sum += of_class(c);
      ++present;
    }
    return share(sum, present);
  }
};
TAPEDECK_PART(Metric, F1, "f1",
              "2 TP / (2 TP + FP + FN): of class 1 with two classes; with more, the mean over the classes that occur (macro).");

struct SpanF1 final : Metric {
  bool measures(LabelKind kind) const override { return kind == LabelKind::spans; }
  double compute(const Predictions& p) const override {
    double right = 0, all = 0;
    for (size_t i = 0; i < p.found.size(); ++i) {
      if (p.label[i] < 0) continue;
      all += double(p.found[i].size() + p.marked[i].size());
      for (const Span& span : p.found[i]) right += double(std::count(p.marked[i].begin(), p.marked[i].end(), span));
    }
    return share(2 * right, all);
  }
};
TAPEDECK_PART(Metric, SpanF1, "span_f1",
              "2 TP / (found + marked) over all spans of the split: first token, last token and type must all be right (micro, as CoNLL counts).");

struct Matthews final : Metric {
  double compute(const Predictions& p) const override {
    const Confusion table(p);
    double right = 0, all = 0, cross = 0, labels = 0, guesses = 0;
    for (size_t c = 0; c < table.classes(); ++c) {
      const double t = table.labelled(c), g = table.predicted(c);
      right += table.counts[c][c];
      all += t;
      cross += t * g;
      labels += t * t;
      guesses += g * g;
    }
    return share(right * all - cross, std::sqrt((all * all - guesses) * (all * all - labels)));
  }
};
TAPEDECK_PART(Metric, Matthews, "matthews",
              "Matthews correlation: (c s - sum t_k p_k) / sqrt((s^2 - sum p_k^2)(s^2 - sum t_k^2)), c right, s all, t labels, "
              "p predictions "
              "per class; 0 when a side is constant (Gorodkin 2004).");

/// Scores and targets of the examples that have both as numbers.
std::pair<std::vector<double>, std::vector<double>> finite_pairs(const Predictions& p) {
  std::pair<std::vector<double>, std::vector<double>> kept;
  for (size_t i = 0; i < p.target.size(); ++i) {
    if (!std::isfinite(p.target[i]) || !std::isfinite(p.score[i])) continue;
    kept.first.push_back(p.score[i]);
    kept.second.push_back(p.target[i]);
  }
  return kept;
}

struct ForNumbers : Metric {
  bool measures(LabelKind kind) const final { return kind == LabelKind::numbers; }
};

struct Pearson final : ForNumbers {
  double compute(const Predictions& p) const override {
    const auto [score, target] = finite_pairs(p);
    return pearson(score, target);
  }
};
TAPEDECK_PART(Metric, Pearson, "pearson", "Linear correlation of score and target; 0 when a side is constant.");

struct Spearman final : ForNumbers {
  double compute(const Predictions& p) const override {
    const auto [score, target] = finite_pairs(p);
    return spearman(score, target);
  }
};
TAPEDECK_PART(Metric, Spearman, "spearman",
              "Correlation of the ranks of score and target, ties averaged; 0 when a side is constant.");

struct ForRunningText : Metric {
  bool measures(LabelKind kind) const final { return kind == LabelKind::tokens; }
  bool higher_is_better() const final { return false; }
};

struct Perplexity final : ForRunningText {
  double compute(const Predictions& p) const override { return std::exp(p.surprise); }
};
TAPEDECK_PART(Metric, Perplexity, "perplexity", "exp(mean of -log p(next token)): between so many tokens the model hesitates.");

struct BitsPerCharacter final : ForRunningText {
  double compute(const Predictions& p) const override { return p.surprise / std::numbers::ln2 / p.characters; }
};
TAPEDECK_PART(Metric, BitsPerCharacter, "bits_per_character",
              "Mean of -log2 p(next token), divided by the mean number of characters of a token: comparable between tokenizers.");

struct MeanLoss final : Metric {
  bool measures(LabelKind) const override { return true; }
  double compute(const Predictions& p) const override { return p.loss; }
  bool reads_outputs() const override { return false; }
  bool higher_is_better() const override { return false; }
};
TAPEDECK_PART(Metric, MeanLoss, "loss", "Mean task loss over the split, without dropout.");

}  // namespace

double Metric::compute(const Predictions&) const { return std::numeric_limits<double>::quiet_NaN(); }

}  // namespace tapedeck
