// Metrics of the vectors a model makes, and of its confidence: alignment, uniformity, anisotropy, knn_accuracy,
// effective_rank, calibration_error. Next: metrics_probes.cpp, which runs the model again.
#include <algorithm>
#include <cmath>
#include <limits>

#include <tapedeck/losses/contrastive.h>
#include <tapedeck/train/metrics.h>
#include <tapedeck/train/representation.h>

namespace tapedeck {
namespace {

Tensor indices(const std::vector<int32_t>& rows) { return Tensor::from<int32_t>(rows, {std::ssize(rows)}); }

/// The first rows, where a measure compares all pairs.
Tensor first_rows(const Tensor& z, int64_t most) { return z.shape()[0] <= most ? z : slice(z, 0, 0, most); }

struct OfEmbeddings : Metric {
  bool reads_embeddings() const final { return true; }
  bool measures(Form form) const override { return form != Form::tokens && form != Form::likelihood; }
};

struct Alignment final : OfEmbeddings {
  double power = 2, above = 4;
  int64_t sample = 2000;
  void describe(Fields& f) override {
    f("power", power, "of the distance").above(0);
    f("above", above, "pairs with a score above this are positive").at_least(0);
    f("sample", sample, "without pairs: so many examples at most, of which those of one class are positive").at_least(2);
  }
  bool higher_is_better() const override { return false; }
  void measure(const Measured& what, const std::string& name, Measures& values) const override {
    std::vector<int32_t> left, right;
    if (what.data.texts > 1) pairs(what.data, left, right);
    else classmates(what.data, left, right);
    const Tensor& z = what.predictions.embeddings;
    values[name] = left.empty() ? std::numeric_limits<double>::quiet_NaN()
                                : alignment(gather(z, indices(left)), gather(z, indices(right)), power).item();
  }

 private:
  void pairs(const Dataset& data, std::vector<int32_t>& left, std::vector<int32_t>& right) const {
    for (int64_t i = 0; i < data.size(); ++i) {
      if (!(data.examples[size_t(i)].target > above)) continue;
      left.push_back(int32_t(i * data.texts));
      right.push_back(int32_t(i * data.texts + 1));
    }
  }
  void classmates(const Dataset& data, std::vector<int32_t>& left, std::vector<int32_t>& right) const {
    const int64_t n = std::min(sample, data.size());
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = i + 1; j < n; ++j) {
        const int32_t label = data.examples[size_t(i)].label;
        if (label < 0 || label != data.examples[size_t(j)].label) continue;
        left.push_back(int32_t(i));
        right.push_back(int32_t(j));
      }
  }
};
TAPEDECK_PART(Metric, Alignment, "alignment",
              "Mean |x - y|^power of positive pairs of normalised vectors: pairs with a high score, or two of one class (Wang "
              "and Isola 2020).");

struct Uniformity final : OfEmbeddings {
  double t = 2;
  int64_t sample = 2000;
  void describe(Fields& f) override {
    f("t", t, "of the kernel").above(0);
    f("sample", sample, "so many vectors at most: all pairs of them are compared").at_least(2);
  }
  bool higher_is_better() const override { return false; }
  bool reads_labels() const override { return false; }
  double compute(const Predictions& p) const override { return uniformity(first_rows(p.embeddings, sample), t).item(); }
};
TAPEDECK_PART(Metric, Uniformity, "uniformity",
              "log mean e^(-t |x - y|^2) over pairs of normalised vectors; about -2t when they spread over the whole sphere "
              "(Wang and Isola 2020).");

struct Anisotropy final : OfEmbeddings {
  bool self_pairs = false, absolute = false;
  void describe(Fields& f) override {
    f("self_pairs", self_pairs, "average over all n^2 pairs, a vector with itself included, as published code does");
    f("absolute", absolute, "the absolute value, as in Jiang et al. 2022");
  }
  bool higher_is_better() const override { return false; }
  bool reads_labels() const override { return false; }
  double compute(const Predictions& p) const override {
    const double value = anisotropy(p.embeddings, self_pairs);
    return absolute ? std::abs(value) : value;
  }
};
TAPEDECK_PART(Metric, Anisotropy, "anisotropy",
              "Mean cosine of two different vectors: 0 spread out, 1 all in one direction (Ethayarajh 2019).");

struct KnnAccuracy final : OfEmbeddings {
  int64_t k = 5;
  void describe(Fields& f) override { f("k", k, "neighbours that vote").at_least(1); }
  bool measures(Form form) const override { return form == Form::classes; }
  void measure(const Measured& what, const std::string& name, Measures& values) const override {
    std::vector<int32_t> first, labels;
    for (int64_t i = 0; i < what.data.size(); ++i) {
      first.push_back(int32_t(i * what.data.texts));
      labels.push_back(what.data.examples[size_t(i)].label);
    }
    const Tensor& z = what.predictions.embeddings;
    values[name] = knn_accuracy(what.data.texts == 1 ? z : gather(z, indices(first)), labels, k);
  }
};
TAPEDECK_PART(Metric, KnnAccuracy, "knn_accuracy",
              "Share of examples whose k nearest others in the split, by cosine, vote for their class.");

struct EffectiveRank final : OfEmbeddings {
  bool reads_labels() const override { return false; }
  double compute(const Predictions& p) const override { return effective_rank(p.embeddings); }
};
TAPEDECK_PART(Metric, EffectiveRank, "effective_rank",
              "exp of the entropy of the normalised singular values of the matrix of vectors: how many directions they use (Roy "
              "and Vetterli 2007).");

struct CalibrationError final : Metric {
  int64_t bins = 15;
  void describe(Fields& f) override { f("bins", bins, "of equal width over the confidence").range(1, 10000); }
  bool higher_is_better() const override { return false; }
  double compute(const Predictions& p) const override { return expected_calibration_error(p.probabilities, p.label, bins); }
};
TAPEDECK_PART(Metric, CalibrationError, "calibration_error",
              "Expected calibration error: mean |accuracy - confidence| over bins of confidence (Guo et al. 2017).");

}  // namespace
}  // namespace tapedeck
