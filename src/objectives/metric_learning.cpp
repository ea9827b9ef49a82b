// Any loss of embeddings as a training method, alone or beside the task loss: triplets, multi-similarity, circle, N-pairs,
// CoSENT, Barlow Twins, VICReg, alignment and uniformity. Next: include/tapedeck/losses/metric.h, where the equations are.
#include <tapedeck/base/error.h>
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/losses/metric.h>
#include <tapedeck/nn/layers.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct EmbeddingLoss : Part {
  static constexpr const char* kind = "embedding_loss";
  void describe(Fields&) override {}
  /// a, b: the two views of every example, [n,d]; a loss of labels sees both in one tensor.
  virtual Tensor operator()(const Tensor& a, const Tensor& b, const Batch& batch) const = 0;
  virtual bool needs_labels() const { return false; }
};

/// A loss of rows and their classes: both views of an example carry its label.
struct LabelledLoss : EmbeddingLoss {
  virtual Tensor value(const Tensor& z, const Tensor& labels) const = 0;
  Tensor operator()(const Tensor& a, const Tensor& b, const Batch& batch) const final {
    if (!batch.labels)
      throw Error(ErrorKind::config, "metric_learning: this embedding loss compares classes, but the data have none",
                  "use one that compares views, such as \"barlow_twins\"");
    const int64_t n = batch.labels.size();
    const Tensor both = Tensor::empty({2 * n}, DType::i32);
    for (int64_t i = 0; i < 2 * n; ++i) both.raw<int32_t>()[i] = batch.labels.raw<int32_t>()[i % n];
    return value(concat({a, b}, 0), both);
  }
  bool needs_labels() const final { return true; }
};

struct TripletLoss final : LabelledLoss {
  Mining mining = Mining::hardest;
  std::optional<double> margin;
  void describe(Fields& f) override {
    f.names("mining", mining, {{"hardest", Mining::hardest}, {"semi_hard", Mining::semi_hard}},
            "hardest: the farthest positive and nearest negative of each anchor; semi_hard: for each positive the nearest "
            "negative beyond it");
    f("margin", margin, "how much farther a negative must be (default: a soft margin, log(1 + e^x))").at_least(0);
  }
  Tensor value(const Tensor& z, const Tensor& labels) const override {
    return triplet_mined(normalize(z), labels, mining, margin);
  }
};
TAPEDECK_PART(EmbeddingLoss, TripletLoss, "triplet",
              "mean max(0, |a - p| - |a - n| + margin) of unit rows, mined in the batch (Schroff et al. 2015; Hermans et al. "
              "2017, eq. 5).");

struct MultiSimilarityLoss final : LabelledLoss {
  MultiSimilarity options;
  void describe(Fields& f) override {
    f("alpha", options.alpha, "sharpness of positives").above(0);
    f("beta", options.beta, "sharpness of negatives").above(0);
    f("base", options.base, "cosine where both are balanced").range(-1, 1);
    f("mining", options.mining, "how far beyond the hardest opposite a pair may be and still count; null: all pairs").at_least(0);
  }
  Tensor value(const Tensor& z, const Tensor& labels) const override { return multi_similarity(z, labels, options); }
};
TAPEDECK_PART(
    EmbeddingLoss, MultiSimilarityLoss, "multi_similarity",
    "mean 1/alpha log(1 + sum_p e^{-alpha (s - base)}) + 1/beta log(1 + sum_n e^{beta (s - base)}) (Wang et al. 2019, eq. 15).");

struct CircleLoss final : LabelledLoss {
  double margin = 0.25, scale = 64;
  void describe(Fields& f) override {
    f("margin", margin, "positives should exceed 1 - margin, negatives stay below it").at_least(0).below(1);
    f("scale", scale, "sharpness (paper: 256 for faces, 80 for fewer classes)").above(0);
  }
  Tensor value(const Tensor& z, const Tensor& labels) const override { return circle(z, labels, margin, scale); }
};
TAPEDECK_PART(EmbeddingLoss, CircleLoss, "circle",
              "log(1 + sum_n e^{scale a_n (s_n - margin)} sum_p e^{-scale a_p (s_p - 1 + margin)}): far pairs pull harder (Sun "
              "et al. 2020).");

struct NPairsLoss final : EmbeddingLoss {
  double l2 = 0.02;
  bool mask_equal = true;
  void describe(Fields& f) override {
    f("l2", l2, "weight of the squared lengths").at_least(0);
    f.names("duplicates", mask_equal, {{"mask", true}, {"keep", false}},
            "equal texts in a batch: mask, examples that share one are no negatives of each other; keep, they are");
  }
  Tensor operator()(const Tensor& a, const Tensor& b, const Batch& batch) const override {
    return n_pairs(a, b, l2, mask_equal ? share_a_text(batch.equal, batch.texts) : Tensor{});
  }
};
TAPEDECK_PART(EmbeddingLoss, NPairsLoss, "n_pairs",
              "mean_i log(1 + sum_{j != i} e^{a_i b_j - a_i b_i}) + l2/4 mean (|a|^2 + |b|^2) (Sohn 2016).");

struct BarlowTwinsLoss final : EmbeddingLoss {
  double weight = 0.005;
  void describe(Fields& f) override { f("off_diagonal", weight, "weight of the correlations between columns").at_least(0); }
  Tensor operator()(const Tensor& a, const Tensor& b, const Batch&) const override { return barlow_twins(a, b, weight); }
};
TAPEDECK_PART(
    EmbeddingLoss, BarlowTwinsLoss, "barlow_twins",
    "sum_i (1 - C_ii)^2 + off_diagonal sum_{i != j} C_ij^2, C the correlations of two views' columns (Zbontar et al. 2021).");

struct VicRegLoss final : EmbeddingLoss {
  VicReg options;
  void describe(Fields& f) override {
    f("similarity", options.similarity, "weight of the distance between the views").at_least(0);
    f("variance", options.variance, "weight of columns whose deviation is below 1").at_least(0);
    f("covariance", options.covariance, "weight of covariances between columns").at_least(0);
  }
  Tensor operator()(const Tensor& a, const Tensor& b, const Batch&) const override { return vicreg(a, b, options); }
};
TAPEDECK_PART(EmbeddingLoss, VicRegLoss, "vicreg",
              "similarity mse(a, b) + variance mean max(0, 1 - deviation) + covariance sum Cov_ij^2 / d (Bardes et al. 2022).");

struct AlignUniformLoss final : EmbeddingLoss {
  double weight = 1, power = 2, t = 2;
  void describe(Fields& f) override {
    f("uniformity", weight, "weight of uniformity").at_least(0);
    f("power", power, "of the distance between views").above(0);
    f("t", t, "of the Gaussian kernel").above(0);
  }
  Tensor operator()(const Tensor& a, const Tensor& b, const Batch&) const override {
    return align_uniform(a, b, weight, power, t);
  }
};
TAPEDECK_PART(EmbeddingLoss, AlignUniformLoss, "align_uniform",
              "mean |a - b|^power + uniformity log mean e^{-t |x - y|^2} of unit rows (Wang and Isola 2020).");

struct CoSentLoss final : EmbeddingLoss {
  double scale = 20;
  void describe(Fields& f) override { f("scale", scale, "cosines are multiplied by it").above(0); }
  Tensor operator()(const Tensor& a, const Tensor& b, const Batch& batch) const override {
    if (!batch.targets)
      throw Error(ErrorKind::config, "metric_learning: cosent orders pairs by their scores, but the data have none",
                  "use data with numbers as labels");
    return cosent(a, b, batch.targets, scale);
  }
  bool needs_labels() const override { return true; }
};
TAPEDECK_PART(
    EmbeddingLoss, CoSentLoss, "cosent",
    "log(1 + sum e^{scale (cos_j - cos_i)}) over pairs where i has the larger score: order, not value (kexue.fm/archives/8847).");

struct MetricLearning final : TaskObjective {
  Choice<EmbeddingLoss> embedding_loss{"triplet"};
  double weight = 0.5;

  void describe(Fields& f) override {
    f("embedding_loss", embedding_loss, "what embeddings are compared by");
    f("weight", weight, "share of the embedding loss; 1: it alone").range(0, 1);
    f("loss", task_loss, "task loss, mean over the passes");
  }
  bool needs_labels() const override { return weight < 1 || embedding_loss->needs_labels(); }
  bool couples_examples() const override { return true; }

  Tensor loss(Step& step) override {
    const int64_t texts = step.batch().texts;
    const View first = step.forward();
    const bool pairs = texts > 1;
    const View second = pairs ? first : step.forward();
    const Tensor a = text_of(first.embedding(), texts, 0), b = text_of(second.embedding(), texts, pairs ? 1 : 0);
    const Tensor pull = (*embedding_loss)(a, b, step.batch());
    step.report("embedding_loss", pull.item());
    if (weight == 1) return pull;
    const Tensor task = pairs ? step.loss(first) : (step.loss(first) + step.loss(second)) * 0.5;
    return task * (1 - weight) + pull * weight;
  }
};
TAPEDECK_PART(Objective, MetricLearning, "metric_learning",
              "A loss of embeddings beside the task loss: triplet, circle, vicreg and others.",
              {.equation = "L = (1 - weight) L_task + weight M(z, z'), z and z' the embeddings of two dropout passes, or of the "
                           "two texts of a pair",
               .source = "the papers of the embedding losses: tapedeck list embedding_loss",
               .cost = "2F + 2B; with pairs of texts both are rows of one pass",
               .pitfalls = "Losses of classes need several rows of a class in a batch: use the sampler balanced.\n"
                           "A batch without triplets or pairs to compare has loss and gradient 0.\n"
                           "The losses read z, not z / |z|, where their definition says so: n_pairs, barlow_twins and vicreg fix "
                           "the scale themselves.\n"
                           "Embeddings are the model's projection if it has one, else the pooled vector."});

}  // namespace
}  // namespace tapedeck
