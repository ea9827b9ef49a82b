// NT-Xent, the loss of SimCLR (Chen et al. 2020, arXiv 2002.05709): both views of a batch together, every row an anchor, its
// other view the positive, all 2N-1 others the candidates. Next: simcse.cpp, the one-directional relative.
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/nn/layers.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct NtXent final : Objective {
  double temperature = 0.5;
  Similarity similarity = Similarity::cosine;
  bool add_directions = false;
  Choice<Loss> task_loss{"similarity"};

  void describe(Fields& f) override {
    f("temperature", temperature, "tau: similarities are divided by it (paper: 0.5 on small images, 0.1 on ImageNet)").above(0);
    f.names("similarity", similarity, {{"cosine", Similarity::cosine}, {"dot", Similarity::dot}}, "of two rows");
    f.names("scale", add_directions, {{"paper", false}, {"code", true}}, "paper: mean over 2N anchors; code: the two directions added, twice as much");
    f("loss", task_loss, "task loss that evaluation reports; training does not use it");
  }
  const Loss& task() const override { return *task_loss; }
  bool needs_labels() const override { return false; }
  bool couples_examples() const override { return true; }

  Tensor loss(Step& step) override {
    const int64_t texts = step.batch().texts;
    const Tensor z = step.forward().embedding();
    const Tensor a = text_of(z, texts, 0), b = texts > 1 ? text_of(z, texts, 1) : step.forward().embedding();
    return nt_xent(a, b, temperature, similarity) * (add_directions ? 2 : 1);
  }
};
TAPEDECK_PART(Objective, NtXent, "nt_xent", "Two views of a batch, every row against all 2N - 1 others (SimCLR; Chen et al. 2020).",
              {.equation = "L = mean over the 2N rows of -log e^{s(z_i, z_j) / tau} / sum_{k != i} e^{s(z_i, z_k) / tau}, j the other view of i",
               .source = "Chen, Kornblith, Norouzi and Hinton, A Simple Framework for Contrastive Learning of Visual Representations, ICML 2020, "
                         "arXiv 2002.05709, equation 1",
               .cost = "2F + 2B",
               .pitfalls = "Measure with the vectors before the projection: the model's projection is active in training only by default.\n"
                           "More rows per batch mean more negatives, and more false ones.\n"
                           "All rows equal: the loss is ln(2N - 1), a check of the start. A batch of one example: 0."});

}  // namespace
}  // namespace tapedeck
