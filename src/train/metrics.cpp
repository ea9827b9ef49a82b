// Metrics with the conventions of scikit-learn and scipy; for streams of tokens perplexity and its kin. Examples without a label
// do not count. Next: metrics_classes.cpp (precision, recall, F1, areas), predict.cpp (where predictions come from).
#include <tapedeck/train/metrics.h>

#include <cmath>
#include <limits>
#include <numbers>

#include <tapedeck/train/class_metrics.h>
#include <tapedeck/train/representation.h>

namespace tapedeck {
namespace {

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

struct Matthews final : Metric {
  double compute(const Predictions& p) const override {
    const ClassCounts counts = class_counts(p);
    double right = 0, all = 0, cross = 0, labels = 0, guesses = 0;
    for (size_t c = 0; c < counts.size(); ++c) {
      const double t = counts.labelled[c], g = counts.predicted[c];
      right += counts.right[c];
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
