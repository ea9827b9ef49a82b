// Pairs of sentences against the other sentences of the batch. SimCSE (Gao, Yao, Chen 2021, arXiv 2104.08821): one text under two
// dropout masks, one direction. NT-Xent (SimCLR, Chen et al. 2020, arXiv 2002.05709): every row an anchor, 2N-1 candidates.
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/nn/layers.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct PairContrast : TaskObjective {
  double temperature = 0.05;
  bool mask_equal = true;
  PairContrast() { task_loss = Choice<Loss>("similarity"); }
  bool needs_labels() const override { return false; }
  bool couples_examples() const override { return true; }
  void describe_loss(Fields& f) {
    f.names(
        "duplicates", mask_equal, {{"mask", true}, {"keep", false}},
        "equal texts in a batch: mask, examples that share one are no negatives of each other; keep, they are (original code)");
    f("loss", task_loss, "task loss that evaluation reports; training does not use it");
  }

  Tensor loss(Step& step) final {
    const int64_t texts = step.batch().texts;
    const Tensor first = step.forward().embedding(), a = text_of(first, texts, 0);
    const Tensor b = texts > 1 ? text_of(first, texts, 1) : step.forward().embedding();
    const Tensor equal = mask_equal ? share_a_text(step.batch().equal, texts) : Tensor{};
    return contrast(a, b, texts > 2 ? text_of(first, texts, 2) : Tensor{}, equal);
  }
  /// hard: the third text of each example, a negative, or undefined. equal: which examples share a text, or undefined.
  virtual Tensor contrast(const Tensor& a, const Tensor& b, const Tensor& hard, const Tensor& equal) const = 0;
};

/// With pairs or triplets as data the second text is the pair and the third a hard negative.
struct SimCse final : PairContrast {
  double hard_negative_weight = 1;
  bool both_ways = false;

  void describe(Fields& f) override {
    f("temperature", temperature, "tau: cosines are divided by it").above(0);
    f.names("candidates", both_ways, {{"n", false}, {"2n-1", true}},
            "n: each h_i against all h_j+ (paper); 2n-1: both sides against everything else (NT-Xent)");
    f("hard_negative_weight", hard_negative_weight, "factor on a triplet's own negative inside the sum").above(0);
    describe_loss(f);
  }
  Tensor contrast(const Tensor& a, const Tensor& b, const Tensor& hard, const Tensor& equal) const override {
    if (hard) return simcse_supervised(a, b, hard, temperature, hard_negative_weight, equal);
    return both_ways ? nt_xent(a, b, temperature, Similarity::cosine, equal) : simcse(a, b, temperature, equal);
  }
};
TAPEDECK_PART(
    Objective, SimCse, "simcse", "Dropout twice makes a pair, the batch makes the negatives (Gao et al. 2021).",
    {.equation = "L = mean_i -log e^{cos(h_i, h_i+) / tau} / sum_j e^{cos(h_i, h_j+) / tau}\n"
                 "with triplets: the sum also holds weight^[i=j] e^{cos(h_i, h_j-) / tau}",
     .source = "Gao, Yao and Chen, SimCSE: Simple Contrastive Learning of Sentence Embeddings, EMNLP 2021, arXiv 2104.08821, "
               "equations 1, 4 and 5",
     .cost = "2F + 2B; 3F + 3B with triplets (every text of an example is a row)",
     .pitfalls = "Differs from the code, whose hard_negative_weight w is added to the logit: here it is the factor e^w (0 there "
                 "is 1 here).\n"
                 "Differs from the code, which has equal texts of a batch push each other away: duplicates keep does.\n"
                 "Without dropout, or with one mask for both passes, there is nothing to learn: the two views are equal.\n"
                 "Quality peaks early and falls: evaluate often and keep the best checkpoint.\n"
                 "The weight of a hard negative sits inside the sum; it is no weight of a loss.\n"
                 "A batch of one sentence has no negatives: loss and gradient are 0."});

struct NtXent final : PairContrast {
  Similarity similarity = Similarity::cosine;
  bool add_directions = false;
  NtXent() { temperature = 0.5; }

  void describe(Fields& f) override {
    f("temperature", temperature, "tau: similarities are divided by it (paper: 0.5 on small images, 0.1 on ImageNet)").above(0);
    f.names("similarity", similarity, {{"cosine", Similarity::cosine}, {"dot", Similarity::dot}}, "of two rows");
    f.names("scale", add_directions, {{"paper", false}, {"code", true}},
            "paper: mean over 2N anchors; code: the two directions added, twice as much");
    describe_loss(f);
  }
  Tensor contrast(const Tensor& a, const Tensor& b, const Tensor&, const Tensor& equal) const override {
    return nt_xent(a, b, temperature, similarity, equal) * (add_directions ? 2 : 1);
  }
};
TAPEDECK_PART(
    Objective, NtXent, "nt_xent", "Two views of a batch, every row against all 2N - 1 others (SimCLR; Chen et al. 2020).",
    {.equation =
         "L = mean over the 2N rows of -log e^{s(z_i, z_j) / tau} / sum_{k != i} e^{s(z_i, z_k) / tau}, j the other view of i",
     .source =
         "Chen, Kornblith, Norouzi and Hinton, A Simple Framework for Contrastive Learning of Visual Representations, ICML 2020, "
         "arXiv 2002.05709, equation 1",
     .cost = "2F + 2B",
     .pitfalls = "Measure with the vectors before the projection: the model's projection is active in training only by default.\n"
                 "More rows per batch mean more negatives, and more false ones.\n"
                 "All rows equal: the loss is ln(2N - 1), a check of the start. A batch of one example: 0."});

}  // namespace
}  // namespace tapedeck
