// SimCSE (Gao, Yao, Chen 2021, arXiv 2104.08821): the same sentence under two dropout masks is a pair, the other sentences
// of the batch are not; with pairs or triplets as data the second text is the pair and the third a hard negative.
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/nn/layers.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct SimCse final : Objective {
  double temperature = 0.05, hard_negative_weight = 1;
  bool both_ways = false;
  Choice<Loss> task_loss{"similarity"};

  void describe(Fields& f) override {
    f("temperature", temperature, "tau: cosines are divided by it").above(0);
    f.names("candidates", both_ways, {{"n", false}, {"2n-1", true}},
            "n: each h_i against all h_j+ (paper); 2n-1: both sides against everything else (NT-Xent)");
    f("hard_negative_weight", hard_negative_weight, "factor on a triplet's own negative inside the sum").above(0);
    f("loss", task_loss, "task loss that evaluation reports; training does not use it");
  }
  const Loss& task() const override { return *task_loss; }
  bool needs_labels() const override { return false; }
  bool couples_examples() const override { return true; }

  Tensor loss(Step& step) override {
    const int64_t texts = step.batch().texts;
    const Tensor first = step.forward().embedding(), a = text_of(first, texts, 0);
    const Tensor b = texts > 1 ? text_of(first, texts, 1) : step.forward().embedding();
    if (texts > 2) return simcse_supervised(a, b, text_of(first, texts, 2), temperature, hard_negative_weight);
    return both_ways ? nt_xent(a, b, temperature) : simcse(a, b, temperature);
  }
};
TAPEDECK_PART(Objective, SimCse, "simcse", "Dropout twice makes a pair, the batch makes the negatives (Gao et al. 2021).",
              {.equation = "L = mean_i -log e^{cos(h_i, h_i+) / tau} / sum_j e^{cos(h_i, h_j+) / tau}\n"
                           "with triplets: the sum also holds weight^[i=j] e^{cos(h_i, h_j-) / tau}",
               .source = "Gao, Yao and Chen, SimCSE: Simple Contrastive Learning of Sentence Embeddings, EMNLP 2021, arXiv 2104.08821, "
                         "equations 1, 4 and 5",
               .cost = "2F + 2B; 3F + 3B with triplets (every text of an example is a row)",
               .pitfalls = "Without dropout, or with one mask for both passes, there is nothing to learn: the two views are equal.\n"
                           "Quality peaks early and falls: evaluate often and keep the best checkpoint.\n"
                           "The weight of a hard negative sits inside the sum; it is no weight of a loss.\n"
                           "A batch of one sentence has no negatives: loss and gradient are 0."});

}  // namespace
}  // namespace tapedeck
