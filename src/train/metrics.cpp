// Metrics with the conventions of scikit-learn and scipy; for streams of tokens perplexity and its kin. Examples without a label
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
  bool measures(Form form) const override { return form == Form::classes || form == Form::tokens; }
  double compute(const Predictions& p) const override {
    double right = 0, labelled = 0;
    for (size_t i = 0; i < p.label.size(); ++i) {
      labelled += p.label[i] >= 0;
      right += p.label[i] >= 0 && p.label[i] == p.predicted[i];
    }
    return share(right, labelled);
  }
};
TAPEDECK_PART(Metric, Accuracy, "accuracy",
              "Share of examples (of tokens or words, where each has a class) whose predicted class is the label.");

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

/// Of sets of classes: true positives, and all that are predicted or given, by class.
struct SetCounts {
  explicit SetCounts(const Predictions& p) : right(size_t(p.classes)), all(size_t(p.classes)) {
    for (size_t i = 0; i < p.chosen.size(); ++i) {
      if (!p.given[i]) continue;
      for (const int32_t c : p.chosen[i]) all[size_t(c)] += 1, right[size_t(c)] += double(std::ranges::count(*p.given[i], c));
      for (const int32_t c : *p.given[i]) all[size_t(c)] += 1;
    }
  }
  std::vector<double> right, all;
};

struct OfSets : Metric {
  bool measures(Form form) const final { return form == Form::sets; }
};

struct MicroF1 final : OfSets {
  double compute(const Predictions& p) const override {
    const SetCounts counts(p);
    return share(2 * std::accumulate(counts.right.begin(), counts.right.end(), 0.0),
                 std::accumulate(counts.all.begin(), counts.all.end(), 0.0));
  }
};
TAPEDECK_PART(Metric, MicroF1, "micro_f1",
              "2 TP / (2 TP + FP + FN) over all classes of all texts together: large classes count more.");

struct MacroF1 final : OfSets {
  double compute(const Predictions& p) const override {
    const SetCounts counts(p);
    double sum = 0, present = 0;
    for (size_t c = 0; c < counts.all.size(); ++c) {
      if (counts.all[c] == 0) continue;
      sum += share(2 * counts.right[c], counts.all[c]);
      ++present;
    }
    return share(sum, present);
  }
};
TAPEDECK_PART(Metric, MacroF1, "macro_f1",
              "Mean over the classes that occur of 2 TP / (2 TP + FP + FN): every class counts the same.");

struct SpanF1 final : Metric {
  bool measures(Form form) const override { return form == Form::spans; }
  double compute(const Predictions& p) const override {
    double right = 0, all = 0;
    for (size_t i = 0; i < p.found.size(); ++i) {
      if (!p.marked[i]) continue;
      all += double(p.found[i].size() + p.marked[i]->size());
      for (const Span& span : p.found[i]) right += double(std::ranges::count(*p.marked[i], span));
    }
    return share(2 * right, all);
  }
};
TAPEDECK_PART(Metric, SpanF1, "span_f1",
              "2 TP / (found + marked) over all spans of the split: first token, last token and type must all be right (micro, "
              "as CoNLL counts).");

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
  bool measures(Form form) const final { return form == Form::numbers; }
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

struct OfLikelihood : Metric {
  bool measures(Form form) const final { return form == Form::likelihood; }
  bool higher_is_better() const final { return false; }
};

struct Perplexity final : OfLikelihood {
  double compute(const Predictions& p) const override { return std::exp(p.nll / double(p.label.size())); }
};
TAPEDECK_PART(Metric, Perplexity, "perplexity", "exp(mean of -log p(next token)): between so many tokens the model hesitates.");

struct BitsPerCharacter final : OfLikelihood {
  double compute(const Predictions& p) const override {
    return p.nll / double(p.label.size()) / std::numbers::ln2 / p.characters;
  }
};
TAPEDECK_PART(Metric, BitsPerCharacter, "bits_per_character",
              "Mean of -log2 p(next token), divided by the mean number of characters of a token: comparable between tokenizers.");

struct MeanLoss final : Metric {
  bool measures(Form) const override { return true; }
  double compute(const Predictions& p) const override { return p.loss; }
  bool reads_outputs() const override { return false; }
  bool higher_is_better() const override { return false; }
};
TAPEDECK_PART(Metric, MeanLoss, "loss", "Mean task loss over the split, without dropout.");

}  // namespace

double Metric::compute(const Predictions&) const { return std::numeric_limits<double>::quiet_NaN(); }

}  // namespace tapedeck
